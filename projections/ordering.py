"""Things in an order, of which any may leave: adding, leaving and finding the first ones cost O(log n).

They stand in short runs that follow each other, so that no operation moves or looks at many of them.
Most come at the end and leave at the start, which is quicker still.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

__all__ = ["Ordered"]

T = TypeVar("T")

_LONGEST_RUN = 256
"""Things that stand in one list; adding and leaving moves at most so many."""


class Ordered(Generic[T]):
    """Things in ascending order of their keys; no two have the same key, and it changes for none that is here."""

    __slots__ = ("_highest", "_key", "_last", "_runs", "_starts")

    def __init__(self, key: Callable[[T], Any], first: T) -> None:
        self._key = key
        self._highest = key(first)
        """A key that none here is greater than."""
        self._last = [first]
        self._runs = [self._last]
        self._starts = [self._highest]
        """For each run a key that is not greater than any in it, and greater than all in the runs before."""

    def add(self, item: T) -> None:
        """Put something in its place."""
        place = self._key(item)
        if place < self._highest:
            self._insert(place, item)
            return
        self._highest = place
        if len(self._last) < _LONGEST_RUN:
            self._last.append(item)
        else:
            self._last = [item]
            self._runs.append(self._last)
            self._starts.append(place)

    def _insert(self, place: Any, item: T) -> None:
        index = max(bisect_right(self._starts, place) - 1, 0)
        run = self._runs[index]
        insort(run, item, key=self._key)
        self._starts[index] = min(self._starts[index], place)
        if len(run) > _LONGEST_RUN:
            half = len(run) // 2
            self._runs.insert(index + 1, run[half:])
            self._starts.insert(index + 1, self._key(run[half]))
            del run[half:]
            self._last = self._runs[-1]

    def remove(self, item: T) -> bool:
        """Take something away that is here; gives whether anything is left. What is empty must not be used again."""
        run = self._runs[0]
        if run[0] is item:
            index = 0
            del run[0]
        else:
            place = self._key(item)
            index = bisect_right(self._starts, place) - 1
            run = self._runs[index]
            del run[bisect_left(run, place, key=self._key)]
        if run:
            return True
        del self._runs[index], self._starts[index]
        if not self._runs:
            return False
        self._last = self._runs[-1]
        return True

    @property
    def first(self) -> T:
        """The one with the smallest key."""
        return self._runs[0][0]

    def since(self, bound: Any, key: Callable[[T], Any]) -> Iterator[T]:
        """Those for which `key` gives `bound` or more; it must ascend as the order's own does."""
        index = bisect_left(self._runs, bound, key=lambda run: key(run[-1]))
        for run in self._runs[index : index + 1]:
            yield from run[bisect_left(run, bound, key=key) :]
        for later in range(index + 1, len(self._runs)):
            yield from self._runs[later]

    def __iter__(self) -> Iterator[T]:
        for run in self._runs:
            yield from run

    def __reversed__(self) -> Iterator[T]:
        for run in reversed(self._runs):
            yield from reversed(run)
