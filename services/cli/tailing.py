"""The records of a ledger as a person reads them: when, who, what."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from heapq import merge
from operator import attrgetter

import msgspec

from projections.event import Event
from projections.fold import apply
from projections.state import State
from services.history.rows import attribution
from services.ledger import Ledger

__all__ = ["Line", "Tail"]

_WAITING_BATCHES = 16


class Line(msgspec.Struct):
    """A record. What the fold says of it is None unless it was folded."""

    partition: int
    offset: int
    time: int
    """Nanoseconds since 1970."""
    payloadtype: str
    identity: str
    """Id of the key that signed it."""
    who: str | None = None
    """Name of the executor or user; for others the role."""
    colony: str | None = None
    status: int | None = None
    refusal: str | None = None


class Tail:
    """The end of a ledger. With `fold`, everything before is folded too, which says more and takes longer."""

    def __init__(self, ledger: Ledger, *, fold: bool) -> None:
        self._ledger = ledger
        self._states = [State() for _ in range(ledger.partitions)] if fold else None
        self._next = [0] * ledger.partitions

    async def last(self, count: int) -> list[Line]:
        """The last `count` records, oldest first.

        Raises:
            LedgerError: the ledger cannot be read.
        """
        partitions = []
        for partition in range(self._ledger.partitions):
            end = await self._ledger.end(partition)
            shown = max(end - count, 0)
            self._next[partition] = 0 if self._states is not None else shown
            lines: deque[Line] = deque(maxlen=count)
            async for events in self._ledger.read(partition, self._next[partition]):
                lines.extend(self._lines(events, shown))
            partitions.append(lines)
        return list(deque(merge(*partitions, key=attrgetter("time")), maxlen=count))

    async def follow(self) -> AsyncIterator[Line]:
        """The records after those that `last` gave, as they come, for ever.

        Raises:
            LedgerCorrupt: a record is damaged.
        """
        queue: asyncio.Queue[list[Event]] = asyncio.Queue(_WAITING_BATCHES)

        async def pass_on(partition: int) -> None:
            async for events in self._ledger.follow(partition, self._next[partition]):
                await queue.put(events)

        async with asyncio.TaskGroup() as followers:
            for partition in range(self._ledger.partitions):
                followers.create_task(pass_on(partition))
            while True:
                for line in self._lines(await queue.get(), 0):
                    yield line

    def _lines(self, events: list[Event], shown: int) -> Iterator[Line]:
        """The lines of events, from the offset `shown` on."""
        for event in events:
            self._next[event.partition] = event.offset + 1
            record = event.record
            line = Line(event.partition, event.offset, event.time, record.payloadtype, record.identity)
            if self._states is not None:
                state = self._states[event.partition]
                refusal = apply(state, event).refusal
                if event.offset >= shown:
                    concerned = attribution(state, event, refusal)
                    line.who, line.colony = concerned.who, concerned.colony
                    line.status, line.refusal = (
                        (200, "") if refusal is None else (refusal.status, refusal.message)
                    )
            if event.offset >= shown:
                yield line
