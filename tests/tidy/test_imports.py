"""Who may import whom: the contracts in pyproject.toml, kept by import-linter."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.tidy.sources import Repository, none_of, sample

LINT = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache", "--config"]


def broken_contracts(repository: Repository, folder: Path) -> list[str]:
    """What import-linter says of the packages in `folder` under our contracts, if one is broken."""
    command = [*LINT, str(repository.root / "pyproject.toml")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return [] if done.returncode == 0 else [done.stdout + done.stderr]


def forbidden_modules(repository: Repository) -> list[str]:
    contracts = tomllib.loads(repository.texts["pyproject.toml"])["tool"]["importlinter"]["contracts"]
    return sorted(name for contract in contracts for name in contract.get("forbidden_modules", []))


def test_contracts_are_kept(repository: Repository) -> None:
    none_of(broken_contracts(repository, repository.root))


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("colonyledger.record", "projections.queue"),
        ("colonyledger.record", "services.ledger.base"),
        ("projections.queue", "services.ledger.base"),
        ("projections.queue", "a forbidden module of the SDK"),
        ("services.archive.stores", "services.ingress"),
    ],
)
def test_a_broken_contract_is_found(
    repository: Repository, tmp_path: Path, importer: str, imported: str
) -> None:
    forbidden = forbidden_modules(repository)
    for target in forbidden if " " in imported else [imported]:
        modules = [
            "colonyledger.record",
            "colonyledger.wire.users",
            "projections.queue",
            "services.archive.stores",
            "services.ledger.base",
        ]
        folder = tmp_path / target
        _packages(folder, [*modules, *forbidden])
        none_of(broken_contracts(repository, folder))
        (folder / _path(importer)).write_text(f"import {target}\n", "utf-8")
        report = "".join(broken_contracts(repository, folder))
        assert f"{importer} -> {target}" in report


def _packages(folder: Path, modules: list[str]) -> None:
    """Packages of empty modules below `folder`."""
    files = {_path(module): "" for module in modules}
    files |= {f"{parent}/__init__.py": "" for name in files for parent in list(Path(name).parents)[:-1]}
    sample(folder, files)


def _path(module: str) -> str:
    return f"{module.replace('.', '/')}.py"
