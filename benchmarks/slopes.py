"""Whether what was sampled during a soak stays as it is. Pure: samples in, verdicts out."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

__all__ = ["Sample", "Verdict", "slope", "verdicts"]

_SETTLED = 3
"""The first of so many parts of the samples is left out: caches fill, and nothing has been retired yet."""
_FEWEST = 9
_MEMORY_SHARE = 0.05
_MEMORY_MIB = 4.0
"""Memory that may be gained while it is looked at: the larger of a share of it and this."""
_P99_TIMES = 2.0
_P99_MS = 2.0
"""What p99 may be in the last part: so many times that of the part before, and this."""
_DESCRIPTORS = 8
_FILE_TIMES = 1.3


class Sample(NamedTuple):
    """What was seen at one time."""

    second: float
    rpcs: int
    """Answered since the sample before."""
    p50_ms: float
    p99_ms: float
    memory_mib: float
    cpu_cores: float
    file_bytes: int
    descriptors: int
    closed: int
    """Processes that have ended since the start."""
    kept: int
    """Processes that the server still knows."""


class Verdict(NamedTuple):
    """One thing that must stay as it is."""

    what: str
    figure: str
    limit: str
    holds: bool


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How much y grows with x, as most pairs of points say (Theil and Sen); 0 if x does not move.

    While a snapshot is made there is one more process, so some points are far above the others.
    """
    pairs = combinations(points, 2)
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in pairs if x1 != x2]
    return statistics.median(slopes) if slopes else 0.0


def verdicts(samples: Sequence[Sample]) -> list[Verdict]:
    """What holds; nothing of fewer than nine samples, which say nothing.

    Raises:
        ValueError: there are fewer.
    """
    if len(samples) < _FEWEST:
        raise ValueError(f"{len(samples)} samples say nothing, take at least {_FEWEST}: let it run longer")
    part = len(samples) // _SETTLED
    later, middle, last = samples[part:], samples[part : 2 * part], samples[2 * part :]
    return [_memory(later), _p99(middle, last), _descriptors(middle, last), _files(middle, last)]


def _memory(samples: Sequence[Sample]) -> Verdict:
    per_closed = slope([(each.closed, each.memory_mib) for each in samples])
    gained = per_closed * (samples[-1].closed - samples[0].closed)
    allowed = max(_MEMORY_MIB, _MEMORY_SHARE * samples[0].memory_mib)
    figure = f"{per_closed * 2**20:+,.0f} bytes per process that has ended, {gained:+.1f} MiB in all"
    return Verdict("memory", figure, f"at most {allowed:+.1f} MiB", gained <= allowed)


def _p99(middle: Sequence[Sample], last: Sequence[Sample]) -> Verdict:
    before, after = (statistics.median(each.p99_ms for each in part) for part in (middle, last))
    allowed = _P99_TIMES * before + _P99_MS
    return Verdict(
        "p99", f"{before:.1f} ms, then {after:.1f} ms", f"at most {allowed:.1f} ms", after <= allowed
    )


def _descriptors(middle: Sequence[Sample], last: Sequence[Sample]) -> Verdict:
    before, after = (statistics.median(each.descriptors for each in part) for part in (middle, last))
    allowed = before + _DESCRIPTORS
    return Verdict(
        "open descriptors", f"{before:g}, then {after:g}", f"at most {allowed:g}", after <= allowed
    )


def _files(middle: Sequence[Sample], last: Sequence[Sample]) -> Verdict:
    """The ledger is kept for ever: what must not grow is what each RPC adds to the files."""
    before, after = _bytes_per_rpc(middle), _bytes_per_rpc(last)
    allowed = _FILE_TIMES * max(before, 1.0)
    figure = f"{before:,.0f}, then {after:,.0f}"
    return Verdict("bytes of files per RPC", figure, f"at most {allowed:,.0f}", after <= allowed)


def _bytes_per_rpc(samples: Sequence[Sample]) -> float:
    answered = 0
    points = []
    for each in samples:
        answered += each.rpcs
        points.append((float(answered), float(each.file_bytes)))
    return slope(points)
