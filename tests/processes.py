"""Processes that a process has started."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["children_of"]


def children_of(pid: int) -> list[int]:
    """The children of a process, those included that have ended and that it does not know of yet."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread that has ended since the directory was read has no children: they went to another one.
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (task / "children").read_text().split())
    return sorted(found)
