"""Puts answers on their topics, for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    TopicAuthorizationFailedError,
)

from services.dispatch.settings import DispatchSettings
from services.ledger import LedgerUnavailable
from services.ledger.kafka.producers import stop_producer

__all__ = ["AnswerTooLarge", "Headers", "NotPublished", "Publisher"]

Headers = Sequence[tuple[str, bytes]]

_AGAIN_SECONDS = 0.5
_FINAL = (
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    PolicyViolationError,
    TopicAuthorizationFailedError,
)
"""What trying again does not change."""

logger = logging.getLogger(__name__)


class NotPublished(Exception):
    """An answer was given up. If it is certain that nobody has it, `is_certain`."""

    def __init__(self, reason: str, *, is_certain: bool) -> None:
        super().__init__(reason)
        self.is_certain = is_certain


class AnswerTooLarge(Exception):
    """No broker takes an answer of this size."""


class Publisher:
    """Publishes until the brokers have it, or will never take it, or this node stops."""

    def __init__(self, settings: DispatchSettings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._stopping = False

    async def start(self) -> None:
        """Connect.

        Raises:
            LedgerUnavailable: the brokers do not answer.
        """
        kafka = self._settings.kafka
        producer = AIOKafkaProducer(**self._settings.producer())
        try:
            async with asyncio.timeout(kafka.timeout_seconds):
                await producer.start()
        except (KafkaError, TimeoutError) as error:
            await stop_producer(producer)
            where = kafka.bootstrap_servers
            raise LedgerUnavailable(f"Kafka at {where}: {str(error) or 'no answer in time'}") from error
        except BaseException:
            await stop_producer(producer)
            raise
        self._producer = producer

    async def publish(self, topic: str, key: str, body: bytes, headers: Headers) -> None:
        """Publish `body` under `key`.

        Raises:
            AnswerTooLarge: as it says.
            NotPublished: it was given up.
        """
        tried = False
        while self._producer is not None:
            try:
                await self._producer.send_and_wait(topic, body, key.encode(), headers=headers)
            except MessageSizeTooLargeError:
                raise AnswerTooLarge(f"{len(body)} bytes") from None
            except _FINAL as error:
                raise NotPublished(str(error), is_certain=not tried) from error
            except KafkaError as error:
                tried = True
                logger.warning("an answer cannot be published, trying again: %r", error)
            else:
                return
            if self._stopping:
                break
            await asyncio.sleep(_AGAIN_SECONDS)
        raise NotPublished("the node is stopping", is_certain=not tried)

    def give_up(self) -> None:
        """Try nothing again from now on."""
        self._stopping = True

    async def stop(self) -> None:
        """Disconnect."""
        self.give_up()
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_producer(producer)
