"""`python -m services.snapshots LEDGER PLACE PARTITION EVERY`: make a snapshot and tell of it on a line of JSON.

A server starts this beside itself whenever a snapshot is due.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import msgspec

from services.ledger import LedgerError, open_ledger
from services.snapshots.base import SnapshotDamaged, StoreUnavailable
from services.snapshots.making import Made, make_snapshot
from services.snapshots.opening import open_store

__all__ = ["main"]

_NICE = 10
"""How much everybody else comes first."""


async def _make(ledger: str, place: str, partition: int, every: int) -> Made | None:
    opened = await open_ledger(ledger, read_only=True)
    try:
        return await make_snapshot(opened, open_store(place), partition, every)
    finally:
        await opened.close()


def main() -> None:
    """Make one; exit with 1 and a line on stderr if that is not possible."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    os.nice(_NICE)
    ledger, place, partition, every = sys.argv[1:]
    try:
        made = asyncio.run(_make(ledger, place, int(partition), int(every)))
    except (LedgerError, StoreUnavailable, SnapshotDamaged, ValueError) as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(msgspec.json.encode(made) + b"\n")


if __name__ == "__main__":
    main()
