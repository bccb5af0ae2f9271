"""What was measured at several servers, how they compare, and whether the goals are met. No measuring here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from benchmarks.workload import Goal, Shown

__all__ = ["Compared", "Figures", "Memory", "Results", "Row", "compare", "compare_memory"]

_FLAT = 0.75
"""A rate that is at least so much of another one is as high: runs differ by this much."""


class Figures(msgspec.Struct, frozen=True):
    """The medians of a workload's runs at one server; `failure` says why there are none."""

    per_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    stalled: int = 0
    """Of all runs together."""
    operations: int = 0
    """Of all runs together."""
    cpu_us: float | None = None
    """Processor time of server and store per RPC, in µs; None if not known."""
    store_us: float | None = None
    driver_cores: float = 0.0
    failure: str = ""


class Memory(msgspec.Struct, frozen=True):
    """PSS after the whole run, in MiB."""

    server: float
    store: float


class Row(msgspec.Struct, frozen=True):
    """One workload, and its figures by the server's name."""

    name: str
    counts: str
    shown: Shown
    times: float
    flat: str
    figures: dict[str, Figures]

    @property
    def goal(self) -> Goal:
        """What is asked of us."""
        return Goal(self.times, self.flat)


class Results(msgspec.Struct, frozen=True):
    """A whole run: ours and the others by name, and the rows in the order of the table."""

    ours: list[str]
    others: list[str]
    rows: list[Row]
    memory: dict[str, Memory]


class Compared(NamedTuple):
    """One of our servers in one row. `ratio` is how many times better it is than the best other one, None if unknown."""

    ratio: float | None
    verdict: str
    """`met`, `missed` or `failed`; empty if there is nothing to compare with."""


def compare(results: Results, row: Row, name: str) -> Compared:
    """How one of our servers does in a row."""
    ours = row.figures.get(name)
    if ours is None:
        return Compared(None, "")
    if ours.failure:
        return Compared(None, "failed")
    if row.shown is Shown.STALLS or ours.stalled:
        return Compared(None, "missed" if ours.stalled else "met")
    others = [
        figures for other in results.others if (figures := row.figures.get(other)) and not figures.failure
    ]
    ratio = _ratio(row.shown, ours, others)
    met: list[bool] = []
    if row.times and ratio is not None:
        met.append(ratio >= row.times)
    if row.flat:
        base = next((each.figures.get(name) for each in results.rows if each.name == row.flat), None)
        if base is not None and not base.failure:
            met.append(ours.per_s >= _FLAT * base.per_s)
    if not met or (row.times and ratio is None and all(met)):
        return Compared(ratio, "")
    return Compared(ratio, "met" if all(met) else "missed")


def _ratio(shown: Shown, ours: Figures, others: Sequence[Figures]) -> float | None:
    """Against the best of the others; of latencies the worse of p50 and p99 counts."""
    if not others:
        return None
    if shown is Shown.LATENCY:
        p50, p99 = min(each.p50_ms for each in others), min(each.p99_ms for each in others)
        return min(p50 / ours.p50_ms, p99 / ours.p99_ms)
    return ours.per_s / max(each.per_s for each in others)


def compare_memory(results: Results, name: str) -> Compared:
    """Whether server and store use no more memory than those of the thriftiest other one."""
    others = [results.memory[other] for other in results.others if other in results.memory]
    if name not in results.memory or not others:
        return Compared(None, "")
    ours = results.memory[name]
    ratio = min(each.server + each.store for each in others) / (ours.server + ours.store)
    return Compared(ratio, "met" if ratio >= 1 else "missed")
