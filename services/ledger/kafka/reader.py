"""Reads a stretch of one partition with a consumer of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, OffsetOutOfRangeError

from projections.event import Event
from services.ledger.base import Copied, LedgerCorrupt, LedgerUnavailable
from services.ledger.codec import body_fault
from services.ledger.kafka.consumers import connect_consumer, reason_of
from services.ledger.kafka.feed import events_of
from services.ledger.kafka.settings import KafkaSettings
from services.ledger.kafka.stamps import time_of

__all__ = ["copy", "read"]

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
    async with aclosing(_records(settings, partition, offset, end)) as batches:
        async for records in batches:
            events, damage = events_of(partition, records)
            if events:
                yield events
            if damage is not None:
                raise damage


async def copy(
    settings: KafkaSettings, partition: int, offset: int, end: int
) -> AsyncGenerator[list[Copied], None]:
    """The same as they lie there; their bodies are not decoded.

    Raises:
        LedgerCorrupt: after everything before it, the first record that is not there or has no body that can be one.
        LedgerUnavailable: the brokers do not answer in time.
    """
    async with aclosing(_records(settings, partition, offset, end)) as batches:
        async for records in batches:
            copied = []
            for record in records:
                body = record.value or b""
                fault = body_fault(body)
                if record.offset != offset:
                    fault = f"it is not there; the next one has offset {record.offset}"
                if fault:
                    raise LedgerCorrupt(partition, offset, fault)
                copied.append(Copied(time_of(record), body))
                offset += 1
            yield copied
    if offset < end:
        raise LedgerCorrupt(partition, offset, "it is not there")


async def _records(
    settings: KafkaSettings, partition: int, offset: int, end: int
) -> AsyncGenerator[list[Any], None]:
    """What a consumer gives of `partition` from `offset` up to `end`."""
    if offset >= end:
        return
    tp = TopicPartition(settings.topic, partition)
    consumer = await connect_consumer(settings)
    try:
        await _begin(consumer, tp, offset, settings)
        while offset < end:
            records = await _fetch(consumer, tp, settings)
            offset = await consumer.position(tp)
            if wanted := [record for record in records if record.offset < end]:
                yield wanted
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
