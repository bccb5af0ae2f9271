"""What a colony can be full of, and what is measured in it then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.folded import Folded

__all__ = ["Crowd", "Operation"]

Operation = Callable[[Folded], object]


class Crowd(NamedTuple):
    """A colony with many things of one kind."""

    name: str
    build: Callable[[Folded, int], None]
    """Called with the colony and how many things to put into it."""
    operations: Sequence[tuple[str, Operation]]
    largest: int = 10**9
    """More of them than this are not allowed, or tell nothing new."""
