"""The topic of facts: one partition for each of the ledger, with the same number."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from time import time_ns
from typing import NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from services.facts.codec import decode, encode, headers_of
from services.facts.fact import NO_POSITION, Fact, Position
from services.ledger.base import LedgerUnavailable
from services.ledger.codec import CodecError
from services.ledger.kafka.consumers import connect_consumer, reason_of
from services.ledger.kafka.producers import connect_producer, stop_producer
from services.ledger.kafka.settings import KafkaSettings
from services.ledger.kafka.topics import ensure_topic, topic_definitions

__all__ = ["DEFINITION", "FactsTopic", "Published", "facts_settings"]

DEFINITION = "facts"
"""The section of infra/kafka/topics.toml."""

_MILLISECOND = 1_000_000

T = TypeVar("T")


def facts_settings(ledger: KafkaSettings, partitions: int) -> KafkaSettings:
    """Where the facts of a ledger of so many partitions are: `facts` beside `ledger`, else `…-facts`."""
    topic = DEFINITION if ledger.topic == "ledger" else f"{ledger.topic}-{DEFINITION}"
    return replace(ledger, topic=topic, definition=DEFINITION, partitions=partitions)


class Published(NamedTuple):
    """How far a partition of facts is published."""

    position: Position
    """Of the last fact."""
    not_before: int
    """Older facts, by the ledger's time, have come and gone already: nanoseconds since 1970."""


class FactsTopic:
    """Writes facts, and tells what was written last. `connect` first, and again after a failure.

    All methods raise LedgerUnavailable if the brokers do not answer in time or refuse.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._source = f"/topics/{settings.topic}"
        self._producer: AIOKafkaProducer | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._turn = asyncio.Lock()
        self._declared = False

    async def connect(self) -> None:
        """Connect if it is not; the topic is made if it is missing.

        Raises:
            LedgerRefused: the topic exists with other settings, or the brokers do not allow it.
        """
        async with self._turn:
            if not self._declared:
                await ensure_topic(self._settings)
                self._declared = True
            if self._consumer is None:
                self._consumer = await connect_consumer(self._settings)
            if self._producer is None:
                self._producer = await connect_producer(self._settings)

    async def disconnect(self) -> None:
        """Give up what is under way and disconnect."""
        producer, self._producer = self._producer, None
        consumer, self._consumer = self._consumer, None
        if producer is not None:
            await stop_producer(producer)
        if consumer is not None:
            await consumer.stop()

    async def publish(self, partition: int, facts: Sequence[Fact]) -> None:
        """Send facts of one partition in order; returns when all replicas in sync have them.

        After an error some of them may be there, each after those before it: ask `published`. Whatever
        partition failed, the connection is given up, so that nothing is sent later and out of order.
        """
        producer = self._connected(self._producer)
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                waiting = deque(facts)
                while waiting:
                    batch = producer.create_batch()
                    while waiting and self._append(batch, waiting[0]):
                        waiting.popleft()
                    await (await producer.send_batch(batch, self._settings.topic, partition=partition))
        except (KafkaError, TimeoutError) as error:
            if self._producer is producer:
                self._producer = None
                await stop_producer(producer)
            raise self._unavailable(error) from error

    async def published(self, partition: int) -> Published:
        """How far a partition is published: up to the fact at its end.

        Facts that were all dropped by retention tell no position. Those were appended longer ago than
        the topic keeps them, so every fact that is younger than that is still to be sent, and one that
        is older is gone either way.
        """
        tp = TopicPartition(self._settings.topic, partition)
        async with self._turn:
            consumer = self._connected(self._consumer)
            try:
                async with asyncio.timeout(self._settings.timeout_seconds):
                    consumer.assign([tp])
                    begin = (await consumer.beginning_offsets([tp]))[tp]
                    end = (await consumer.end_offsets([tp]))[tp]
                    if begin == end:
                        return Published(NO_POSITION, self._kept_since() if end else 0)
                    consumer.seek(tp, end - 1)
                    last = await consumer.getone(tp)
                    consumer.unsubscribe()
            except (KafkaError, TimeoutError) as error:
                raise self._unavailable(error) from error
        try:
            return Published(decode(last.value or b"").at, 0)
        except CodecError as error:
            where = f"topic {tp.topic}, partition {partition}, offset {last.offset}"
            raise LedgerUnavailable(
                f"{where} holds no fact, so nothing is published after it: {error}"
            ) from None

    def _append(self, batch: BatchBuilder, fact: Fact) -> bool:
        """Whether a fact still went into a batch; the first one always does."""
        headers = headers_of(fact, self._source)
        added = batch.append(key=fact.colony.encode(), value=encode(fact), timestamp=None, headers=headers)
        return added is not None

    def _kept_since(self) -> int:
        kept = int(topic_definitions()[self._settings.definition].settings["retention.ms"])
        return 0 if kept < 0 else time_ns() - kept * _MILLISECOND

    def _connected(self, client: T | None) -> T:
        if client is None:
            raise LedgerUnavailable(f"not connected to Kafka at {self._settings.bootstrap_servers}")
        return client

    def _unavailable(self, error: Exception) -> LedgerUnavailable:
        topic, where = self._settings.topic, self._settings.bootstrap_servers
        return LedgerUnavailable(f"topic {topic} of Kafka at {where}: {reason_of(error)}")
