"""Appends from 16 tasks until it is killed; prints the number of every acknowledged record.

    python append_until_killed.py DIRECTORY | kafka://host:port/topic

Not a test: run by the tests that kill it.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

from colonyledger.record import Record, RecordKind

from services.ledger import open_ledger


def record(sequence: int) -> Record:
    return Record(
        kind=RecordKind.SYSTEM,
        payloadtype="tick",
        digest=bytes(32),
        signature=bytes(65),
        identity="00" * 32,
        arrived=0,
        node="killed",
        sequence=sequence,
        rules=1,
        payload=b"A" * (sequence % 3000),
    )


async def main(where: str) -> None:
    ledger = await open_ledger(where)
    numbers = itertools.count()

    async def appender() -> None:
        while True:
            number = next(numbers)
            position = await ledger.append(0, record(number))
            sys.stdout.write(f"{number} {position.offset}\n")
            sys.stdout.flush()

    await asyncio.gather(*(appender() for _ in range(16)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
