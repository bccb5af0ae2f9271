"""Workers on a real broker: right numbers, whatever is killed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from projections.event import Event
from services.facts.fact import Fact
from services.facts.topic import FactsTopic, facts_settings
from services.history.engine import Engine
from services.history.opening import open_history
from services.history.replay import replay
from services.ledger import KafkaLedger, KafkaSettings
from services.snapshots.making import make_snapshot
from services.snapshots.opening import open_store
from services.streams.window import Window, WindowKey, decode_window
from tests.kafka_broker import KafkaBroker
from tests.projections.workload import history
from tests.services.facts.reading import PATIENCE, records_of, told_by
from tests.services.history.server import Server
from tests.services.streams.expected import windows_of
from tests.services.streams.test_counting import FOR_EVER, agrees
from tests.services.streams.workers import WorkerProcess

PARTITIONS = 2
KEPT = str(FOR_EVER)

StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def ledger_topic(kafka_broker: KafkaBroker) -> KafkaSettings:
    """A ledger of the test's own with two partitions, not made yet."""
    return KafkaSettings(
        bootstrap_servers=kafka_broker.bootstrap, topic=f"ledger-{uuid4()}", partitions=PARTITIONS
    )


@pytest.fixture
async def ledger(ledger_topic: KafkaSettings) -> KafkaLedger:
    ledger = KafkaLedger(ledger_topic)
    await ledger.start()
    return ledger


@pytest.fixture
def start_worker(ledger_topic: KafkaSettings) -> Iterator[StartWorker]:
    """Starts workers over the test's ledger; all are gone at its end."""
    started: list[WorkerProcess] = []

    def start(*flags: str) -> WorkerProcess:
        place = f"kafka://{ledger_topic.bootstrap_servers}/{ledger_topic.topic}"
        worker = WorkerProcess("--ledger", place, "--kept-seconds", KEPT, *flags)
        started.append(worker)
        worker.start()
        return worker

    yield start
    for worker in started:
        worker.end()


async def append(ledger: KafkaLedger, partition: int, events: Sequence[Event]) -> None:
    for event in events:
        appended = ledger.append(partition, event.record)
    await appended


class Facts:
    """Facts of two partitions on their way to their topic."""

    def __init__(self, settings: KafkaSettings, seed: int, steps: int) -> None:
        self.settings = facts_settings(settings, PARTITIONS)
        self.told = [
            [
                msgspec.structs.replace(fact, partition=partition)
                for fact in told_by(history(seed + partition, steps))
            ]
            for partition in range(PARTITIONS)
        ]
        self.sent = 0.0
        """The share that is published."""
        self._topic = FactsTopic(self.settings)

    async def send(self, until: float) -> None:
        """Publish up to this share of all; a few come twice."""
        await self._topic.connect()
        for partition, facts in enumerate(self.told):
            begin, end = int(self.sent * len(facts)), int(until * len(facts))
            await self._topic.publish(partition, facts[max(begin - 10, 0) : end])
        self.sent = until

    async def close(self) -> None:
        await self._topic.disconnect()

    @property
    def all(self) -> list[Fact]:
        return [fact for facts in self.told for fact in facts]


async def counted(facts: Facts, *, least: int = 0) -> None:
    """Wait until workers have noted all published facts as done, or all but so many of a partition."""
    settings = facts.settings
    group = f"{settings.topic}-windows"
    consumer = AIOKafkaConsumer(**settings.consumer() | {"group_id": group})
    await consumer.start()
    try:
        async with asyncio.timeout(PATIENCE):
            for partition in range(PARTITIONS):
                tp = TopicPartition(settings.topic, partition)
                end = (await consumer.end_offsets([tp]))[tp]
                while end - (await consumer.committed(tp) or 0) > least:  # noqa: ASYNC110 (no signal)
                    await asyncio.sleep(0.05)
    finally:
        await consumer.stop()


async def windows_in(settings: KafkaSettings) -> dict[WindowKey, Window]:
    """The newest windows of all partitions."""
    topic = stored_in(settings)
    found: dict[WindowKey, Window] = {}
    for partition in range(PARTITIONS):
        for record in await records_of(topic, partition):
            key = WindowKey.decode(record.key)
            assert key.partition == partition
            if record.value is None:
                found.pop(key, None)
            else:
                found[key] = decode_window(record.value)
    return found


def stored_in(settings: KafkaSettings) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=settings.bootstrap_servers, topic=f"{settings.topic}-windows")


async def check(settings: KafkaSettings, facts: Facts, seconds: int = 60) -> None:
    expected = windows_of(facts.all, seconds)
    found = await windows_in(settings)
    assert set(found) == set(expected)
    wrong = {
        key: (window, expected[key]) for key, window in found.items() if not agrees(window, expected[key])
    }
    assert not wrong


