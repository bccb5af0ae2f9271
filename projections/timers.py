"""Deadlines by the log's clock: one heap per partition.

A timer is never taken back. When it is due, its kind looks whether what it was set for still holds,
by comparing a stamp, and only then fires. Timers that no longer hold are swept when they pile up.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from projections.state import State
    from projections.turn import Turn

__all__ = ["TIMERS", "TimerKind", "Timers", "timer"]

_SWEEP_ABOVE = 4096
"""Fewest timers that are worth a sweep."""


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

    __slots__ = ("_heap", "_set", "_sweep_at")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str, str, int]] = []
        self._set = 0
        self._sweep_at = _SWEEP_ABOVE

    @property
    def earliest(self) -> int | None:
        """When the next timer is due."""
        return self._heap[0][0] if self._heap else None

    def set(self, deadline: int, kind: str, key: str, stamp: int) -> None:
        """Have `kind` fire once the clock reaches `deadline`. Ties fire in the order of setting."""
        heappush(self._heap, (deadline, self._set, kind, key, stamp))
        self._set += 1

    def prune(self, state: State) -> None:
        """Drop the earliest timers for as long as they no longer hold, so that `earliest` is one that matters.

        What does not hold would not fire: dropping it early changes nothing that a fold gives.
        """
        heap = self._heap
        while heap and TIMERS[heap[0][2]].holds(state, heap[0][3], heap[0][4]) is None:
            heappop(heap)

    def take_due(self, now: int) -> tuple[str, str, int] | None:
        """Take the earliest timer whose deadline has come: its kind, key and stamp."""
        if not self._heap or self._heap[0][0] > now:
            return None
        _, _, kind, key, stamp = heappop(self._heap)
        return kind, key, stamp

    def sweep(self, state: State) -> None:
        """Drop what no longer holds, if there are twice as many timers as after the last sweep."""
        if len(self._heap) <= self._sweep_at:
            return
        self._heap = [
            entry for entry in self._heap if TIMERS[entry[2]].holds(state, entry[3], entry[4]) is not None
        ]
        heapify(self._heap)
        self._sweep_at = max(_SWEEP_ABOVE, 2 * len(self._heap))
