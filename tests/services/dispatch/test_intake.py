"""Requests are read as fast as they are done, and what is not done is read again by another node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from secrets import token_bytes
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from services.dispatch import DispatchSettings
from services.dispatch.intake import Done, Intake
from services.dispatch.progress import Progress
from services.dispatch.publisher import AnswerTooLarge, NotPublished, Publisher
from services.ledger import LedgerUnavailable
from services.ledger.kafka import KafkaSettings
from services.ledger.kafka.topics import ensure_topic
from tests.kafka_broker import KafkaBroker

PATIENCE = 60.0


class Taken:
    """What an intake gave, until it is told that it is done."""

    def __init__(self) -> None:
        self.open: dict[int, Done] = {}
        self.seen: list[int] = []
        self._news = asyncio.Event()

    def __call__(self, record: Any, done: Done) -> None:
        self.open[record.offset] = done
        self.seen.append(record.offset)
        self._news.set()

    def finish(self, *offsets: int) -> None:
        for offset in offsets:
            self.open.pop(offset)()

    async def until_seen(self, number: int) -> None:
        await self.until(lambda: len(self.seen) == number)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def settings(kafka_broker: KafkaBroker) -> DispatchSettings:
    """Topics of the test's own."""
    kafka = KafkaSettings(bootstrap_servers=kafka_broker.bootstrap, topic=uuid4().hex)
    settings = DispatchSettings(kafka=kafka, max_in_flight=4)
    await ensure_topic(settings.topic("requests"))
    return settings


async def put(settings: DispatchSettings, number: int) -> None:
    """Put requests into one partition."""
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers) as producer:
        for _ in range(number):
            await producer.send_and_wait(settings.topics.requests, b"{}", b"key")


@asynccontextmanager
async def reading(
    settings: DispatchSettings, is_fit: Callable[[], bool] = lambda: True
) -> AsyncIterator[tuple[Taken, Intake]]:
    taken = Taken()
    intake = Intake(settings, taken, is_fit)
    await intake.start()
    try:
        yield taken, intake
    finally:
        await intake.stop()


async def test_no_more_than_allowed_are_under_way(settings: DispatchSettings) -> None:
    await put(settings, 20)
    async with reading(settings) as (taken, intake):
        for count in range(4, 21):
            await taken.until_seen(count)
            assert intake.in_flight == len(taken.open) == 4
            taken.finish(min(taken.open))
        taken.finish(*taken.open)
        assert intake.in_flight == 0
        assert taken.seen == list(range(20))


async def test_what_is_not_done_is_read_again(settings: DispatchSettings) -> None:
    await put(settings, 8)
    async with reading(settings) as (taken, _):
        await taken.until_seen(4)
        taken.finish(0, 1, 3)
        await taken.until_seen(7)
    async with reading(settings) as (again, _):
        await again.until_seen(4)
        assert again.seen == [2, 3, 4, 5]
        again.finish(*again.open)
        await again.until_seen(6)
        again.finish(*again.open)
    async with reading(settings) as (last, _):
        await put(settings, 1)
        await last.until(lambda: bool(last.seen))
        assert last.seen == [8]


async def test_a_node_that_is_not_fit_leaves_its_requests_to_others(settings: DispatchSettings) -> None:
    fit = True
    await put(settings, 2)
    async with reading(settings, lambda: fit) as (taken, _):
        await taken.until_seen(2)
        taken.finish(0)
        fit = False
        async with reading(settings) as (other, _):
            await other.until(lambda: bool(other.seen))
            assert other.seen == [1]


async def test_the_lag_is_what_waits(settings: DispatchSettings) -> None:
    await put(settings, 10)
    async with reading(settings) as (taken, intake):
        await taken.until_seen(4)
        assert intake.lag == 6
        while taken.open:
            taken.finish(*taken.open)
            await taken.until(lambda: bool(taken.open) or len(taken.seen) == 10)
        assert intake.lag == 0


def test_progress_is_up_to_the_first_that_is_open() -> None:
    progress = Progress(7)
    assert progress.done == 7
    for offset in (7, 8, 12):
        progress.begin(offset)
    progress.finish(8)
    assert progress.done == 7
    progress.finish(7)
    progress.finish(7)
    assert progress.done == 12
    progress.finish(12)
    assert progress.done == 13


async def test_answers_that_no_broker_takes(settings: DispatchSettings) -> None:
    publisher = Publisher(settings)
    await publisher.start()
    topic = settings.topics.requests
    with pytest.raises(AnswerTooLarge):
        await publisher.publish(topic, "key", token_bytes(2_000_000), [])
    await publisher.publish(topic, "key", b"{}", [("status", b"200")])
    await publisher.stop()
    with pytest.raises(NotPublished):
        await publisher.publish(topic, "key", b"{}", [])


async def test_brokers_that_are_away(settings: DispatchSettings, nobody: str) -> None:
    away = DispatchSettings(kafka=KafkaSettings(bootstrap_servers=nobody, timeout_seconds=1))
    with pytest.raises(LedgerUnavailable, match=nobody):
        await Publisher(away).start()
    with pytest.raises(LedgerUnavailable, match=nobody):
        await Intake(away, Taken(), lambda: True).start()


@pytest.fixture
async def nobody() -> str:
    """The address of a port where nobody listens."""
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    return f"127.0.0.1:{port}"


@pytest.mark.parametrize("wrong", [{"max_in_flight": 0}, {"stop_seconds": -1}])
def test_settings_out_of_bounds(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        DispatchSettings(kafka=KafkaSettings(bootstrap_servers="localhost:9092"), **wrong)
