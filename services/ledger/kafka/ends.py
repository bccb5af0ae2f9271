"""Where the partitions of a topic end, asked of the brokers once for all who want to know at a time."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError

from services.ledger.base import LedgerUnavailable
from services.ledger.kafka.consumers import reason_of
from services.ledger.kafka.settings import KafkaSettings

__all__ = ["Ends"]

_ATTEMPT_SECONDS = 2.0
"""How long a broker may take to answer before the one is asked that leads by then."""


class Ends:
    """Asks for high watermarks, by a consumer of its own. An answer is never older than its question."""

    def __init__(self, consumer: AIOKafkaConsumer, settings: KafkaSettings) -> None:
        self._consumer = consumer
        self._settings = settings
        self._asked: dict[int, asyncio.Future[int]] = {}
        self._asking: asyncio.Task[None] | None = None

    async def of(self, partition: int) -> int:
        """The offset after the last acknowledged record.

        Raises:
            LedgerUnavailable: the brokers do not answer in time.
        """
        if partition not in self._asked:
            answer = asyncio.get_running_loop().create_future()
            # Whoever asked may have gone when the answer is an error.
            answer.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._asked[partition] = answer
        answer = self._asked[partition]
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(answer)

    async def stop(self) -> None:
        """Give up what is under way and disconnect."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await self._consumer.stop()

    async def _ask(self) -> None:
        """Ask until nobody wants to know any more. Whoever comes while a request is under way is in the next."""
        asked: dict[int, asyncio.Future[int]] = {}
        try:
            while self._asked:
                asked, self._asked = self._asked, {}
                await self._answer(asked)
        finally:
            self._asking = None
            for answer in (*asked.values(), *self._asked.values()):
                if not answer.done():
                    answer.set_exception(
                        LedgerUnavailable(f"asking where topic {self._settings.topic} ends was given up")
                    )

    async def _answer(self, asked: dict[int, asyncio.Future[int]]) -> None:
        topic = self._settings.topic
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                ends = await self._insist([TopicPartition(topic, number) for number in asked])
        except (KafkaError, TimeoutError) as error:
            reason = f"Kafka does not say where topic {topic} ends: {reason_of(error)}"
            for answer in asked.values():
                answer.set_exception(LedgerUnavailable(reason))
        else:
            for tp, end in ends.items():
                asked[tp.partition].set_result(end)

    async def _insist(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Ask until there is an answer: a leader that hangs is replaced by another one before long."""
        while True:
            try:
                async with asyncio.timeout(_ATTEMPT_SECONDS):
                    ends: dict[TopicPartition, int] = await self._consumer.end_offsets(partitions)
                    return ends
            except (KafkaTimeoutError, TimeoutError):
                continue
