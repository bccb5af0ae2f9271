"""Nothing half-done is committed. Commented-out code is found by ruff (ERA)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.tidy.sources import Repository, none_of, sample

# A character class keeps the pattern from finding itself.
LEFTOVER = re.compile(
    r"\b(?:T[O]DO|F[I]XME|X[X]X|H[A]CK)\b|^(?:<{7}|>{7}) |\bbreakpoin[t]\(|\bpdb\.set_trac[e]\("
)
SUPPRESSION = re.compile(
    r"#\s*(?:noqa\s*(?:#|$)|type:\s*ignore\s*(?:#|$)|ruff:\s*noqa\s*(?:#|$)|mypy:\s*ignore-errors)"
)


def leftovers(repository: Repository) -> list[str]:
    problems = []
    for name, text in repository.texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            if found := LEFTOVER.search(line):
                problems.append(f"{name}:{number}: {found[0].strip()!r} was left over")
            if name.endswith(".py") and (found := SUPPRESSION.search(line)):
                problems.append(f"{name}:{number}: {found[0].strip()!r} hides everything; name the rule")
    return problems


def test_nothing_is_left_over(repository: Repository) -> None:
    none_of(leftovers(repository))


@pytest.mark.parametrize(
    "line",
    [
        "x = 1  # TO" + "DO: more",
        "# FIX" + "ME",
        "<" * 7 + " HEAD",
        "    break" + "point()",
        "import x  # no" + "qa",
        "y = x  # type: " + "ignore",
    ],
)
def test_a_leftover_is_found(tmp_path: Path, line: str) -> None:
    assert len(leftovers(sample(tmp_path, {"a.py": f"pass\n{line}\n"}))) == 1


def test_named_suppressions_and_templates_are_fine(tmp_path: Path) -> None:
    good = "x = 1  # noqa: E741\ny = x  # type: ignore[misc]\nmktemp('a.XXXXXX')\n"
    assert leftovers(sample(tmp_path, {"a.py": good})) == []
