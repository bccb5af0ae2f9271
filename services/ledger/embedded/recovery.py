"""What the last segment of a partition holds after a stop of any kind: its end, or its damage."""

from __future__ import annotations

import logging
from typing import NamedTuple

from services.ledger.base import LedgerCorrupt
from services.ledger.embedded.segment import later_frame, scan
from services.ledger.embedded.segments import Segments

__all__ = ["Recovered", "recover"]

_log = logging.getLogger(__name__)


class Recovered(NamedTuple):
    """The state of a partition: the segment to write on, its end, and the newest time."""

    base: int
    position: int
    """Bytes of the segment that hold valid records; what follows is no part of the ledger."""
    end: int
    """The offset of the next record."""
    last_time: int
    damage: LedgerCorrupt | None


def recover(segments: Segments, *, durable: bool) -> Recovered:
    """Check every record of the last segment.

    An invalid end with nothing valid behind it is torn: not part of the ledger. So is one behind which
    lie only frames of its own group, if that group was never known to be durable. Every other invalid
    record is damage. A ledger that is not `durable` has no damage here: it just ends.
    """
    if not segments.bases:
        return Recovered(0, 0, 0, 0, None)
    partition, base = segments.partition, segments.bases[-1]
    with segments.path(base).open("rb", buffering=0) as file:
        found = scan(file.fileno())
        end = base + found.frames
        file.seek(found.position)
        tail = file.readall().rstrip(b"\x00")
    acknowledged = segments.durable_end() or 0
    damage = None
    if tail and durable and later_frame(tail, starts_group=end >= acknowledged):
        reason = f"damaged, with valid records after it in {segments.path(base).name}"
        damage = LedgerCorrupt(partition, end, reason)
    elif tail:
        _log.warning("partition %d: a torn write of %d bytes at offset %d is cut", partition, len(tail), end)
    if damage is None and end < acknowledged:
        _log.error("partition %d: offsets %d to %d are gone", partition, end, acknowledged - 1)
    return Recovered(base, found.position, end, found.last_time or _last_time_before(segments), damage)


def _last_time_before(segments: Segments) -> int:
    for base in reversed(segments.bases[:-1]):
        with segments.path(base).open("rb", buffering=0) as file:
            if found := scan(file.fileno()).last_time:
                return found
    return 0
