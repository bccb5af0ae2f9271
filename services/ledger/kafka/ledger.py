"""KafkaLedger: the ledger as a topic."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing

from aiokafka.client import AIOKafkaClient
from colonyledger.record import Record

from projections.event import Event
from services.ledger.base import LedgerUnavailable, Position
from services.ledger.codec import encode
from services.ledger.kafka.appender import Appender
from services.ledger.kafka.consumers import connect_client
from services.ledger.kafka.ends import Ends
from services.ledger.kafka.feed import Feed
from services.ledger.kafka.reader import read
from services.ledger.kafka.settings import KafkaSettings
from services.ledger.kafka.topics import ensure_topic
from services.ledger.tail import Tail

__all__ = ["KafkaLedger"]

_log = logging.getLogger(__name__)

_PROBE_SECONDS = 2.0
_PROBE_AGAIN_SECONDS = 0.5
_PROBE_TIMEOUT_SECONDS = 3.0
_RETRY_SECONDS = 1.0


class KafkaLedger:
    """A ledger in a topic. `start` connects; see `services.ledger.base.Ledger` for the rest."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._appender = Appender(settings)
        self._tails: list[Tail] = []
        self._client: AIOKafkaClient | None = None
        self._ends: Ends | None = None
        self._feed: Feed | None = None
        self._probing: asyncio.Task[None] | None = None
        self._unreachable: str | None = "not connected to Kafka yet"
        self._closing: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()

    async def start(self) -> None:
        """Make or check the topic and connect. May be called again after it has failed.

        Raises:
            LedgerRefused: the topic exists with other settings, or the brokers do not allow it.
            LedgerUnavailable: the brokers do not answer in time.
        """
        settings = self._settings
        partitions = await ensure_topic(settings)
        async with AsyncExitStack() as undo:
            client = await connect_client(settings)
            undo.push_async_callback(client.close)
            if not settings.read_only:
                await self._appender.start()
            undo.pop_all()
        self._tails = [Tail(0) for _ in range(partitions)]
        self._client = client
        self._ends = Ends(client, settings)
        self._feed = Feed(client, self._ends, settings.topic, self._tails)
        self._unreachable = None
        self._probing = asyncio.create_task(self._probe())

    @property
    def partitions(self) -> int:
        """How many partitions the topic has; 0 until `start` has succeeded."""
        return len(self._tails)

    @property
    def is_shared(self) -> bool:
        """Yes: every node appends to the topic."""
        return True

    @property
    def fault(self) -> str | None:
        """Why the ledger cannot be used, in words for an operator; None if it can."""
        for tail in self._tails:
            if tail.damage is not None:
                return f"the ledger is damaged: {tail.damage}"
        if self._closing is not None:
            return "the ledger is closed"
        return self._unreachable or (None if self._settings.read_only else self._appender.fault)

    @property
    def waiting(self) -> int:
        """How many appends wait for the brokers."""
        return self._appender.waiting

    def append(self, partition: int, record: Record) -> asyncio.Future[Position]:
        """Append `record`; the future is done when every replica in sync has it.

        It fails with LedgerUnavailable, at once if the ledger has a fault.

        Raises:
            CodecError: the record does not fit the schema or is too large.
            ValueError: there is no such partition.
        """
        self._check(partition)
        body = encode(record)
        fault = self.fault
        if fault is not None:
            future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
            future.set_exception(LedgerUnavailable(fault))
            return future
        return self._appender.append(partition, body)

    def read(self, partition: int, offset: int = 0) -> AsyncIterator[list[Event]]:
        """The records from `offset` up to the end as it is now, in batches of at most 500.

        Raises:
            LedgerCorrupt: after everything before the damaged record has been given.
            LedgerUnavailable: the brokers do not answer in time, or the ledger was closed meanwhile.
        """
        self._check(partition)
        return self._read(partition, offset)

    def follow(self, partition: int, offset: int = 0) -> AsyncIterator[list[Event]]:
        """The records from `offset` on, for ever; rides out times when the brokers are away.

        Raises:
            LedgerCorrupt: after everything before the damaged record has been given.
        """
        self._check(partition)
        return self._follow(partition, offset)

    async def end(self, partition: int) -> int:
        """The high watermark, asked of the brokers; one request serves all who wait.

        Raises:
            LedgerUnavailable: the brokers do not answer in time.
        """
        self._check(partition)
        if self._closing is not None or self._ends is None:
            raise LedgerUnavailable(self.fault)
        return await self._ends.of(partition)

    async def close(self) -> None:
        """Send what was appended, end all iterators, disconnect. May be called twice."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    def _check(self, partition: int) -> None:
        if not 0 <= partition < len(self._tails):
            known = f"only 0 to {len(self._tails) - 1}" if self._tails else "it is not connected yet"
            raise ValueError(f"the ledger has no partition {partition}, {known}")

    async def _read(self, partition: int, offset: int) -> AsyncIterator[list[Event]]:
        end = await self.end(partition)
        async with aclosing(read(self._settings, partition, offset, end)) as batches:
            async for events in batches:
                if self._closing is not None:
                    raise LedgerUnavailable("the ledger is closed")
                yield events

    async def _follow(self, partition: int, offset: int) -> AsyncIterator[list[Event]]:
        tail = self._tails[partition]
        tail.followers += 1
        try:
            while self._closing is None:
                tail.raise_damage_at(offset)
                try:
                    if self._feed is not None:
                        await self._feed.join(partition)
                    if events := tail.since(offset):
                        offset = events[-1].offset + 1
                        yield events
                    elif offset < tail.end:
                        async with aclosing(read(self._settings, partition, offset, tail.end)) as batches:
                            async for events in batches:
                                offset = events[-1].offset + 1
                                yield events
                                if self._closing is not None:
                                    return
                    else:
                        await tail.moved()
                except LedgerUnavailable as error:
                    _log.warning("partition %d cannot be followed, trying again: %s", partition, error)
                    await self._pause(_RETRY_SECONDS)
        finally:
            tail.followers -= 1
            if not tail.followers and self._feed is not None:
                self._feed.leave(partition)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than until the ledger is closed."""
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return

    async def _probe(self) -> None:
        """Ask the brokers something now and then, so that `fault` is true though nobody appends."""
        while True:
            await asyncio.sleep(_PROBE_SECONDS if self._unreachable is None else _PROBE_AGAIN_SECONDS)
            try:
                async with asyncio.timeout(_PROBE_TIMEOUT_SECONDS):
                    await self.end(0)
            except (LedgerUnavailable, TimeoutError) as error:
                reason = str(error) or "no answer"
                self._unreachable = f"Kafka at {self._settings.bootstrap_servers} cannot be reached: {reason}"
            else:
                self._unreachable = None

    async def _close(self) -> None:
        self._closed.set()
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait([self._probing])
        await self._appender.stop()
        for tail in self._tails:
            tail.wake()
        if self._feed is not None and self._ends is not None:
            await self._feed.stop()
            await self._ends.stop()
        if self._client is not None:
            await self._client.close()
