"""Reads a stretch of one partition with a consumer of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, OffsetOutOfRangeError

from projections.event import Event
from services.ledger.base import LedgerCorrupt, LedgerUnavailable
from services.ledger.kafka.consumers import connect_consumer, reason_of
from services.ledger.kafka.feed import events_of
from services.ledger.kafka.settings import KafkaSettings

__all__ = ["read"]

_POLL_MILLISECONDS = 500
_BATCH_RECORDS = 500


async def read(
    settings: KafkaSettings, partition: int, offset: int, end: int
) -> AsyncGenerator[list[Event], None]:
    """The records of `partition` from `offset` up to `end`, in batches of at most 500.

    Raises:
        LedgerCorrupt: after everything before the damaged record has been given.
        LedgerUnavailable: the brokers do not answer in time.
    """
    if offset >= end:
        return
    tp = TopicPartition(settings.topic, partition)
    consumer = await connect_consumer(settings)
    try:
        await _begin(consumer, tp, offset, settings)
        while offset < end:
            records = await _fetch(consumer, tp, settings)
            offset = await consumer.position(tp)
            events, damage = events_of(partition, [record for record in records if record.offset < end])
            if events:
                yield events
            if damage is not None:
                raise damage
    finally:
        await consumer.stop()


async def _begin(
    consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int, settings: KafkaSettings
) -> None:
    """Start at `offset`, or at the first record there is if retention has dropped that one."""
    try:
        async with asyncio.timeout(settings.timeout_seconds):
            consumer.assign([tp])
            beginning = (await consumer.beginning_offsets([tp]))[tp]
            consumer.seek(tp, max(offset, beginning))
    except (KafkaError, TimeoutError) as error:
        raise _unavailable(settings, error) from error


async def _fetch(consumer: AIOKafkaConsumer, tp: TopicPartition, settings: KafkaSettings) -> list[Any]:
    """The next records; at least one, or none if the position has moved without."""
    before = await consumer.position(tp)
    try:
        async with asyncio.timeout(settings.timeout_seconds):
            while await consumer.position(tp) == before:
                fetched = await consumer.getmany(
                    tp, timeout_ms=_POLL_MILLISECONDS, max_records=_BATCH_RECORDS
                )
                if tp in fetched:
                    return list(fetched[tp])
            return []
    except CorruptRecordException as error:
        raise LedgerCorrupt(tp.partition, before, f"its batch fails Kafka's checksum: {error}") from error
    except OffsetOutOfRangeError as error:
        raise LedgerCorrupt(tp.partition, before, "the topic does not reach this offset any more") from error
    except (KafkaError, TimeoutError) as error:
        raise _unavailable(settings, error) from error


def _unavailable(settings: KafkaSettings, error: Exception) -> LedgerUnavailable:
    return LedgerUnavailable(f"topic {settings.topic} cannot be read: {reason_of(error)}")
