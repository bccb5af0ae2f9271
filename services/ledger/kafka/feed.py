"""New records of all partitions that somebody follows, by one consumer, into their tails."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from projections.event import Event
from services.ledger.base import LedgerCorrupt
from services.ledger.codec import CodecError, decode
from services.ledger.kafka.ends import Ends
from services.ledger.kafka.stamps import time_of
from services.ledger.tail import Tail

__all__ = ["Feed", "events_of"]

_log = logging.getLogger(__name__)

_POLL_MILLISECONDS = 1000
_RETRY_SECONDS = 1.0
_BATCH_RECORDS = 500


def events_of(partition: int, records: list[Any]) -> tuple[list[Event], LedgerCorrupt | None]:
    """The events of what a consumer gave, and the damage that ends them if there is any."""
    events = []
    for record in records:
        try:
            events.append(Event(partition, record.offset, time_of(record), decode(record.value or b"")))
        except CodecError as error:
            return events, LedgerCorrupt(partition, record.offset, str(error))
    return events, None


class Feed:
    """Fetches from the end of each joined partition, as it was then, by a consumer of its own."""

    def __init__(self, consumer: AIOKafkaConsumer, ends: Ends, topic: str, tails: list[Tail]) -> None:
        self._consumer = consumer
        self._ends = ends
        self._topic = topic
        self._tails = tails
        self._joined: set[int] = set()
        self._task = asyncio.create_task(self._run())

    async def join(self, partition: int) -> None:
        """Have the tail of `partition` moved from now on.

        Raises:
            LedgerUnavailable: the brokers do not say where it ends.
        """
        if partition in self._joined:
            return
        end = await self._ends.of(partition)
        if partition in self._joined:
            return
        self._tails[partition].end = end
        self._joined.add(partition)
        self._assign()

    def leave(self, partition: int) -> None:
        """Fetch nothing more of a partition that nobody follows."""
        if partition in self._joined:
            self._joined.remove(partition)
            self._tails[partition].forget()
            self._assign()

    async def stop(self) -> None:
        """Fetch no more and disconnect."""
        self._task.cancel()
        await asyncio.wait([self._task])
        await self._consumer.stop()

    def _assign(self) -> None:
        assigned = {number: TopicPartition(self._topic, number) for number in sorted(self._joined)}
        self._consumer.assign(list(assigned.values()))
        for number, tp in assigned.items():
            self._consumer.seek(tp, self._tails[number].end)

    async def _run(self) -> None:
        while True:
            try:
                fetched = await self._consumer.getmany(
                    timeout_ms=_POLL_MILLISECONDS, max_records=_BATCH_RECORDS
                )
            except OffsetOutOfRangeError as error:
                for tp in error.args[0]:
                    self._damage(tp.partition, "the topic does not reach this offset any more")
            except KafkaError as error:
                _log.warning("topic %s cannot be followed, trying again: %r", self._topic, error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                for tp, records in fetched.items():
                    self._take(tp.partition, records)

    def _take(self, partition: int, records: list[Any]) -> None:
        tail = self._tails[partition]
        if partition not in self._joined:
            return
        if records[0].offset < tail.end:
            # Fetched again, as the consumer was assigned anew meanwhile.
            records = [record for record in records if record.offset >= tail.end]
        events, damage = events_of(partition, records)
        if events:
            tail.advance(events)
        if damage is not None:
            self._damage(partition, str(damage), damage)

    def _damage(self, partition: int, reason: str, damage: LedgerCorrupt | None = None) -> None:
        tail = self._tails[partition]
        tail.damage = damage or LedgerCorrupt(partition, tail.end, reason)
        _log.error("topic %s is damaged: %s", self._topic, tail.damage)
        self._consumer.pause(TopicPartition(self._topic, partition))
        tail.wake()
