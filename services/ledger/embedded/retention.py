"""Which segments a ledger with limited retention no longer keeps."""

from __future__ import annotations

import time

from services.ledger.embedded.options import EmbeddedOptions
from services.ledger.embedded.segments import Segments

__all__ = ["drop_old_segments", "is_of_age"]

_SECOND = 1_000_000_000
_SEGMENTS_PER_AGE = 4


def is_of_age(first_time: int, now: int, options: EmbeddedOptions) -> bool:
    """Whether a segment that starts at `first_time` is to be closed, so that its records can expire soon."""
    age = options.retention_seconds
    return age is not None and now - first_time > age * _SECOND // _SEGMENTS_PER_AGE


def drop_old_segments(segments: Segments, options: EmbeddedOptions) -> None:
    """Delete the oldest segments that the options do not ask to keep; never the last one."""
    while len(segments.bases) > 1 and _may_go(segments, options):
        segments.path(segments.bases[0]).unlink(missing_ok=True)
        segments.refresh()


def _may_go(segments: Segments, options: EmbeddedOptions) -> bool:
    """Whether the oldest segment may go: the others are enough, or begin when all of it is too old."""
    if options.retention_bytes is not None:
        others = sum(segments.path(base).stat().st_size for base in segments.bases[1:])
        if others >= options.retention_bytes:
            return True
    if options.retention_seconds is not None:
        begin = segments.first_time(segments.bases[1])
        return begin is not None and begin < time.time_ns() - options.retention_seconds * _SECOND
    return False
