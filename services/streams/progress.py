"""How far a group of consumers has come with a topic, as the brokers know it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from time import monotonic

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.ledger.kafka.settings import KafkaSettings

__all__ = ["Progress"]

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0


class Progress:
    """Asks every second what is left of the partitions that `own` gives: their ends less what is committed."""

    def __init__(self, settings: KafkaSettings, group: str, own: Callable[[], Iterable[int]]) -> None:
        self._settings = settings
        self._group = group
        self._own = own
        self._asking: asyncio.Task[None] | None = None
        self._goal: dict[TopicPartition, int] = {}
        """Where the partitions ended at a moment; when all of that is done, a new moment is taken."""
        self._goal_at = monotonic()
        self.records = 0
        """How many records are left."""

    @property
    def seconds(self) -> float:
        """For how long the oldest record that is left has been there, at least; 0 if nothing is left."""
        return monotonic() - self._goal_at if self.records else 0.0

    def start(self) -> None:
        """Begin to ask."""
        self._asking = asyncio.create_task(self._ask_for_ever(), name="progress")

    async def stop(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask_for_ever(self) -> None:
        while True:
            # In the group for its offsets only: without a subscription it takes no partition of it.
            consumer = AIOKafkaConsumer(**self._settings.consumer() | {"group_id": self._group})
            try:
                await consumer.start()
                while True:
                    await self._ask(consumer)
                    await asyncio.sleep(_LOOK_SECONDS)
            except (KafkaError, TimeoutError) as error:
                logger.warning("the brokers do not say how far %s has come: %r", self._group, error)
            finally:
                await consumer.stop()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _ask(self, consumer: AIOKafkaConsumer) -> None:
        partitions = [TopicPartition(self._settings.topic, number) for number in self._own()]
        asked_at = monotonic()
        async with asyncio.timeout(self._settings.timeout_seconds):
            ends = await consumer.end_offsets(partitions) if partitions else {}
            done = {tp: await consumer.committed(tp) or 0 for tp in ends}
        self.records = sum(max(end - done[tp], 0) for tp, end in ends.items())
        if all(done.get(tp, end) >= end for tp, end in self._goal.items()):
            self._goal, self._goal_at = ends, asked_at
