"""Appends to a topic: one batch of a partition under way at a time, and what comes meanwhile is the next."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.ledger.base import LedgerUnavailable, Position
from services.ledger.kafka.producers import connect_producer, stop_producer
from services.ledger.kafka.settings import KafkaSettings

__all__ = ["Appender"]

_log = logging.getLogger(__name__)

_RECONNECT_SECONDS = 0.5
_MILLISECOND = 1_000_000

Append = tuple[asyncio.Future[Position], bytes]


class _Lane:
    """What waits for one partition."""

    __slots__ = ("pump", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Append] = deque()
        self.pump: asyncio.Task[None] | None = None


class Appender:
    """The producer of a ledger, and its replacement when it has failed for good.

    A batch that the brokers do not acknowledge in time is unknown: its appends fail, the producer goes
    on trying, and until it succeeds everything else is refused. So order is kept, and nothing is sent
    after its caller was told that it is not.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lanes: dict[int, _Lane] = {}
        self._producer: AIOKafkaProducer | None = None
        self._reconnecting: asyncio.Task[None] | None = None
        self._disconnected: str | None = "not connected to Kafka yet"
        self._stuck: dict[int, str] = {}
        self._waiting_records = 0
        self._waiting_bytes = 0

    @property
    def fault(self) -> str | None:
        """Why appends are refused; None if they are not."""
        return self._disconnected or next(iter(self._stuck.values()), None)

    @property
    def waiting(self) -> int:
        """How many appends wait for the brokers."""
        return self._waiting_records

    async def start(self) -> None:
        """Connect.

        Raises:
            LedgerUnavailable: the brokers do not answer in time.
        """
        self._producer = await connect_producer(self._settings)
        self._disconnected = None

    def append(self, partition: int, body: bytes) -> asyncio.Future[Position]:
        """Append `body`; the future fails with LedgerUnavailable."""
        future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        refusal = self._refusal(len(body))
        if refusal is not None:
            future.set_exception(LedgerUnavailable(refusal))
            return future
        self._waiting_records += 1
        self._waiting_bytes += len(body)
        lane = self._lanes.setdefault(partition, _Lane())
        lane.waiting.append((future, body))
        if lane.pump is None:
            lane.pump = asyncio.create_task(self._pump(partition, lane))
        return future

    async def stop(self) -> None:
        """Send what waits, as long as the brokers may take, and disconnect."""
        pumps = [lane.pump for lane in self._lanes.values() if lane.pump is not None]
        if pumps:
            _, late = await asyncio.wait(pumps, timeout=self._settings.timeout_seconds)
            for pump in late:
                pump.cancel()
            if late:
                await asyncio.wait(late)
        for lane in self._lanes.values():
            self._fail(lane.waiting, "the ledger was closed before the record was sent")
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            await asyncio.wait([self._reconnecting])
        if self._producer is not None:
            await stop_producer(self._producer)
        self._disconnected = "the ledger is closed"

    def _refusal(self, size: int) -> str | None:
        if self._waiting_records >= self._settings.max_waiting_records:
            return f"{self._waiting_records} appends wait for Kafka already"
        if self._waiting_records and self._waiting_bytes + size > self._settings.max_waiting_bytes:
            return f"appends of {self._waiting_bytes} bytes wait for Kafka already"
        return self.fault

    async def _pump(self, partition: int, lane: _Lane) -> None:
        try:
            while lane.waiting:
                if self._producer is None:
                    self._fail(lane.waiting, f"the record was not sent: {self.fault}")
                else:
                    await self._send(self._producer, partition, lane)
        finally:
            lane.pump = None

    async def _send(self, producer: AIOKafkaProducer, partition: int, lane: _Lane) -> None:
        """Send one batch of what waits, and wait until it is acknowledged or the producer has failed."""
        batch = producer.create_batch()
        sent: deque[Append] = deque()
        while lane.waiting and batch.append(key=None, value=lane.waiting[0][1], timestamp=None) is not None:
            sent.append(lane.waiting.popleft())
        delivery = None
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                delivery = await producer.send_batch(batch, self._settings.topic, partition=partition)
                acknowledged = await asyncio.shield(delivery)
        except TimeoutError:
            reason = f"Kafka did not acknowledge records of partition {partition} in time; they are unknown"
            self._stuck[partition] = reason
            self._fail(sent, reason)
            self._fail(lane.waiting, f"the record was not sent: {reason}")
            await self._await_late(producer, delivery)
            del self._stuck[partition]
        except KafkaError as error:
            self._fail(sent, f"Kafka failed to append to partition {partition}: {error}")
            self._replace(producer, error)
        except asyncio.CancelledError:
            self._fail(sent, "the ledger was closed before Kafka acknowledged the record; it is unknown")
            raise
        else:
            self._succeed(sent, partition, acknowledged.offset, acknowledged.timestamp * _MILLISECOND)

    async def _await_late(self, producer: AIOKafkaProducer, delivery: asyncio.Future[object] | None) -> None:
        """Wait for a batch that is late, however long it takes."""
        try:
            if delivery is not None:
                await asyncio.shield(delivery)
        except KafkaError as error:
            self._replace(producer, error)

    def _succeed(self, sent: deque[Append], partition: int, offset: int, time: int) -> None:
        if offset < 0:
            # The broker had the batch already, from an attempt whose answer was lost, and forgot where.
            self._fail(sent, f"Kafka has records of partition {partition} but does not say where")
            return
        for number, (future, body) in enumerate(sent):
            self._settle(body)
            if not future.done():
                future.set_result(Position(partition, offset + number, time))

    def _fail(self, appends: deque[Append], reason: str) -> None:
        while appends:
            future, body = appends.popleft()
            self._settle(body)
            if not future.done():
                future.set_exception(LedgerUnavailable(reason))

    def _settle(self, body: bytes) -> None:
        self._waiting_records -= 1
        self._waiting_bytes -= len(body)

    def _replace(self, producer: AIOKafkaProducer, error: KafkaError) -> None:
        """Give up a producer that has failed: what it sends now would be refused as out of order."""
        if self._producer is producer:
            self._producer = None
            self._disconnected = f"Kafka failed to append, connecting again: {error}"
            _log.warning("%s", self._disconnected)
            self._reconnecting = asyncio.create_task(self._reconnect(producer))

    async def _reconnect(self, failed: AIOKafkaProducer) -> None:
        await stop_producer(failed)
        while self._producer is None:
            try:
                self._producer = await connect_producer(self._settings)
            except LedgerUnavailable as error:
                self._disconnected = str(error)
                await asyncio.sleep(_RECONNECT_SECONDS)
        self._disconnected = None
