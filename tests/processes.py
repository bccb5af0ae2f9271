"""Processes that tests start, or that those have started."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer

__all__ = ["children_of", "killed_when_late"]

_PATIENCE = 60.0
"""Seconds."""


def children_of(pid: int) -> list[int]:
    """The children of a process, those included that have ended and that it does not know of yet."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread that has ended since the directory was read has no children: they went to another one.
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (task / "children").read_text().split())
    return sorted(found)


@contextmanager
def killed_when_late(process: subprocess.Popen[str]) -> Iterator[None]:
    """Whoever reads what the process says does so for a minute at most."""
    timer = Timer(_PATIENCE, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
