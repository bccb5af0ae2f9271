"""Modules are named for what they do, not for having no other place."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from tests.tidy.sources import Repository, none_of, sample

EMPTY_NAMES = frozenset(
    [
        "common",
        "commons",
        "helper",
        "helpers",
        "manager",
        "managers",
        "misc",
        "shared",
        "tools",
        "util",
        "utils",
    ]
)


def empty_names(repository: Repository) -> list[str]:
    problems = []
    for module in repository.modules:
        path = PurePosixPath(module.path)
        problems += [
            f"{module.path}:1: {part!r} says nothing; name it for its one reason to change"
            for part in (*path.parent.parts, path.stem)
            if part.rpartition("_")[2] in EMPTY_NAMES
        ]
    return problems


def test_names_say_something(repository: Repository) -> None:
    none_of(empty_names(repository))


def test_empty_names_are_found(tmp_path: Path) -> None:
    bad = ["services/utils.py", "services/common/wire.py", "tests/db_helpers.py"]
    repository = sample(tmp_path, dict.fromkeys([*bad, "services/ledger/base.py"], ""))
    assert sorted(problem.partition(":")[0] for problem in empty_names(repository)) == sorted(bad)
