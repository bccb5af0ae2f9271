"""Reads and follows the partitions of an embedded ledger: from the files, and from memory where it can."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from projections.event import Event
from services.ledger.base import LedgerCorrupt, LedgerUnavailable
from services.ledger.embedded.files import Partition
from services.ledger.embedded.segments import Cursor

__all__ = ["Reader"]

_log = logging.getLogger(__name__)

_THREADS = 2
_POLL_SECONDS = 0.1
_RETRY_SECONDS = 1.0


class Reader:
    """`polls`: the ledger may be written by another process, so the end is looked up in the files."""

    def __init__(self, partitions: list[Partition], *, polls: bool) -> None:
        self._partitions = partitions
        self._polls = polls
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ledger-reader")
        self._stopped = False

    async def end(self, number: int) -> int:
        """The offset after the last record that can be read."""
        segments, tail = self._partitions[number]
        if self._stopped:
            raise LedgerUnavailable("the ledger is closed")
        if self._polls:
            end = await self._loop.run_in_executor(self._threads, segments.durable_end)
            tail.end = max(tail.end, end or 0)
        return tail.end if tail.damage is None else min(tail.end, tail.damage.offset)

    async def read(self, number: int, offset: int) -> AsyncIterator[list[Event]]:
        """The records from `offset` to the end as it is now."""
        tail = self._partitions[number].tail
        end = await self.end(number)
        cursor = Cursor(offset)
        while cursor.offset < end:
            tail.raise_damage_at(cursor.offset)
            if self._stopped:
                raise LedgerUnavailable("the ledger is closed")
            try:
                events = await self._from_files(number, cursor, end)
            except OSError as error:
                raise LedgerUnavailable(f"the ledger cannot be read: {error}") from error
            if events:
                yield events
        tail.raise_damage_at(cursor.offset)

    async def follow(self, number: int, offset: int) -> AsyncIterator[list[Event]]:
        """The records from `offset` on, until `stop`."""
        tail = self._partitions[number].tail
        cursor = Cursor(offset)
        tail.followers += 1
        try:
            while not self._stopped:
                tail.raise_damage_at(cursor.offset)
                if events := tail.since(cursor.offset):
                    cursor = Cursor(events[-1].offset + 1)
                elif cursor.offset < tail.end:
                    events = await self._patiently_from_files(number, cursor, tail.end)
                else:
                    await self._moved(number)
                if events:
                    yield events
        finally:
            tail.followers -= 1

    def stop(self) -> None:
        """End all iterators."""
        self._stopped = True
        self._threads.shutdown(wait=False)
        for partition in self._partitions:
            partition.tail.wake()

    async def _from_files(self, number: int, cursor: Cursor, end: int) -> list[Event]:
        """The next batch; nothing if retention has dropped everything up to `end`."""
        segments, tail = self._partitions[number]
        try:
            return await self._loop.run_in_executor(self._threads, segments.read, cursor, end)
        except LedgerCorrupt as damage:
            tail.damage = damage
            raise

    async def _patiently_from_files(self, number: int, cursor: Cursor, end: int) -> list[Event]:
        try:
            return await self._from_files(number, cursor, end)
        except OSError as error:
            _log.warning("the ledger cannot be read, trying again: %s", error)
            await asyncio.sleep(_RETRY_SECONDS)
            return []

    async def _moved(self, number: int) -> None:
        if self._polls:
            await asyncio.sleep(_POLL_SECONDS)
            if not self._stopped:
                await self.end(number)
        else:
            await self._partitions[number].tail.moved()
