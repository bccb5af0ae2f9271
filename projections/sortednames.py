"""Names in ascending order, of which the ones with a common start are found without looking at the others."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator

__all__ = ["SortedNames"]

_LONGEST_RUN = 512
"""Names that stand in one list; adding and removing moves at most so many."""


class SortedNames:
    """Distinct names, compared by code point, in runs that follow each other.

    Finding costs O(log n), adding and removing O(log n) and a move within one short run.
    """

    __slots__ = ("_runs", "_starts")

    def __init__(self) -> None:
        self._runs: list[list[str]] = []
        self._starts: list[str] = []
        """The first name of each run."""

    def add(self, name: str) -> None:
        """Put a new name in its place."""
        if not self._runs:
            self._runs.append([])
            self._starts.append(name)
        place = self._place(name)
        run = self._runs[place]
        insort(run, name)
        self._starts[place] = run[0]
        if len(run) > _LONGEST_RUN:
            half = len(run) // 2
            self._runs.insert(place + 1, run[half:])
            self._starts.insert(place + 1, run[half])
            del run[half:]

    def remove(self, name: str) -> None:
        """Take a name away that is there."""
        place = self._place(name)
        run = self._runs[place]
        del run[bisect_left(run, name)]
        if run:
            self._starts[place] = run[0]
        else:
            del self._runs[place], self._starts[place]

    def starting_with(self, prefix: str) -> Iterator[str]:
        """The names that start with `prefix`, in order; all of them if it is empty."""
        first = self._place(prefix)
        for place in range(first, len(self._runs)):
            run = self._runs[place]
            start = bisect_left(run, prefix) if place == first else 0
            for index in range(start, len(run)):
                if not run[index].startswith(prefix):
                    return
                yield run[index]

    def _place(self, name: str) -> int:
        """The run in which `name` stands or belongs."""
        return max(bisect_right(self._starts, name) - 1, 0)
