"""A ledger of events that are there already, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from colonyledger.record import Record

from projections.event import Event
from services.ledger.base import LedgerUnavailable, Position


class StoredLedger:
    """One partition with given events; `events` may grow."""

    partitions = 1
    is_shared = False
    fault: str | None = "this ledger is read only"

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events

    def append(self, partition: int, record: Record) -> asyncio.Future[Position]:
        future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        future.set_exception(LedgerUnavailable(f"partition {partition} takes no {record.payloadtype}"))
        return future

    async def read(self, partition: int, offset: int = 0) -> AsyncIterator[list[Event]]:
        end = await self.end(partition)
        for start in range(offset, end, 7):
            yield [copy(event) for event in self.events[start : min(start + 7, end)]]

    async def follow(self, partition: int, offset: int = 0) -> AsyncIterator[list[Event]]:
        async for events in self.read(partition, offset):
            yield events

    async def end(self, partition: int) -> int:
        assert partition == 0
        return len(self.events)

    async def close(self) -> None:
        pass


class WatchedLedger(StoredLedger):
    """Notes from which offsets on records were read, other than to look at the first one there."""

    def __init__(self, events: Sequence[Event]) -> None:
        super().__init__(events)
        self.read_from: list[int] = []

    async def read(self, partition: int, offset: int = 0) -> AsyncIterator[list[Event]]:
        looked = False
        async for events in super().read(partition, offset):
            if looked and offset not in self.read_from:
                self.read_from.append(offset)
            looked = True
            yield events


def copy(event: Event) -> Event:
    """The event as it comes from a disk: nothing decoded."""
    return Event(event.partition, event.offset, event.time, event.record)
