"""An archive as a ledger that can be read: what verifies, folds or shows a ledger does the same with its archive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from colonyledger.record import Record

from projections.event import Event
from services.archive.reading import Archive
from services.ledger import CodecError, LedgerCorrupt, LedgerUnavailable, Position
from services.ledger.codec import decode

__all__ = ["ArchiveLedger"]


class ArchiveLedger:
    """Everything that was archived when it was opened (`services.ledger.Ledger`); nothing can be appended."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    @property
    def partitions(self) -> int:
        """How many the ledger has."""
        return self._archive.partitions

    @property
    def is_shared(self) -> bool:
        """Yes: servers may archive to it meanwhile."""
        return True

    @property
    def fault(self) -> str | None:
        """Why nothing can be appended."""
        return "an archive can only be read"

    def append(self, partition: int, record: Record) -> asyncio.Future[Position]:
        """Nothing is appended to an archive: the future fails."""
        future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        future.set_exception(LedgerUnavailable(self.fault))
        return future

    async def read(self, partition: int, offset: int = 0) -> AsyncIterator[list[Event]]:
        """The records from `offset` on.

        Raises:
            LedgerCorrupt: after everything before it, an object that is missing or damaged, or a record that is none.
            LedgerUnavailable: the archive cannot be read now.
        """
        async for batch in self._archive.read(partition, offset):
            events: list[Event] = []
            damage = None
            for time, body in batch:
                try:
                    events.append(Event(partition, offset, time, decode(body)))
                except CodecError as error:
                    damage = LedgerCorrupt(partition, offset, str(error))
                    break
                offset += 1
            if events:
                yield events
            if damage is not None:
                raise damage

    async def follow(self, partition: int, offset: int = 0) -> AsyncIterator[list[Event]]:
        """The records from `offset` on; no more come than there were when it was opened."""
        async for events in self.read(partition, offset):
            yield events
        await asyncio.get_running_loop().create_future()

    async def end(self, partition: int) -> int:
        """The offset after the last record that is archived."""
        return await self._archive.end(partition)

    async def close(self) -> None:
        """Nothing is held."""
