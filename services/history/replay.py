"""Write the history of a ledger from its first record on. Doing it again changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from projections.fold import apply
from projections.state import State
from services.history.engine import Engine
from services.history.rows import Batch
from services.ledger.base import Ledger

__all__ = ["Progress", "Replayed", "replay"]

_BATCH_ROWS = 20_000
_BATCH_BYTES = 32 * 1024 * 1024


class Replayed(NamedTuple):
    """What a replay did."""

    records: int
    rows: int


Progress = Callable[[int, int], None]
"""Called from time to time with the records replayed and the records there are."""


async def replay(
    ledger: Ledger, engine: Engine, *, afresh: bool = False, progress: Progress | None = None
) -> Replayed:
    """Fold all records that the ledger has now and write what they came to.

    With `afresh` the tables are dropped first: after a change of ledger, or to be rid of anything
    that somebody else wrote there.

    Raises:
        HistoryUnavailable: the engine cannot be written.
        LedgerCorrupt: a record is damaged; everything before it is written.
        LedgerUnavailable: the ledger cannot be read.
    """
    await asyncio.to_thread(engine.prepare, afresh=afresh)
    ends = [await ledger.end(partition) for partition in range(ledger.partitions)]
    writer = _Writer(engine, ledger.partitions)
    records = 0
    try:
        for partition in range(ledger.partitions):
            state = State()
            async for events in ledger.read(partition):
                for event in events:
                    writer.batch.add(state, event, apply(state, event))
                records += len(events)
                await writer.write_if_large()
                if progress is not None:
                    progress(records, sum(ends))
    finally:
        await writer.finish()
    return Replayed(records, writer.rows)


class _Writer:
    """Writes one batch in a thread while the next one is being folded."""

    def __init__(self, engine: Engine, partitions: int) -> None:
        self._engine = engine
        self._partitions = partitions
        self._origins: dict[int, str] = {}
        self._writing: asyncio.Task[None] | None = None
        self.batch = Batch(partitions)
        self.rows = 0

    async def write_if_large(self) -> None:
        if self.batch.size >= _BATCH_ROWS or self.batch.weight >= _BATCH_BYTES:
            await self._hand_over()

    async def finish(self) -> None:
        await self._hand_over()
        await self._written()

    async def _hand_over(self) -> None:
        await self._written()
        batch, self.batch = self.batch, Batch(self._partitions)
        self._origins.update(batch.origins)
        self.rows += batch.size
        if batch.ends:
            write = asyncio.to_thread(self._engine.write, batch, dict(self._origins))
            self._writing = asyncio.create_task(write)

    async def _written(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing
