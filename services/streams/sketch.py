"""Durations in buckets that grow by a tenth, so that any percentile is known to within five per cent."""

from __future__ import annotations

import math

import msgspec

__all__ = ["GROWTH", "Sketch"]

GROWTH = 1.1
"""How much larger the upper end of a bucket is than that of the one before."""

_UNIT = 1000
"""Nanoseconds of the upper end of bucket 0: a microsecond, and everything shorter."""
_LOG = math.log(GROWTH)


class Sketch(msgspec.Struct, gc=False):
    """A distribution of durations: bucket n holds what is over GROWTH^(n-1) and at most GROWTH^n microseconds."""

    total: int = 0
    """Sum of all durations, nanoseconds."""
    counts: dict[int, int] = msgspec.field(default_factory=dict)
    """How many durations each bucket holds."""

    @property
    def count(self) -> int:
        """How many durations there are."""
        return sum(self.counts.values())

    def add(self, duration: int) -> None:
        """Count a duration of so many nanoseconds."""
        bucket = math.ceil(math.log(duration / _UNIT) / _LOG) if duration > _UNIT else 0
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        self.total += duration

    def quantile(self, share: float) -> float:
        """The duration, in seconds, that this share of all does not exceed; 0 if there are none."""
        rank = share * self.count
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                # The middle of the bucket, by ratio.
                return float(GROWTH ** (bucket - 0.5)) * _UNIT / 1e9
        return 0.0
