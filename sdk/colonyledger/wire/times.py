"""Instants on the wire are RFC 3339 in UTC; inside they are integer nanoseconds since 1970.

Protocol: envelope.md section 8. "Not set" is the first instant of the year 1.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["SECOND", "ZERO_TIME", "instant", "nanoseconds"]

SECOND = 1_000_000_000
"""One second in nanoseconds."""

ZERO_TIME = datetime(1, 1, 1, tzinfo=UTC)
"""The instant that stands for "not set"; written `0001-01-01T00:00:00Z`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(nanoseconds: int) -> datetime:
    """The UTC instant of `nanoseconds` since 1970, to the microsecond."""
    return datetime.fromtimestamp(nanoseconds // 1000 / 1_000_000, UTC)


def nanoseconds(moment: datetime) -> int:
    """The nanoseconds since 1970 of `moment` (negative before 1970, as for ZERO_TIME)."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