@asynccontextmanager
async def counted_rightly(
    ledger: KafkaLedger, settings: KafkaSettings, seed: int, steps: int, seconds: int = 60
) -> AsyncIterator[Facts]:
    """Facts to be sent beside a ledger; afterwards the windows must hold their numbers."""
    await ledger.close()
    facts = Facts(settings, seed, steps)
    yield facts
    await facts.close()
    await check(settings, facts, seconds)


async def test_windows_hold_the_right_numbers_and_a_worker_stops_when_told(
    ledger: KafkaLedger, ledger_topic: KafkaSettings, start_worker: StartWorker, seed: int
) -> None:
    async with counted_rightly(ledger, ledger_topic, seed, 1500, 3600) as facts:
        worker = await asyncio.to_thread(start_worker, "--window-seconds", "3600")
        await facts.send(0.5)
        await counted(facts)
        await facts.send(1.0)
        await counted(facts)
        assert await asyncio.to_thread(worker.stop) == 0


async def test_killed_workers_count_everything_once(
    ledger: KafkaLedger, ledger_topic: KafkaSettings, start_worker: StartWorker, seed: int
) -> None:
    chance = random.Random(seed)
    async with counted_rightly(ledger, ledger_topic, seed, 6000) as facts:
        for share in (0.4, 0.8, 1.0):
            worker = await asyncio.to_thread(start_worker)
            await facts.send(share)
            if share < 1.0:
                await counted(facts, least=chance.randrange(50, 1000))
                await asyncio.to_thread(worker.kill)
        await counted(facts)
        await asyncio.to_thread(worker.stop)


async def test_a_second_worker_takes_a_share_and_gives_it_back(
    ledger: KafkaLedger, ledger_topic: KafkaSettings, start_worker: StartWorker, seed: int
) -> None:
    async with counted_rightly(ledger, ledger_topic, seed, 3000) as facts:
        first = await asyncio.to_thread(start_worker)
        await facts.send(0.3)
        second = await asyncio.to_thread(start_worker)
        await facts.send(0.6)
        await counted(facts)
        await first.until_done("windows")
        await second.until_done("windows")
        assert await asyncio.to_thread(first.stop) == 0
        await facts.send(1.0)
        await asyncio.to_thread(start_worker)
        await counted(facts)


async def test_workers_that_come_and_go_count_everything_once(
    ledger: KafkaLedger, ledger_topic: KafkaSettings, start_worker: StartWorker, seed: int
) -> None:
    """Killed, stopped or started at any moment, while others count or read what is stored."""
    chance = random.Random(seed)
    async with counted_rightly(ledger, ledger_topic, seed, 3000) as facts:
        working: list[WorkerProcess] = []
        for step in range(1, 9):
            await facts.send(step / 8)
            if not working or (len(working) < 3 and chance.random() < 0.5):
                working.append(await asyncio.to_thread(start_worker))
            else:
                leaving = working.pop(chance.randrange(len(working)))
                await asyncio.to_thread(chance.choice((leaving.stop, leaving.kill)))
            await asyncio.sleep(chance.uniform(0, 1))
        await asyncio.to_thread(start_worker)
        await counted(facts)


def essence(engine: Engine, view: str) -> bytes:
    """The number of rows of a view and the sum of their digests."""
    sql = f"SELECT count(), sum(sipHash64(toString(tuple(*)))) FROM {engine.database}.{view}"
    answer = engine.select(sql)
    return answer[answer.index(b'"data"') : answer.index(b'"rows"')]


