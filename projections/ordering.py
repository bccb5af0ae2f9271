"""Orders over things that leave from the middle: a heap and a series whose stale entries are dropped late.

An entry is a tuple that ends with an id; it is live as long as the owner says so (`alive`). Leaving
costs O(1): the entry stays behind until it is met, or until the stale ones outnumber the live ones
and all are swept at once, so every operation is O(log n) amortised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from typing import Any

__all__ = ["Entry", "Heap", "Series"]

Entry = tuple[Any, ...]

_SWEEP_ABOVE = 64
"""Fewest stale entries that are worth a sweep."""


class Heap:
    """Entries in ascending order. `live` counts those that have not left."""

    __slots__ = ("_alive", "_items", "live")

    def __init__(self, alive: Callable[[Entry], bool]) -> None:
        self._alive = alive
        self._items: list[Entry] = []
        self.live = 0

    def add(self, entry: Entry) -> None:
        """Put an entry in its place."""
        heappush(self._items, entry)
        self.live += 1

    def left(self) -> None:
        """Take note that one entry is no longer alive."""
        self.live -= 1
        stale = len(self._items) - self.live
        if stale > self.live and stale > _SWEEP_ABOVE:
            self._items = [entry for entry in self._items if self._alive(entry)]
            heapify(self._items)

    def first(self) -> Entry | None:
        """The smallest live entry; it stays."""
        items = self._items
        while items:
            entry = items[0]
            if self._alive(entry):
                return entry
            heappop(items)
        return None

    def __iter__(self) -> Iterator[Entry]:
        """The live entries in ascending order, each found in O(log of those given so far)."""
        items = self._items
        frontier = [(items[0], 0)] if items else []
        while frontier:
            entry, place = heappop(frontier)
            if self._alive(entry):
                yield entry
            for below in (2 * place + 1, 2 * place + 2):
                if below < len(items):
                    heappush(frontier, (items[below], below))


class Series:
    """Entries in the order in which they came. `live` counts those that have not left."""

    __slots__ = ("_alive", "_items", "live")

    def __init__(self, alive: Callable[[Entry], bool]) -> None:
        self._alive = alive
        self._items: list[Entry] = []
        self.live = 0

    def add(self, entry: Entry) -> None:
        """Put an entry at the end."""
        self._items.append(entry)
        self.live += 1

    def left(self) -> None:
        """Take note that one entry is no longer alive."""
        self.live -= 1
        stale = len(self._items) - self.live
        if stale > self.live and stale > _SWEEP_ABOVE:
            self._items = [entry for entry in self._items if self._alive(entry)]

    def __iter__(self) -> Iterator[Entry]:
        """The live entries, oldest first."""
        return filter(self._alive, self._items)

    def __reversed__(self) -> Iterator[Entry]:
        """The live entries, newest first."""
        return filter(self._alive, reversed(self._items))
