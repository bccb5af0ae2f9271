"""`python -m services.archive LEDGER PLACE PARTITION,…`: archive what is new, and tell of it on a line of JSON.

A server starts this beside itself again and again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import msgspec

from services.archive.archiving import Archived, archive
from services.archive.stores import open_archive_store
from services.ledger import LedgerError
from services.ledger.copying import copy_source

__all__ = ["main"]

_NICE = 10
"""How much everybody else comes first."""


async def _archive(ledger: str, place: str, partitions: list[int]) -> list[Archived]:
    store = await asyncio.to_thread(open_archive_store, place)
    async with copy_source(ledger) as source:
        return await archive(source, store, partitions)


def main() -> None:
    """Archive once; exit with 1 and a line on stderr if that is not possible."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    # The server tells the last line; what a client that was not closed has to say about itself is not the reason.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    os.nice(_NICE)
    ledger, place, partitions = sys.argv[1:]
    try:
        archived = asyncio.run(_archive(ledger, place, [int(number) for number in partitions.split(",")]))
    except LedgerError as error:
        sys.exit(str(error))
    sys.stdout.buffer.write(msgspec.json.encode(archived) + b"\n")


if __name__ == "__main__":
    main()
