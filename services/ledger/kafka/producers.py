"""Producers that are connected, or an error that says why not; and their end."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.ledger.kafka.consumers import connecting
from services.ledger.kafka.settings import KafkaSettings

__all__ = ["connect_producer", "stop_producer"]

_FLUSH_SECONDS = 1.0
_END_SECONDS = 10.0


async def connect_producer(settings: KafkaSettings) -> AIOKafkaProducer:
    """A producer whose batches every replica in sync has, once, before they are acknowledged.

    Raises:
        LedgerUnavailable: the brokers do not answer in time.
    """
    producer = AIOKafkaProducer(**settings.producer())
    async with connecting(settings, partial(stop_producer, producer)):
        await producer.start()
    return producer


async def stop_producer(producer: AIOKafkaProducer) -> None:
    """Disconnect; what is under way is given a second."""
    try:
        async with asyncio.timeout(_FLUSH_SECONDS):
            await producer.stop()
    except TimeoutError:
        # An idempotent producer of aiokafka flushes for ever while its broker is away, and offers no
        # other way to end the task that does.
        sending = producer._sender.sender_task  # noqa: SLF001
        sending.cancel()
        await asyncio.wait([sending], timeout=_END_SECONDS)
        with contextlib.suppress(KafkaError):
            await producer.client.close()
