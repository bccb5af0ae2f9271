"""One program's way to the servers: it puts requests on a topic and finds their answers on two others.

Answers are read from the end of the topics as it is when the program first speaks for an identity:
what an earlier run was told is not for this one. Only the partitions that hold this program's
identities are read, and of those only what answers a request that waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from colonyledger.kafka.brokers import KafkaBrokers
from colonyledger.kafka.outgoing import Answer, Outgoing, too_large
from colonyledger.kafka.protocol import DIGEST, ID, MAX_REQUEST_BYTES, RETRY_AFTER, STATUS

__all__ = ["KafkaLink", "LinkDown"]

_log = logging.getLogger("colonyledger.kafka")

_POLL_MILLISECONDS = 1000
_BATCH_RECORDS = 500
_RETRY_SECONDS = 1.0

_partition_among = DefaultPartitioner()


class LinkDown(Exception):
    """The brokers cannot be reached, or do not let us; the text says which."""


class _Waiting(NamedTuple):
    request: Outgoing
    answer: asyncio.Future[Answer]


class KafkaLink:
    """Requests to the servers behind `brokers`, and their answers. Connects at the first request."""

    def __init__(self, brokers: KafkaBrokers) -> None:
        self.brokers = brokers
        self._topics = brokers.topics
        self._waiting: dict[str, _Waiting] = {}
        self._positions: dict[TopicPartition, int] = {}
        """The partitions that are read, and the offset that comes next in each."""
        self._changing = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._reader: asyncio.Task[None] | None = None
        self._withdrawals: set[asyncio.Task[None]] = set()
        self._closed = False

    async def exchange(self, body: bytes, *, silence: float) -> Answer:
        """Send `body`, a signed request, and wait up to `silence` seconds for its answer.

        An `assign` that is cancelled is withdrawn, as hanging up does over HTTP.

        Raises:
            LinkDown: the brokers did not take it, as far as is known.
            TimeoutError: no answer came.
            ConfigurationError: the brokers' certificates cannot be used.
        """
        request = Outgoing.of(body)
        if len(body) > MAX_REQUEST_BYTES:
            return too_large(len(body))
        producer = await self._listening_for(request.caller)
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        self._waiting[request.id] = waiting
        try:
            await self._send(producer, request, body)
            async with asyncio.timeout(silence):
                return await waiting.answer
        except MessageSizeTooLargeError:
            return too_large(len(body))
        except asyncio.CancelledError:
            if request.is_assign:
                self._withdraw_later(request)
            raise
        finally:
            del self._waiting[request.id]

    async def withdraw_assigns(self) -> None:
        """Ask that all `assign` requests that wait be answered now, with nothing unless a process is on its way."""
        waiting = [waiting.request for waiting in self._waiting.values() if waiting.request.is_assign]
        await asyncio.gather(*(self._withdraw(request) for request in waiting))

    async def close(self) -> None:
        """Send what was withdrawn and disconnect for good; whoever waits is told."""
        if self._withdrawals:
            await asyncio.wait(self._withdrawals)
        async with self._changing:
            self._closed = True
            if self._reader is not None:
                self._reader.cancel()
                await asyncio.wait([self._reader])
            for waiting in self._waiting.values():
                if not waiting.answer.done():
                    waiting.answer.set_exception(LinkDown("the connection was closed"))
            for client in (self._producer, self._consumer):
                if client is not None:
                    await client.stop()
            self._producer = self._consumer = self._reader = None
            self._positions = {}

    async def _send(self, producer: AIOKafkaProducer, request: Outgoing, body: bytes | None) -> None:
        try:
            async with asyncio.timeout(self.brokers.timeout_seconds):
                await producer.send_and_wait(
                    self._topics.requests, body, request.caller.encode(), headers=[(ID, request.id.encode())]
                )
        except MessageSizeTooLargeError:
            raise
        except (KafkaError, TimeoutError) as error:
            raise LinkDown(f"Kafka did not take the request: {_reason(error)}") from error

    def _withdraw_later(self, request: Outgoing) -> None:
        task = asyncio.create_task(self._withdraw(request))
        self._withdrawals.add(task)
        task.add_done_callback(self._withdrawals.discard)

    async def _withdraw(self, request: Outgoing) -> None:
        """Say that nobody waits for an answer: the same id again, and no request."""
        if self._producer is None:
            return
        try:
            await self._send(self._producer, request, None)
        except LinkDown as error:
            _log.warning("An assign request could not be withdrawn. %s", error)

    async def _listening_for(self, caller: str) -> AIOKafkaProducer:
        """The producer, once answers to `caller` are read."""
        try:
            async with asyncio.timeout(self.brokers.timeout_seconds):
                if self._producer is None:
                    async with self._changing:
                        await self._connect()
                if self._producer is None or self._consumer is None:
                    raise LinkDown("the connection was closed")
                wanted = [
                    await self._home(self._producer, topic, caller)
                    for topic in (self._topics.replies, self._topics.assignments)
                ]
                if any(partition not in self._positions for partition in wanted):
                    async with self._changing:
                        await self._join(self._consumer, wanted)
        except (KafkaError, TimeoutError) as error:
            raise LinkDown(_reason(error)) from error
        return self._producer

    async def _connect(self) -> None:
        if self._producer is not None or self._closed:
            return
        settings = self.brokers.client()
        producer = AIOKafkaProducer(**settings, acks="all", max_request_size=2 * MAX_REQUEST_BYTES)
        consumer = AIOKafkaConsumer(
            **settings, group_id=None, enable_auto_commit=False, auto_offset_reset="latest"
        )
        try:
            await producer.start()
            await consumer.start()
        except BaseException:
            await asyncio.gather(producer.stop(), consumer.stop(), return_exceptions=True)
            raise
        self._producer, self._consumer = producer, consumer

    async def _home(self, producer: AIOKafkaProducer, topic: str, caller: str) -> TopicPartition:
        """The partition of `topic` that has what is for `caller`, by Kafka's usual hash of the key."""
        partitions = sorted(await producer.partitions_for(topic))
        return TopicPartition(topic, _partition_among(caller.encode(), partitions, partitions))

    async def _join(self, consumer: AIOKafkaConsumer, wanted: Sequence[TopicPartition]) -> None:
        """Read partitions from their ends on, beside those that are read already."""
        new = [partition for partition in wanted if partition not in self._positions]
        if not new:
            return
        ends = await consumer.end_offsets(new)
        self._positions |= ends
        consumer.assign(list(self._positions))
        for partition, offset in self._positions.items():
            consumer.seek(partition, offset)
        if self._reader is None:
            self._reader = asyncio.create_task(self._read(consumer))

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            try:
                fetched = await consumer.getmany(timeout_ms=_POLL_MILLISECONDS, max_records=_BATCH_RECORDS)
            except KafkaError as error:
                _log.warning("Answers cannot be read, trying again. %s", _reason(error))
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            for partition, records in fetched.items():
                for record in records:
                    self._take(record)
                self._positions[partition] = records[-1].offset + 1

    def _take(self, record: Any) -> None:
        """Give an answer to whoever waits for it. An id alone is no proof: anybody may have sent a request by it."""
        headers = dict(record.headers)
        status = headers.get(STATUS, b"")
        if record.value is None or not status.isdigit():
            return
        answer = Answer(int(status), headers.get(RETRY_AFTER, b"").decode("ascii", "replace"), record.value)
        for name, value in record.headers:
            waiting = self._waiting.get(value.decode("ascii", "replace")) if name == ID else None
            if waiting is None or waiting.answer.done():
                continue
            request = waiting.request
            if (record.key, headers.get(DIGEST)) == (request.caller.encode(), request.digest.encode()):
                waiting.answer.set_result(answer)


def _reason(error: Exception) -> str:
    """What an error of Kafka says; a timeout says nothing itself."""
    return str(error) or "no answer in time"
