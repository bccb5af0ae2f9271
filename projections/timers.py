"""Deadlines by the log's clock: one heap per partition.

A timer is never taken back. When it is due, its kind looks whether what it was set for still holds,
by comparing a stamp, and only then fires. Timers that no longer hold are swept when they pile up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from projections.state import State
    from projections.turn import Turn

__all__ = ["TIMERS", "Timer", "TimerKind", "Timers", "timer"]

Timer = tuple[int, int, str, str, int]
"""Deadline, order among those of one deadline, kind, key and stamp."""

_SWEEP_ABOVE = 4096
"""Fewest timers that are worth a sweep."""

_SWEPT_AT_ONCE = 4
"""Timers that a sweep looks at with each record, and with each timer set: no record waits for a long sweep."""


class TimerKind(NamedTuple):
    """What a kind of timer means."""

    holds: Callable[[State, str, int], Any]
    """Called with (state, key, stamp): what the timer is about, None if it no longer matters."""
    fire: Callable[[Turn, Any], None]
    """Called with the turn and what `holds` gave, once the deadline has come."""


TIMERS: dict[str, TimerKind] = {}
"""Every kind of timer by name."""


def timer(
    kind: str, holds: Callable[[State, str, int], Any]
) -> Callable[[Callable[[Turn, Any], None]], Callable[[Turn, Any], None]]:
    """Register the decorated function as what happens when a timer of `kind` is due and holds."""

    def register(fire: Callable[[Turn, Any], None]) -> Callable[[Turn, Any], None]:
        TIMERS[kind] = TimerKind(holds, fire)
        return fire

    return register


class Timers:
    """The deadlines of one partition, in nanoseconds since 1970, earliest first."""

    __slots__ = ("_heap", "_set", "_set_before", "_sweep_at", "_unswept")

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._unswept: list[Timer] = []
        """What a sweep has still to look at; a heap as well, and as good as the other one."""
        self._set = 0
        """How many were ever set."""
        self._set_before = 0
        """How many were set when a sweep last looked at some."""
        self._sweep_at = _SWEEP_ABOVE

    def __len__(self) -> int:
        return len(self._heap) + len(self._unswept)

    @property
    def earliest(self) -> int | None:
        """When the next timer is due."""
        heap = self._first_heap()
        return heap[0][0] if heap else None

    def _first_heap(self) -> list[Timer]:
        heap, unswept = self._heap, self._unswept
        return unswept if unswept and (not heap or unswept[0] < heap[0]) else heap

    def set(self, deadline: int, kind: str, key: str, stamp: int, order: int = 0) -> None:
        """Have `kind` fire once the clock reaches `deadline`.

        Ties fire in order of `order`, kind and key: setting a timer again, before or after the first one was
        dropped because it did not hold, changes nothing.
        """
        heappush(self._heap, (deadline, order, kind, key, stamp))
        self._set += 1

    def prune(self, state: State) -> None:
        """Drop the earliest timers for as long as they no longer hold, so that `earliest` is one that matters.

        What does not hold would not fire: dropping it early changes nothing that a fold gives.
        """
        while heap := self._first_heap():
            if _holds(state, heap[0]):
                return
            heappop(heap)

    def take_due(self, now: int) -> tuple[str, str, int] | None:
        """Take the earliest timer whose deadline has come: its kind, key and stamp."""
        heap = self._first_heap()
        if not heap or heap[0][0] > now:
            return None
        _, _, kind, key, stamp = heappop(heap)
        return kind, key, stamp

    def sweep(self, state: State) -> None:
        """Drop what no longer holds, a few at a time, once there are twice as many timers as after the last sweep."""
        unswept = self._unswept
        if not unswept:
            if len(self._heap) > self._sweep_at:
                self._heap, self._unswept = [], self._heap
                self._set_before = self._set
            return
        at_once = _SWEPT_AT_ONCE * (1 + self._set - self._set_before)
        self._set_before = self._set
        for _ in range(min(at_once, len(unswept))):
            entry = unswept.pop()  # the last one of a heap can go without a change to the others
            if _holds(state, entry):
                heappush(self._heap, entry)
        if not unswept:
            self._sweep_at = max(_SWEEP_ABOVE, 2 * len(self._heap))

    @property
    def counters(self) -> tuple[int, int]:
        """How many were ever set, and beyond how many they are swept."""
        return self._set, self._sweep_at

    def __iter__(self) -> Iterator[Timer]:
        """All of them, also those that no longer hold, earliest first."""
        return iter(sorted(self._heap + self._unswept))

    def restore(self, timers: list[Timer], counters: tuple[int, int]) -> None:
        """Become what another one gave as its timers and counters."""
        self._heap, self._unswept = timers, []
        self._set, self._sweep_at = counters
        self._set_before = self._set


def _holds(state: State, entry: Timer) -> bool:
    _, _, kind, key, stamp = entry
    return TIMERS[kind].holds(state, key, stamp) is not None
