"""Record the golden histories of today's rules: `python -m tests.golden.record VERSION`.

A version is recorded once, when it is released, and never again: later code must fold it to the
digest that stands beside it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from projections.event import Event
from services.ledger import EmbeddedLedger
from services.ledger.codec import encode
from services.ledger.embedded.segment import frame
from services.ledger.embedded.segments import DURABLE_END, Segments
from tests.golden.extended import extended
from tests.golden.tour import tour
from tests.projections.workload import history

HERE = Path(__file__).parent


async def write(directory: Path, events: list[Event]) -> None:
    """An embedded ledger of exactly these events, with their own times."""
    await (await EmbeddedLedger.open(directory)).close()
    segments = Segments(directory / "0", 0)
    frames = []
    for event in events:
        body = encode(event.record)
        frames += [frame(event.time, body, starts_group=True), body]
    segments.path(0).write_bytes(b"".join(frames))
    segments.durable_path.write_bytes(DURABLE_END.pack(len(events)))
    (directory / "lock").unlink()


async def main(version: str) -> None:
    """Write the histories; the digests are printed by the test that misses them."""
    await write(HERE / version / "workload", history(seed=1, steps=300))
    await write(HERE / version / "tour", tour())
    await write(HERE / version / "extended", extended())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
