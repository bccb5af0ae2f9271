"""Files and functions stay small enough to read in one go."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.tidy.sources import Repository, none_of, sample

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
MAX_FILE_BYTES = 256 * 1024

LONG_FILES = ("LICENSE", "CHANGELOG.md")
"""Files that may have any number of lines, beside lock files, which a program writes."""
LARGE_FILES = ("requirements.lock",)
"""Committed data that may be larger than the limit, each a prefix of a path."""


def long_files(repository: Repository) -> list[str]:
    return [
        f"{name}:{lines}: a file has at most {MAX_FILE_LINES} lines; split it by reasons to change"
        for name, text in repository.texts.items()
        if (lines := text.count("\n")) > MAX_FILE_LINES and not name.endswith((".lock", *LONG_FILES))
    ]


def long_functions(repository: Repository) -> list[str]:
    problems = []
    for module in repository.modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1 - _docstring_lines(node)
                if lines > MAX_FUNCTION_LINES:
                    problems.append(
                        f"{module.path}:{node.lineno}: {node.name} has {lines} lines without its docstring; "
                        f"a function has at most {MAX_FUNCTION_LINES}"
                    )
    return problems


def large_files(repository: Repository) -> list[str]:
    return [
        f"{name}:1: {size} bytes; a committed file has at most {MAX_FILE_BYTES}, or is listed in LARGE_FILES"
        for name in repository.names
        if (size := (repository.root / name).stat().st_size) > MAX_FILE_BYTES
        and not name.startswith(LARGE_FILES)
    ]


def _docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    if ast.get_docstring(function, clean=False) is None:
        return 0
    docstring = function.body[0]
    return (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1


def test_files_are_short(repository: Repository) -> None:
    none_of(long_files(repository))


def test_functions_are_short(repository: Repository) -> None:
    none_of(long_functions(repository))


def test_files_are_light(repository: Repository) -> None:
    none_of(large_files(repository))


@pytest.mark.parametrize(("lines", "problems"), [(MAX_FILE_LINES, 0), (MAX_FILE_LINES + 1, 1)])
def test_a_long_file_is_found(tmp_path: Path, lines: int, problems: int) -> None:
    repository = sample(tmp_path, {"services/long.py": "pass\n" * lines, "requirements.lock": "a\n" * 999})
    assert len(long_files(repository)) == problems


@pytest.mark.parametrize(("lines", "problems"), [(MAX_FUNCTION_LINES - 1, 0), (MAX_FUNCTION_LINES, 1)])
def test_a_long_function_is_found(tmp_path: Path, lines: int, problems: int) -> None:
    body = '    """One.\n\n    Two.\n    """\n' + "    pass\n" * lines
    repository = sample(tmp_path, {"a.py": f"class A:\n  async def f(self):\n{body}"})
    assert len(long_functions(repository)) == problems


def test_a_large_file_is_found(tmp_path: Path) -> None:
    repository = sample(tmp_path, {"big.bin": "x" * (MAX_FILE_BYTES + 1), "small.bin": "x"})
    assert [problem.partition(":")[0] for problem in large_files(repository)] == ["big.bin"]
