"""Every shipped module is reached from something that a person or a machine starts."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

from tests.tidy.sources import PACKAGE_ROOTS, Module, Repository, none_of, sample

STARTED = re.compile(r"-m[ \"',]+([A-Za-z_][\w.]*)")
"""`python -m module` in a Makefile, script or list of arguments."""


def dead_modules(repository: Repository) -> list[str]:
    """Modules that no entry point imports, directly or through others.

    Entry points are the SDK's public package, scripts and plug-ins of the two projects, modules that
    can be run, and every module of the examples and benchmarks. Naming a module in a string, as
    plug-ins and servers do, counts as importing it. What only tests import is dead.
    """
    shipped = {module.name: module for module in repository.modules if module.name}
    reached: set[str] = set()
    waiting = _entry_points(repository, shipped)
    while waiting:
        name = waiting.pop()
        if name in shipped and name not in reached:
            reached.add(name)
            waiting |= _named(shipped[name], set(shipped)) | _packages(name)
    return [
        f"{module.path}:1: nothing that is started imports {name}"
        for name, module in sorted(shipped.items())
        if name not in reached and not module.path.endswith("__init__.py")
    ]


def _entry_points(repository: Repository, shipped: dict[str, Module]) -> set[str]:
    found = {"colonyledger"}
    for name, text in repository.texts.items():
        if name in {"pyproject.toml", "sdk/pyproject.toml"}:
            project = tomllib.loads(text).get("project", {})
            groups = [project.get("scripts", {}), *project.get("entry-points", {}).values()]
            found |= {target.partition(":")[0] for group in groups for target in group.values()}
        elif not name.startswith(("tests/", "docs/")) and not name.endswith(".md"):
            found |= set(STARTED.findall(text))
    for module in repository.modules:
        if module.name:
            if module.name.endswith("__main__"):
                found.add(module.name)
        elif not module.path.startswith("tests/"):
            found |= _named(module, set(shipped))
    return found


def _named(module: Module, shipped: set[str]) -> set[str]:
    """The shipped modules that `module` imports or names in a string."""
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value.partition(":")[0])
    return found & shipped


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    up = node.level - module.path.endswith("__init__.py")
    return ".".join([*parts[: len(parts) - up], *([node.module] if node.module else [])])


def _packages(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts))}


def test_no_module_is_dead(repository: Repository) -> None:
    none_of(dead_modules(repository))


def test_every_package_is_seen(repository: Repository) -> None:
    assert {module.name.split(".")[0] for module in repository.modules if module.name} == set(PACKAGE_ROOTS)


def test_dead_modules_are_found(tmp_path: Path) -> None:
    files = {
        "sdk/pyproject.toml": '[project.scripts]\ncolony = "colonyledger.cli:main"\n',
        "sdk/colonyledger/__init__.py": "from .client import Client",
        "sdk/colonyledger/client.py": "",
        "sdk/colonyledger/cli.py": "APP = 'services.ingress.app:app'",
        "sdk/colonyledger/forgotten.py": "",
        "services/__init__.py": "",
        "services/ingress/app.py": "from projections import queue",
        "services/worker.py": "",
        "services/check.py": "",
        "projections/queue.py": "",
        "projections/left.py": "import projections.right",
        "projections/right.py": "import projections.left",
        "tests/projections/test_left.py": "import projections.left",
        "Makefile": "work:\n\tpython -m services.worker\n",
        "benchmarks/fold.py": "from services.check import check",
    }
    assert [problem.partition(":")[0] for problem in dead_modules(sample(tmp_path, files))] == [
        "sdk/colonyledger/forgotten.py",
        "projections/left.py",
        "projections/right.py",
    ]
