"""Somebody at the topics of requests and answers, without the SDK's client."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from colonyledger.identity import Identity
from colonyledger.kafka.protocol import topics_of
from colonyledger.wire import ErrorBody, Message, Process, ReplyEnvelope, decode, signed

__all__ = ["Answer", "Mailbox"]

PATIENCE = 60.0


class Answer(NamedTuple):
    """One record of the topics of answers."""

    topic: str
    key: str
    headers: dict[str, str]
    ids: list[str]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.headers["status"])

    @property
    def error(self) -> tuple[int, str]:
        """Status and text of a refusal."""
        envelope = decode(self.body, ReplyEnvelope)
        assert envelope.error
        body = decode(b64decode(envelope.payload), ErrorBody)
        assert body.status == self.status
        return body.status, body.message

    @property
    def process(self) -> Process:
        """The process in an assignment."""
        return decode(b64decode(decode(self.body, ReplyEnvelope).payload), Process)


class Mailbox:
    """Sends anything, and keeps every answer to anybody, from the beginning of the block on."""

    def __init__(self, bootstrap: str, ledger: str) -> None:
        self.bootstrap = bootstrap
        self.topics = topics_of(ledger)
        self.answers: list[Answer] = []
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, max_request_size=1_150_000)
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="latest")
        await self._producer.start()
        await self._consumer.start()
        partitions = [
            TopicPartition(topic, number)
            for topic in self.topics[1:]
            for number in await self._producer.partitions_for(topic)
        ]
        ends = await self._consumer.end_offsets(partitions)
        self._consumer.assign(partitions)
        for partition, end in ends.items():
            self._consumer.seek(partition, end)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._consumer.stop()
        await self._producer.stop()

    async def put(self, body: bytes | None, *, name: str | None = None, key: str = "anybody") -> str:
        """Put a record on the topic of requests; the id that it has."""
        name = uuid4().hex if name is None else name
        await self._producer.send_and_wait(
            self.topics.requests, body, key.encode(), headers=[("id", name.encode())]
        )
        return name

    async def answer(self, name: str, number: int = 1) -> Answer:
        """The so-manyth answer to the request `name`; it is waited for."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: len(self.all_to(name)) >= number)
        return self.all_to(name)[number - 1]

    def all_to(self, name: str) -> list[Answer]:
        """Every answer to a request so far."""
        return [answer for answer in self.answers if name in answer.ids]

    async def ask(self, who: Identity, message: Message[Any]) -> Answer:
        """Send a message, signed, and wait for its answer."""
        return await self.answer(await self.put(signed(message, who)))

    async def _read(self) -> None:
        while True:
            record = await self._consumer.getone()
            headers = {name: value.decode() for name, value in record.headers}
            ids = [value.decode() for name, value in record.headers if name == "id"]
            async with self._news:
                self.answers.append(Answer(record.topic, record.key.decode(), headers, ids, record.value))
                self._news.notify_all()
