"""Copies of ledgers in topics: records are produced with the times that they have, and read as they lie.

While a topic is a copy, its timestamps are its producers' (CreateTime) and may lie anywhere in time, which no ledger's
topic has; `finish` gives it a ledger's settings.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from services.ledger.base import Copied, LedgerRefused, LedgerUnavailable
from services.ledger.codec import body_fault
from services.ledger.kafka.consumers import connect_consumer, reason_of
from services.ledger.kafka.ends import Ends
from services.ledger.kafka.producers import connect_producer, stop_producer
from services.ledger.kafka.reader import copy
from services.ledger.kafka.settings import KafkaSettings
from services.ledger.kafka.stamps import headers_of, milliseconds_of
from services.ledger.kafka.topics import ensure_copy, ensure_topic, finish_copy

__all__ = ["TopicSource", "TopicTarget"]


class TopicTarget:
    """A copy in a topic, which nobody takes for a ledger before `finish` (`services.ledger.copying.CopyTarget`)."""

    def __init__(
        self, settings: KafkaSettings, partitions: int, ends: Ends, producer: AIOKafkaProducer
    ) -> None:
        self._settings = settings
        self._partitions = partitions
        self._ends = ends
        self._producer = producer
        self._known: dict[int, int] = {}
        """Where partitions end that were asked for, as far as this target has written them."""
        self._spent = ""
        """Why nothing can be written any more."""

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: KafkaSettings, partitions: int) -> AsyncIterator[TopicTarget]:
        """Begin a copy, or go on with one.

        Raises:
            LedgerRefused: the topic is something else, or the brokers do not allow it.
            LedgerUnavailable: the brokers do not answer.
        """
        settings = replace(settings, partitions=partitions, read_only=False)
        await ensure_copy(settings)
        async with AsyncExitStack() as stack:
            ends = Ends(await connect_consumer(settings), settings)
            stack.push_async_callback(ends.stop)
            producer = await connect_producer(settings)
            stack.push_async_callback(stop_producer, producer)
            yield cls(settings, partitions, ends, producer)

    @property
    def partitions(self) -> int:
        """How many the copy has."""
        return self._partitions

    async def end(self, partition: int) -> int:
        """The offset that the next record gets.

        Raises:
            LedgerUnavailable: the brokers do not answer in time.
        """
        if partition not in self._known:
            self._known[partition] = await self._ends.of(partition)
        return self._known[partition]

    async def last(self, partition: int) -> Copied | None:
        """The last record, None if there is none."""
        end = await self.end(partition)
        async with aclosing(copy(self._settings, partition, max(end - 1, 0), end)) as batches:
            async for records in batches:
                return records[0]
        return None

    async def write(self, partition: int, records: Sequence[Copied]) -> None:
        """Write records behind those that are there; every replica in sync has them when this returns.

        Raises:
            LedgerRefused: the copy is finished, or somebody else writes it.
            LedgerUnavailable: the brokers do not take them; the copy is to be opened anew.
            ValueError: bytes are no record.
        """
        for record in records:
            if fault := body_fault(record.body):
                raise ValueError(fault)
        waiting = deque(records)
        while waiting:
            if self._spent:
                raise LedgerRefused(self._spent)
            batch = self._producer.create_batch()
            count = 0
            while waiting and self._append(batch, waiting[0]):
                waiting.popleft()
                count += 1
            await self._send(partition, batch, count)

    async def finish(self) -> None:
        """Make a ledger of it: from here on the brokers' clocks give times."""
        if self._spent:
            raise LedgerRefused(self._spent)
        self._spent = f"the copy in topic {self._settings.topic} is finished"
        await finish_copy(self._settings)

    @staticmethod
    def _append(batch: BatchBuilder, record: Copied) -> bool:
        """Whether a record still went into a batch; the first one always does."""
        added = batch.append(
            key=None,
            value=record.body,
            timestamp=milliseconds_of(record.time),
            headers=headers_of(record.time),
        )
        return added is not None

    async def _send(self, partition: int, batch: BatchBuilder, count: int) -> None:
        topic, wanted = self._settings.topic, await self.end(partition)
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                delivery = await self._producer.send_batch(batch, topic, partition=partition)
                offset = (await asyncio.shield(delivery)).offset
        except (KafkaError, TimeoutError) as error:
            self._spent = f"topic {topic} cannot be written: {reason_of(error)}"
            raise LedgerUnavailable(self._spent) from error
        if offset < 0:
            # The broker had the batch already, from an attempt whose answer was lost, and forgot where.
            offset = await self._ends.of(partition) - count
        if offset != wanted:
            self._spent = (
                f"somebody else writes to topic {topic}: partition {partition} was to go on at offset {wanted}, "
                f"and went on at {offset}; delete the topic and begin again"
            )
            raise LedgerRefused(self._spent)
        self._known[partition] = wanted + count


class TopicSource:
    """A ledger in a topic, to be copied (`services.ledger.copying.CopySource`)."""

    def __init__(self, settings: KafkaSettings, partitions: int, ends: Ends) -> None:
        self._settings = settings
        self._partitions = partitions
        self._ends = ends

    @classmethod
    async def open(cls, settings: KafkaSettings) -> TopicSource:
        """Connect.

        Raises:
            LedgerRefused: there is no such ledger, or it may not be read.
            LedgerUnavailable: the brokers do not answer.
        """
        settings = replace(settings, read_only=True)
        partitions = await ensure_topic(settings)
        return cls(settings, partitions, Ends(await connect_consumer(settings), settings))

    @property
    def partitions(self) -> int:
        """How many the ledger has."""
        return self._partitions

    async def end(self, partition: int) -> int:
        """The offset after the last acknowledged record.

        Raises:
            LedgerUnavailable: the brokers do not answer in time.
        """
        return await self._ends.of(partition)

    async def read(self, partition: int, offset: int = 0) -> AsyncGenerator[list[Copied], None]:
        """The records from `offset` up to the end as it is now, in batches of at most 500.

        Raises:
            LedgerCorrupt: after everything before it, the first record that is not there.
            LedgerUnavailable: the brokers do not answer in time.
        """
        end = await self.end(partition)
        async with aclosing(copy(self._settings, partition, offset, end)) as batches:
            async for records in batches:
                yield records

    async def close(self) -> None:
        """Disconnect."""
        await self._ends.stop()
