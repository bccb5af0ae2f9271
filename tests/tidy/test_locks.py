"""What is installed is exactly what was locked, from wherever the machine's own package index is."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.tidy.sources import Repository, none_of, sample

REQUIREMENT = re.compile(r"[a-z0-9][a-z0-9._-]*(?:\[[a-z0-9,._-]+\])?==[^\s;]+(?: ; .+?)? \\$")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?$")
PLACE = re.compile(
    r"://|(?:--|-)(?:i|index-url|extra-index-url|f|find-links|trusted-host)\b|\"resolved\"", re.ASCII
)


def lock_problems(repository: Repository) -> list[str]:
    problems = []
    for name, text in repository.texts.items():
        if name.endswith((".lock", "package-lock.json", "npm-shrinkwrap.json")):
            for number, line in enumerate(text.splitlines(), 1):
                if found := PLACE.search(line):
                    problems.append(f"{name}:{number}: {found[0]!r}: a lock file names no place")
                python = name.endswith(".lock") and line and not line.lstrip().startswith("#")
                if python and not REQUIREMENT.match(line) and not HASH.match(line):
                    problems.append(f"{name}:{number}: neither name==version nor a SHA-256")
    return problems


def unlocked(repository: Repository) -> list[str]:
    """Dependencies of the two projects that the lock file does not have: `make lock` was forgotten."""
    lock = repository.texts["requirements.lock"]
    locked = {_normal(found[0]) for found in re.finditer(r"^[a-z0-9._-]+(?=[\[=])", lock, re.MULTILINE)}
    problems = []
    for name in ("pyproject.toml", "sdk/pyproject.toml"):
        project = tomllib.loads(repository.texts[name])
        for requirement in _requirements(project):
            found = re.match(r"[A-Za-z0-9._-]+", requirement)
            if found and _normal(found[0]) not in {*locked, "colonyledger"}:
                problems.append(f"{name}:1: {requirement!r} is not in requirements.lock; run make lock")
    return problems


def _requirements(project: dict[str, Any]) -> list[str]:
    requirements: list[str] = list(project["project"].get("dependencies", []))
    for group in project["project"].get("optional-dependencies", {}).values():
        requirements += group
    for group in project.get("dependency-groups", {}).values():
        requirements += group
    return requirements


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_locks_are_exact_and_name_no_place(repository: Repository) -> None:
    none_of(lock_problems(repository))


def test_everything_is_locked(repository: Repository) -> None:
    none_of(unlocked(repository))


GOOD = (
    "# made by make lock\nuv==1.2 ; python_version > '3' \\\n    --hash=sha256:"
    + "a" * 64
    + "\n    # via -r x\n"
)


def test_a_good_lock_passes(tmp_path: Path) -> None:
    assert lock_problems(sample(tmp_path, {"requirements.lock": GOOD})) == []


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.org/simple",
        "--find-links wheels",
        "uv>=1.2 \\",
        "uv==1.2",
        "uv @ https://example.org/uv.whl",
        "    --hash=md5:" + "a" * 32,
    ],
)
def test_a_bad_lock_is_found(tmp_path: Path, line: str) -> None:
    problems = lock_problems(sample(tmp_path, {"requirements.lock": f"{GOOD}{line}\n"}))
    assert problems
    assert all(problem.startswith("requirements.lock:5:") for problem in problems)


def test_an_npm_lock_with_a_place_is_found(tmp_path: Path) -> None:
    lock = json.dumps({"packages": {"a": {"resolved": "https://example.org/a.tgz"}}}, indent=1)
    assert len(lock_problems(sample(tmp_path, {"web/package-lock.json": lock}))) == 1


def test_an_unlocked_dependency_is_found(tmp_path: Path) -> None:
    project = '[project]\ndependencies = ["UV>=1", "rich>=14"]\n[dependency-groups]\ndev = ["ruff"]\n'
    files = {"pyproject.toml": project, "sdk/pyproject.toml": "[project]\n", "requirements.lock": GOOD}
    assert len(unlocked(sample(tmp_path, files))) == 2
