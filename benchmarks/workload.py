"""What a workload is: a name, a way to run it, how it is told, and what is asked of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import NamedTuple

from benchmarks.sides import Measured, Side

__all__ = ["Effort", "Goal", "Shown", "Workload"]


class Shown(Enum):
    """The figure that counts."""

    RATE = "per s"
    LATENCY = "p50 / p99 ms"
    STALLS = "stalled"


class Goal(NamedTuple):
    """What is asked of us in comparison with the best other server."""

    times: float = 0.0
    """Our rate is at least so many times theirs, or our p50 and p99 are at most theirs divided by it; 0: not asked."""
    flat: str = ""
    """Our rate is about that of this workload, which has less to do with; empty: not asked."""


class Effort(NamedTuple):
    """How much is done: seconds that are measured in one run, and a share of the usual number of operations."""

    seconds: float = 1.5
    share: float = 1.0

    def number(self, usual: int) -> int:
        """So many operations instead of the usual number."""
        return max(1, int(usual * self.share))


class Workload(NamedTuple):
    """A named thing to measure. `counts` is what one operation is."""

    name: str
    counts: str
    run: Callable[[Side], Awaitable[Measured]]
    goal: Goal
    shown: Shown = Shown.RATE
    most_repeats: int = 100
    """It is run no more often than this: it takes long."""
