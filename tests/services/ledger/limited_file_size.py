"""Fills a ledger up to RLIMIT_FSIZE, raises the limit, and goes on; prints what happened as JSON.

    python limited_file_size.py LEDGER

Not a test: it runs in a process of its own because the limit is one of the process.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys

from colonyledger.record import Record, RecordKind

from services.ledger import EmbeddedLedger, LedgerUnavailable

LIMIT_BYTES = 300_000


def record(sequence: int) -> Record:
    return Record(
        kind=RecordKind.SYSTEM,
        payloadtype="tick",
        digest=bytes(32),
        signature=bytes(65),
        identity="00" * 32,
        arrived=0,
        node="limited",
        sequence=sequence,
        rules=1,
        payload=bytes(10_000),
    )


async def main(where: str) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, hard))
    ledger = await EmbeddedLedger.open(where)
    acknowledged, failures = [], []
    for sequence in range(60):
        try:
            await ledger.append(0, record(sequence))
        except LedgerUnavailable as error:
            failures.append(str(error))
        else:
            acknowledged.append(sequence)
    fault = ledger.fault
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await ledger.append(0, record(100))
    kept = [event.record.sequence async for batch in ledger.read(0) for event in batch]
    recovered = ledger.fault
    await ledger.close()
    happened = {
        "acknowledged": acknowledged,
        "failures": failures,
        "fault": fault,
        "kept": kept,
        "recovered": recovered,
    }
    sys.stdout.write(json.dumps(happened))


if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    asyncio.run(main(sys.argv[1]))