@pytest.mark.skipif(find_spec("chdb") is None, reason="chdb is not installed")
async def test_a_killed_worker_writes_a_whole_history_once(
    ledger: KafkaLedger, ledger_topic: KafkaSettings, start_worker: StartWorker, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    server = Server(tmp_path / "clickhouse")
    await asyncio.to_thread(server.start)
    try:
        events = history(seed, 3000)
        for share in (0.4, 0.8, 1.0):
            await append(ledger, 0, events[await ledger.end(0) : int(share * len(events))])
            worker = await asyncio.to_thread(start_worker, "--history", server.url("history"), "--no-windows")
            if share < 1.0:
                await worker.until_done("history", least=chance.randrange(50, 1000))
                await asyncio.to_thread(worker.kill)
        await worker.until_done("history")
        assert await asyncio.to_thread(worker.stop) == 0
        engine = open_history(server.url("history"))
        whole = open_history(server.url("whole"))
        await replay(ledger, whole)
        for view in ("records", "processes", "attempts", "logs"):
            assert await asyncio.to_thread(essence, engine, view) == await asyncio.to_thread(
                essence, whole, view
            )
        assert sum(position.next for position in engine.positions().values()) == len(events)
        engine.close()
        whole.close()
    finally:
        server.stop()
        await ledger.close()


@pytest.mark.skipif(find_spec("chdb") is None, reason="chdb is not installed")
async def test_a_worker_goes_on_from_a_snapshot(
    ledger: KafkaLedger, ledger_topic: KafkaSettings, start_worker: StartWorker, tmp_path: Path, seed: int
) -> None:
    """From the newest one that the history has reached: not from the first record, nor from a newer one."""
    server = Server(tmp_path / "clickhouse")
    await asyncio.to_thread(server.start)
    try:
        place = tmp_path / "snapshots"
        events = history(seed, 2000)
        flags = ("--history", server.url("history"), "--no-windows", "--snapshots", str(place))
        await append(ledger, 0, events[:1200])
        await make_snapshot(ledger, open_store(str(place)), 0, 1000)
        worker = await asyncio.to_thread(start_worker, *flags)
        await worker.until_done("history")
        assert await asyncio.to_thread(worker.stop) == 0
        assert not [line for line in said(worker) if "is folded from offset" in line]
        await append(ledger, 0, events[1200:])
        await make_snapshot(ledger, open_store(str(place)), 0, 1500)
        again = await asyncio.to_thread(start_worker, *flags)
        await again.until_done("history")
        assert await asyncio.to_thread(again.stop) == 0
        assert "partition 0 is folded from offset 1000" in said(again)
        engine, whole = (open_history(server.url(name)) for name in ("history", "whole"))
        await replay(ledger, whole)
        for view in ("records", "processes", "attempts", "logs"):
            assert essence(engine, view) == essence(whole, view)
        engine.close()
        whole.close()
    finally:
        server.stop()
        await ledger.close()


def said(worker: WorkerProcess) -> list[str]:
    """The log of a worker without times and levels."""
    return [line.partition(" INFO ")[2] for line in worker.lines]


async def test_a_history_that_is_away_is_waited_for(
    ledger: KafkaLedger, start_worker: StartWorker, tmp_path: Path, seed: int
) -> None:
    """Nothing is folded before it is known from where on."""
    server = Server(tmp_path / "clickhouse")
    events = history(seed, 300)
    await append(ledger, 0, events)
    try:
        worker = await asyncio.to_thread(start_worker, "--history", server.url("history"), "--no-windows")
        await asyncio.to_thread(server.start)
        await worker.until_done("history")
        assert await asyncio.to_thread(worker.stop) == 0
        engine = open_history(server.url("history"))
        assert sum(position.next for position in engine.positions().values()) == len(events)
        engine.close()
    finally:
        server.stop()
        await ledger.close()


async def test_the_history_may_be_named_by_a_file(
    ledger: KafkaLedger, ledger_topic: KafkaSettings, tmp_path: Path, seed: int
) -> None:
    """As for a server: the place holds a password."""
    server = Server(tmp_path / "clickhouse")
    await asyncio.to_thread(server.start)
    named, place = (
        tmp_path / "history-place",
        f"kafka://{ledger_topic.bootstrap_servers}/{ledger_topic.topic}",
    )
    named.write_text(server.url("history") + "\n")
    variables = {"LEDGER_URL": place, "LEDGER_HISTORY_FILE": str(named)}
    worker = WorkerProcess("--no-windows", variables=variables)
    try:
        await append(ledger, 0, history(seed, 100))
        await asyncio.to_thread(worker.start)
        await worker.until_done("history")
        assert await asyncio.to_thread(worker.stop) == 0
        engine = open_history(server.url("history"))
        assert engine.positions()[0].next == await ledger.end(0)
        engine.close()
    finally:
        worker.end()
        server.stop()
        await ledger.close()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"LEDGER_HISTORY": "clickhouse://other:8123/h"},
            "LEDGER_HISTORY and LEDGER_HISTORY_FILE are both set",
        ),
        ({}, "LEDGER_HISTORY_FILE: .*nothing-there cannot be read"),
    ],
)
def test_a_file_that_cannot_name_the_history(tmp_path: Path, more: dict[str, str], words: str) -> None:
    variables = {"LEDGER_HISTORY_FILE": str(tmp_path / "nothing-there")} | more
    worker = WorkerProcess("--ledger", "kafka://127.0.0.1:1", variables=variables)
    with pytest.raises(AssertionError, match=words):
        worker.start()
    assert worker.stop() == 1


def test_a_worker_without_a_ledger_on_kafka_says_so() -> None:
    worker = WorkerProcess("--ledger", "data")
    with pytest.raises(AssertionError, match="say which ledger on Kafka"):
        worker.start()
    assert worker.stop() == 1
