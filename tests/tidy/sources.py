"""What the style rules read: the files of a repository, parsed once.

A rule is a function from a `Repository` to problems, each a line "path:line: what is wrong". The
same function runs over this repository and over small bad ones made by `sample`, so that every
rule is seen to fail.
"""

from __future__ import annotations

import ast
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pytest

__all__ = ["PACKAGE_ROOTS", "Module", "Repository", "none_of", "sample"]

PACKAGE_ROOTS = {"colonyledger": "sdk", "projections": "", "services": "", "schemas": "", "infra": ""}
"""The packages that are shipped, with the folder that holds each."""


class Module(NamedTuple):
    """A Python file and its syntax tree; `name` is dotted for files of shipped packages, else empty."""

    path: str
    name: str
    tree: ast.Module


class Repository:
    """The files below `root` that `names` (relative, with slashes) lists."""

    def __init__(self, root: Path, names: list[str]) -> None:
        self.root = root
        self.names = names

    def text(self, name: str) -> str | None:
        """The content of a file, None if it is not text."""
        try:
            content = (self.root / name).read_text("utf-8")
        except UnicodeDecodeError:
            return None
        return None if "\0" in content else content

    @cached_property
    def texts(self) -> dict[str, str]:
        """All text files by name."""
        contents = ((name, self.text(name)) for name in self.names)
        return {name: content for name, content in contents if content is not None}

    @cached_property
    def modules(self) -> list[Module]:
        """All Python files."""
        return [
            Module(name, _dotted(name), ast.parse(content, name))
            for name, content in self.texts.items()
            if name.endswith(".py")
        ]

    def markdown(self) -> dict[str, str]:
        """All Markdown files by name."""
        return {name: content for name, content in self.texts.items() if name.endswith(".md")}


def sample(root: Path, files: dict[str, str]) -> Repository:
    """A repository of `files` (name to content), written below `root`."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return Repository(root, sorted(files))


def none_of(problems: list[str]) -> None:
    """Fail the test with the list of problems, if there are any."""
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def _dotted(name: str) -> str:
    parts = name.removesuffix(".py").split("/")
    if parts[0] == "sdk":
        parts = parts[1:]
    if not parts or parts[0] not in PACKAGE_ROOTS or name.startswith("sdk/") != (parts[0] == "colonyledger"):
        return ""
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
