"""What tells the partitions of one ledger from those of all others."""

from __future__ import annotations

import hashlib

from projections.event import Event

__all__ = ["origin_mark"]


def origin_mark(first: Event, partitions: int) -> str:
    """64 hex digits that stand for a partition, from its first record: its digest.

    A ledger of so many partitions that continues another one has the same first records, so there the number of
    partitions is hashed as well.
    """
    digest = first.record.digest
    if first.record.origin < 0:
        return digest.hex()
    return hashlib.sha3_256(b"%d/%b" % (partitions, digest)).hexdigest()
