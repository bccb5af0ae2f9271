"""Clients and consumers that are connected, or an error that says why not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from services.ledger.base import LedgerUnavailable
from services.ledger.kafka.settings import KafkaSettings

__all__ = ["connect_client", "connect_consumer", "connecting", "has_read", "leader_of", "reason_of"]


async def connect_client(settings: KafkaSettings) -> AIOKafkaClient:
    """A client that knows who leads the partitions of the topic, and goes on to.

    Raises:
        LedgerUnavailable: the brokers do not answer in time.
    """
    client = AIOKafkaClient(**settings.client())
    async with connecting(settings, client.close):
        await client.bootstrap()
        await client.set_topics([settings.topic])
    return client


async def connect_consumer(settings: KafkaSettings) -> AIOKafkaConsumer:
    """A consumer that is assigned nothing yet.

    Raises:
        LedgerUnavailable: the brokers do not answer in time.
    """
    consumer = AIOKafkaConsumer(**settings.consumer())
    async with connecting(settings, consumer.stop):
        await consumer.start()
    return consumer


@asynccontextmanager
async def connecting(settings: KafkaSettings, undo: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """What is done within must be done in time; `undo` closes what was opened if it is not.

    Raises:
        LedgerUnavailable: the brokers do not answer in time.
    """
    try:
        async with asyncio.timeout(settings.timeout_seconds):
            yield
    except (KafkaError, TimeoutError) as error:
        await undo()
        raise LedgerUnavailable(f"Kafka at {settings.bootstrap_servers}: {reason_of(error)}") from error
    except BaseException:
        await undo()
        raise


async def has_read(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    """Whether a consumer has come to where partitions ended once."""
    for partition, end in ends.items():
        if await consumer.position(partition) < end:
            return False
    return True


def leader_of(client: AIOKafkaClient, topic: str, partition: int) -> int | None:
    """The broker that leads a partition, as far as the client knows; None if nobody does."""
    leader: int | None = client.cluster.leader_for_partition(TopicPartition(topic, partition))
    return None if leader is None or leader < 0 else leader


def reason_of(error: Exception) -> str:
    """What an error of Kafka says; a timeout says nothing itself."""
    return str(error) or "no answer in time"
