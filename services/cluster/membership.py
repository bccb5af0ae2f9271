"""How a node makes itself known to the others, and hears of them, through a topic."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from services.cluster.announcements import decode, encode
from services.cluster.roster import ALIVE_SECONDS, Announcement, Roster
from services.ledger import CodecError, LedgerUnavailable
from services.ledger.kafka import KafkaSettings
from services.ledger.kafka.consumers import connect_consumer
from services.ledger.kafka.topics import ensure_topic

__all__ = ["Alone", "KafkaMembership", "Membership"]

_EVERY_SECONDS = 1.0
_CHANGES_SECONDS = 0.02
"""Shortest time between two announcements."""

_AGAIN_SECONDS = 1.0
_POLL_MILLISECONDS = 1000

logger = logging.getLogger(__name__)


class Membership(Protocol):
    """One node among the others."""

    @property
    def others(self) -> list[Announcement]:
        """The other nodes that live."""

    def serving(self, partition: int) -> list[Announcement]:
        """The other nodes that serve a partition."""

    def rank(self, subject: str, wanted: int | None = None, partition: int | None = None) -> int:
        """The node's place for `subject`, from 0 (`Roster.rank`)."""

    def changed(self) -> None:
        """Something that the node announces has changed."""

    async def start(self) -> None:
        """Begin to announce and to listen."""

    async def heard(self) -> None:
        """Wait until what the others have said lately is known."""

    async def stop(self) -> None:
        """Say that the node stops."""


class Alone:
    """The only node there can be: nobody else may write its ledger."""

    others: list[Announcement] = []  # noqa: RUF012 (always empty)

    def serving(self, partition: int) -> list[Announcement]:
        """None."""
        return []

    def rank(self, subject: str, wanted: int | None = None, partition: int | None = None) -> int:
        """First in everything."""
        return 0

    def changed(self) -> None:
        """Nobody is there to be told."""

    async def start(self) -> None:
        """Nothing."""

    async def heard(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""


class KafkaMembership:
    """Announces what `describe` gives every second, and soon after `changed`.

    While the brokers are away, the others are taken for dead after a while, and nothing else happens.
    """

    def __init__(self, settings: KafkaSettings, run: str, describe: Callable[[], Announcement]) -> None:
        self._settings = settings
        self._run = run
        self._describe = describe
        self._roster = Roster(run, asyncio.get_running_loop().time)
        self._news = asyncio.Event()
        self._heard = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def others(self) -> list[Announcement]:
        """The other nodes that live."""
        return self._roster.others()

    def serving(self, partition: int) -> list[Announcement]:
        """The other nodes that serve a partition."""
        return self._roster.serving(partition)

    def rank(self, subject: str, wanted: int | None = None, partition: int | None = None) -> int:
        """The node's place for `subject` (`Roster.rank`)."""
        return self._roster.rank(subject, wanted, partition)

    def changed(self) -> None:
        """Announce the node anew, at once or 20 ms after the last time."""
        self._news.set()

    async def start(self) -> None:
        """Begin to announce and to listen.

        Raises:
            LedgerRefused: the topic exists with other settings, or the brokers do not allow it.
            LedgerUnavailable: the brokers do not answer.
        """
        await ensure_topic(self._settings)
        self._tasks = [
            asyncio.create_task(self._announce(), name="announce"),
            asyncio.create_task(self._listen(), name="listen"),
        ]

    async def heard(self) -> None:
        """Wait until what the others have said lately is known."""
        await self._heard.wait()

    async def stop(self) -> None:
        """Say that the node stops, if the brokers take it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _announce(self) -> None:
        while True:
            producer = AIOKafkaProducer(**self._settings.client(), acks=1, linger_ms=0)
            try:
                await producer.start()
                while True:
                    self._news.clear()
                    await self._send(producer, encode(self._describe()))
                    await asyncio.sleep(_CHANGES_SECONDS)
                    await self._wait_for_news()
            except (KafkaError, TimeoutError) as error:
                logger.debug("this node cannot be announced, trying again: %r", error)
                await asyncio.sleep(_AGAIN_SECONDS)
            except asyncio.CancelledError:
                await self._say_goodbye(producer)
                raise
            finally:
                await producer.stop()

    async def _send(self, producer: AIOKafkaProducer, body: bytes | None) -> None:
        async with asyncio.timeout(self._settings.timeout_seconds):
            await producer.send_and_wait(self._settings.topic, body, key=self._run.encode(), partition=0)

    async def _say_goodbye(self, producer: AIOKafkaProducer) -> None:
        try:
            async with asyncio.timeout(_EVERY_SECONDS):
                await self._send(producer, None)
        except (KafkaError, TimeoutError) as error:
            logger.debug("the others were not told that this node stops: %r", error)

    async def _wait_for_news(self) -> None:
        """Until something has changed or the others have to hear again that this node lives."""
        try:
            async with asyncio.timeout(_EVERY_SECONDS):
                await self._news.wait()
        except TimeoutError:
            return

    async def _listen(self) -> None:
        """Hear from the others: whoever lives has said so a moment ago, and says it again every second."""
        topic = TopicPartition(self._settings.topic, 0)
        while True:
            try:
                consumer = await connect_consumer(self._settings)
            except LedgerUnavailable:
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            try:
                consumer.assign([topic])
                end = (await consumer.end_offsets([topic]))[topic]
                lately = int((time.time() - ALIVE_SECONDS) * 1000)
                since = (await consumer.offsets_for_times({topic: lately}))[topic]
                consumer.seek(topic, end if since is None else since.offset)
                while True:
                    if not self._heard.is_set() and await consumer.position(topic) >= end:
                        self._heard.set()
                    await self._hear(consumer)
            except KafkaError as error:
                logger.debug("the other nodes cannot be heard, trying again: %r", error)
                await asyncio.sleep(_AGAIN_SECONDS)
            finally:
                await consumer.stop()

    async def _hear(self, consumer: AIOKafkaConsumer) -> None:
        for records in (await consumer.getmany(timeout_ms=_POLL_MILLISECONDS)).values():
            for record in records:
                if record.value is None:
                    self._roster.forget(bytes(record.key or b"").decode(errors="replace"))
                    continue
                try:
                    self._roster.hear(decode(record.value))
                except CodecError as error:
                    logger.warning("offset %d of topic %s: %s", record.offset, record.topic, error)
