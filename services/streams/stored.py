"""What workers store: the compacted topics `windows` and `ready`, and in memory what they hold of some partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Self

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition

from services.ledger.kafka.consumers import connect_consumer, has_read
from services.ledger.kafka.producers import connect_producer, stop_producer
from services.ledger.kafka.settings import KafkaSettings
from services.streams.counting import Change

__all__ = ["Stored"]

_POLL_MILLISECONDS = 500

_Table = dict[bytes, bytes]


class Stored:
    """`windows` and `ready` are what is stored of the partitions that were brought back. Used as a context.

    Methods that talk to the brokers raise KafkaError, TimeoutError or LedgerUnavailable when those fail.
    What is in memory may then be ahead of the topics, so whoever counts begins anew.
    """

    def __init__(self, windows: KafkaSettings, ready: KafkaSettings) -> None:
        self.windows: _Table = {}
        self.ready: _Table = {}
        self._settings = windows
        self._topics = {windows.topic: self.windows, ready.topic: self.ready}
        self._names = (windows.topic, ready.topic)
        self._producer: AIOKafkaProducer = None

    async def __aenter__(self) -> Self:
        """Be able to write."""
        self._producer = await connect_producer(self._settings)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give up what is under way."""
        await stop_producer(self._producer)

    async def bring_back(self, partitions: Iterable[int]) -> None:
        """Have what is stored of these partitions, whoever stored it."""
        numbers = sorted(partitions)
        consumer = await connect_consumer(self._settings)
        try:
            tps = [TopicPartition(topic, number) for topic in self._topics for number in numbers]
            consumer.assign(tps)
            async with asyncio.timeout(self._settings.timeout_seconds):
                ends = await consumer.end_offsets(tps)
                await consumer.seek_to_beginning(*tps)
            while not await has_read(consumer, ends):
                for tp, records in (await consumer.getmany(timeout_ms=_POLL_MILLISECONDS)).items():
                    for record in records:
                        _put(self._topics[tp.topic], record.key, record.value)
        finally:
            await consumer.stop()

    def let_go(self, partitions: frozenset[int]) -> None:
        """Forget partitions: others store in them from now on."""
        for table in self._topics.values():
            for key in [key for key in table if msgspec.json.decode(key)[0] in partitions]:
                del table[key]

    async def write(self, windows: Sequence[Change], ready: Sequence[Change]) -> None:
        """Store changes; returns when all replicas in sync have them."""
        sent = []
        for topic, changes in zip(self._names, (windows, ready), strict=True):
            for partition, key, value in changes:
                sent.append(await self._producer.send(topic, value, key, partition=partition))
                _put(self._topics[topic], key, value)
        await asyncio.gather(*sent)


def _put(table: _Table, key: bytes, value: bytes | None) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value
