"""Windows as workers have stored them: the topic, read from its beginning and followed."""

from __future__ import annotations

import asyncio
import logging

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.ledger.base import LedgerUnavailable
from services.ledger.kafka.consumers import connect_consumer, has_read, reason_of
from services.ledger.kafka.settings import KafkaSettings
from services.streams.held import HeldWindows

__all__ = ["WindowReader"]

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 2.0
"""Pause after a failure, and between two looks for a topic that no worker has made yet."""
_POLL_MILLISECONDS = 1000
_READING = "the windows are being read"


class WindowReader:
    """Keeps `held` as the topic is. Everything stays readable while the brokers are away."""

    def __init__(self, settings: KafkaSettings, held: HeldWindows) -> None:
        """`settings` name the topic and say how many partitions it has."""
        self._settings = settings
        self._held = held
        self._following: asyncio.Task[None] | None = None
        self._whole = False
        """Whether everything is held that was stored when reading began."""
        self._reason = _READING
        self.exists = False
        """Whether there is such a topic, which the first worker makes."""

    @property
    def fault(self) -> str | None:
        """Why what is held is not whole, in words for an operator; None if it is."""
        return None if self._whole else self._reason

    def start(self) -> None:
        """Begin to read. Returns at once; brokers that are away are tried again and again."""
        self._following = asyncio.create_task(self._follow_for_ever(), name="windows")

    async def stop(self) -> None:
        """Read no more."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    async def _follow_for_ever(self) -> None:
        while True:
            try:
                consumer = await connect_consumer(self._settings)
                try:
                    await self._follow(consumer)
                finally:
                    await consumer.stop()
            except LedgerUnavailable as error:
                self._fail(str(error))
            except (KafkaError, TimeoutError) as error:
                self._fail(f"topic {self._settings.topic}: {reason_of(error)}")
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        """Read for ever, or return if there is no topic."""
        async with asyncio.timeout(self._settings.timeout_seconds):
            self.exists = self._settings.topic in await consumer.topics()
            if not self.exists:
                self._whole = True
                return
            numbers = range(self._settings.partitions or 0)
            partitions = [TopicPartition(self._settings.topic, number) for number in numbers]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            await consumer.seek_to_beginning(*partitions)
            self._held.clear()
            self._whole, self._reason = False, _READING
        while True:
            for records in (await consumer.getmany(timeout_ms=_POLL_MILLISECONDS)).values():
                for record in records:
                    self._take(record.key, record.value, record.offset)
                await asyncio.sleep(0)
            self._whole = self._whole or await has_read(consumer, ends)

    def _take(self, key: bytes | None, value: bytes | None, offset: int) -> None:
        try:
            self._held.put(key or b"", value)
        except msgspec.DecodeError as error:
            logger.warning(
                "topic %s, offset %d has no key of a window: %s", self._settings.topic, offset, error
            )

    def _fail(self, reason: str) -> None:
        if self._reason != reason:
            logger.warning("windows cannot be read, trying again: %s", reason)
        self._reason = reason
