"""Reads requests as a member of the group of all nodes, no more than can be served, and commits what is done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from services.dispatch.progress import Progress
from services.dispatch.settings import DispatchSettings
from services.ledger import LedgerUnavailable

__all__ = ["Done", "Intake", "Take"]

_POLL_MILLISECONDS = 500
_COMMIT_SECONDS = 0.5
_AGAIN_SECONDS = 1.0

Done = Callable[[], None]
"""Says that a request is answered, or parked; may be called again."""

Take = Callable[[Any, Done], None]
"""Given each record; it must return at once."""

logger = logging.getLogger(__name__)


class Intake(ConsumerRebalanceListener):  # type: ignore[misc]
    """Gives records to `take` while fewer than `max_in_flight` of them are not done.

    `is_fit` is asked before each fetch: a node that cannot serve any more leaves its partitions to others.
    """

    def __init__(self, settings: DispatchSettings, take: Take, is_fit: Callable[[], bool]) -> None:
        self._settings = settings
        self._take = take
        self._is_fit = is_fit
        self.in_flight = 0
        """How many requests are not done."""
        self.taken = 0
        """How many requests were read."""
        self._room = asyncio.Event()
        self._progress: dict[TopicPartition, Progress] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Join the group and begin to read.

        Raises:
            LedgerUnavailable: the brokers do not answer.
        """
        self._consumer = await self._connect()
        self._tasks = [
            asyncio.create_task(self._run(), name="read-requests"),
            asyncio.create_task(self._commit_now_and_then(), name="commit-requests"),
        ]

    @property
    def lag(self) -> int:
        """How many requests of this node's partitions wait to be read, as far as the last answers of Kafka say."""
        consumer = self._consumer
        if consumer is None:
            return 0
        ends = ((consumer.highwater(tp), progress.next) for tp, progress in self._progress.items())
        return sum(max(0, end - following) for end, following in ends if end is not None)

    async def stop_reading(self) -> None:
        """Take nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Commit what is done and leave the group."""
        await self.stop_reading()
        await self._leave()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Tell whoever comes next what is done. What is under way is answered here all the same."""
        await self._commit()
        for tp in revoked:
            self._progress.pop(tp, None)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing: progress begins with the first record."""

    async def _connect(self) -> AIOKafkaConsumer:
        kafka = self._settings.kafka
        consumer = AIOKafkaConsumer(**self._settings.consumer())
        consumer.subscribe([self._settings.topics.requests], listener=self)
        try:
            async with asyncio.timeout(kafka.timeout_seconds):
                await consumer.start()
        except (KafkaError, TimeoutError) as error:
            await consumer.stop()
            where = kafka.bootstrap_servers
            raise LedgerUnavailable(f"Kafka at {where}: {str(error) or 'no answer in time'}") from error
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    async def _leave(self) -> None:
        await self._commit()
        consumer, self._consumer = self._consumer, None
        self._progress.clear()
        if consumer is not None:
            await consumer.stop()

    async def _run(self) -> None:
        while self._is_fit():
            try:
                if self._consumer is None:
                    self._consumer = await self._connect()
                await self._read(self._consumer)
            except Exception:
                # A member of a group that has failed once may fail for ever: a new one takes its place.
                logger.exception("requests cannot be read, trying again")
                await self._leave()
                await asyncio.sleep(_AGAIN_SECONDS)
        logger.error("this node cannot serve requests any more and leaves them to others")
        await self._leave()

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while self._is_fit():
            while self.in_flight >= self._settings.max_in_flight:
                self._room.clear()
                await self._room.wait()
            room = self._settings.max_in_flight - self.in_flight
            fetched = await consumer.getmany(timeout_ms=_POLL_MILLISECONDS, max_records=room)
            for tp, records in fetched.items():
                progress = self._progress.setdefault(tp, Progress(records[0].offset))
                for record in records:
                    self._begin(progress, record)

    def _begin(self, progress: Progress, record: Any) -> None:
        progress.begin(record.offset)
        self.in_flight += 1
        self.taken += 1
        is_done = False

        def done() -> None:
            nonlocal is_done
            if not is_done:
                is_done = True
                self.in_flight -= 1
                progress.finish(record.offset)
                self._room.set()

        self._take(record, done)

    async def _commit_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_COMMIT_SECONDS)
            await self._commit()

    async def _commit(self) -> None:
        progressed = {
            tp: progress.done for tp, progress in self._progress.items() if progress.done > progress.committed
        }
        if self._consumer is None or not progressed:
            return
        try:
            await self._consumer.commit(progressed)
        except KafkaError as error:
            # The next commit tells it; after a rebalance some requests are answered twice.
            logger.info("what is done could not be committed: %r", error)
        else:
            for tp, offset in progressed.items():
                if tp in self._progress:
                    self._progress[tp].committed = offset
