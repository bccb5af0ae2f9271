"""What the Kafka ledger does beyond the seam: its topic, and what becomes of appends when the broker fails."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.ledger import (
    KafkaLedger,
    KafkaSettings,
    LedgerCorrupt,
    LedgerRefused,
    LedgerUnavailable,
    Position,
    open_ledger,
)
from services.ledger.kafka.topics import topic_definitions
from tests.kafka_broker import KafkaBroker, running_broker
from tests.services.ledger.conftest import Collector, RecordFactory, end_follower

APPENDER = Path(__file__).parent / "append_until_killed.py"

Connect = Callable[..., Awaitable[KafkaLedger]]
Breakable = Callable[[str], Awaitable[None]]


@pytest.fixture
def topic() -> str:
    return f"test-{uuid.uuid4()}"


@pytest.fixture(scope="module")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker of this module's own: it is killed here, and others would notice."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
async def connect(kafka_broker: KafkaBroker, topic: str) -> AsyncIterator[Connect]:
    """Connects ledgers of one partition that wait 2 s, and closes them."""
    connected: list[KafkaLedger] = []

    async def connect(**settings: Any) -> KafkaLedger:
        unless_told: dict[str, Any] = {
            "bootstrap_servers": kafka_broker.bootstrap,
            "topic": topic,
            "partitions": 1,
            "timeout_seconds": 2,
        }
        ledger = KafkaLedger(KafkaSettings(**unless_told | settings))
        connected.append(ledger)
        await ledger.start()
        return ledger

    yield connect
    for ledger in connected:
        await ledger.close()


@pytest.fixture
async def breakable(kafka_broker: KafkaBroker) -> AsyncIterator[Breakable]:
    """Does something to the broker, and sees that it runs again when the test is over."""

    async def do(action: str) -> None:
        await asyncio.to_thread(kafka_broker.do, action)

    yield do
    await do("start")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a fault is a state, not an event
            await asyncio.sleep(0.05)


async def create_topic(bootstrap: str, name: str, partitions: int, settings: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=settings)])
    await admin.close()


def test_the_ledger_is_declared_to_be_kept_for_ever_and_stamped_by_the_broker() -> None:
    ledger = topic_definitions()["ledger"]
    assert ledger.partitions == 64
    assert ledger.settings["message.timestamp.type"] == "LogAppendTime"
    assert ledger.settings["retention.ms"] == ledger.settings["retention.bytes"] == "-1"
    assert ledger.settings["cleanup.policy"] == "delete"
    assert ledger.settings["compression.type"] == "zstd"
    assert ledger.settings["unclean.leader.election.enable"] == "false"
    assert int(ledger.settings["max.message.bytes"]) > 64 * 1024 * 1024
    assert topic_definitions()["reads"].settings["retention.ms"] == str(7 * 24 * 3600 * 1000)


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_fewer_replicas_lower_the_number_that_must_be_in_sync(replicas: int, in_sync: str) -> None:
    assert topic_definitions()["ledger"].for_replicas(replicas)["min.insync.replicas"] == in_sync


async def test_a_missing_topic_is_made_as_declared(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = await connect(partitions=None)
    assert ledger.partitions == 64
    assert "is made with 1 replicas, not 3" in caplog.text
    again = await connect(partitions=None)
    assert again.partitions == 64


async def test_the_topic_of_the_reads_log_is_declared_apart(connect: Connect) -> None:
    await connect(definition="reads")
    with pytest.raises(LedgerRefused, match=r"retention\.ms is 604800000, must be -1"):
        await connect(definition="ledger")
    with pytest.raises(LedgerRefused, match="no section 'other'"):
        await connect(definition="other")


async def test_partitions_are_those_of_the_topic(connect: Connect) -> None:
    assert (await connect(partitions=3)).partitions == 3
    assert (await connect(partitions=None)).partitions == 3
    with pytest.raises(LedgerRefused, match="it has 3 partitions, not 5"):
        await connect(partitions=5)


async def test_a_topic_with_other_settings_is_refused_with_all_their_names(
    kafka_broker: KafkaBroker, topic: str, connect: Connect
) -> None:
    await create_topic(
        kafka_broker.bootstrap, topic, 1, {"cleanup.policy": "compact", "max.message.bytes": "1000000"}
    )
    with pytest.raises(LedgerRefused) as refused:
        await connect()
    message = str(refused.value)
    assert f"topic {topic} is not as infra/kafka/topics.toml says" in message
    assert "cleanup.policy is compact, must be delete" in message
    assert "compression.type is producer, must be zstd" in message
    assert "max.message.bytes is 1000000, must be at least 73400320" in message
    assert "message.timestamp.type is CreateTime, must be LogAppendTime" in message
    assert "retention.ms is 604800000, must be -1" in message
    assert "min.insync.replicas" not in message


async def test_a_topic_that_cannot_be_made_is_refused(connect: Connect) -> None:
    with pytest.raises(LedgerRefused, match=r"cannot be created: .*replicat"):
        await connect(replication_factor=3)


async def test_a_name_opens_it(kafka_broker: KafkaBroker, topic: str) -> None:
    ledger = await open_ledger(f"kafka://{kafka_broker.bootstrap}/{topic}", partitions=2)
    assert isinstance(ledger, KafkaLedger)
    assert ledger.partitions == 2
    await ledger.close()


async def test_what_is_no_record_is_damage(
    kafka_broker: KafkaBroker, topic: str, connect: Connect, make_record: RecordFactory, collect: Collector
) -> None:
    ledger = await connect()
    follower = ledger.follow(0)
    await ledger.append(0, make_record(0))
    assert len(await collect(follower, 1)) == 1
    producer = AIOKafkaProducer(bootstrap_servers=kafka_broker.bootstrap)
    await producer.start()
    await producer.send_and_wait(topic, b"no record", partition=0)
    await producer.stop()
    with pytest.raises(LedgerCorrupt, match="partition 0, offset 1"):
        await collect(follower, 1)
    batches = ledger.read(0)
    assert len(await anext(batches)) == 1
    with pytest.raises(LedgerCorrupt, match="partition 0, offset 1"):
        await anext(batches)
    assert ledger.fault is not None
    with pytest.raises(LedgerUnavailable, match="damaged"):
        await ledger.append(0, make_record(1))


async def test_a_ledger_that_is_not_connected_says_so(make_record: RecordFactory) -> None:
    ledger = KafkaLedger(KafkaSettings(bootstrap_servers="127.0.0.1:1", timeout_seconds=1))
    assert ledger.fault == "not connected to Kafka yet"
    assert ledger.partitions == 0
    with pytest.raises(ValueError, match="not connected yet"):
        ledger.append(0, make_record(0))
    with pytest.raises(LedgerUnavailable, match=r"127\.0\.0\.1"):
        await ledger.start()
    await ledger.close()
    assert ledger.fault == "the ledger is closed"


async def test_a_broker_that_is_down_at_the_start_may_come_later(
    breakable: Breakable, topic: str, kafka_broker: KafkaBroker, make_record: RecordFactory
) -> None:
    await breakable("stop")
    ledger = KafkaLedger(
        KafkaSettings(bootstrap_servers=kafka_broker.bootstrap, topic=topic, partitions=1, timeout_seconds=5)
    )
    with pytest.raises(LedgerUnavailable, match="Kafka at"):
        await ledger.start()
    await breakable("start")
    await ledger.start()
    assert ledger.fault is None
    assert (await ledger.append(0, make_record(0))).offset == 0
    await ledger.close()


async def test_a_killed_broker_loses_nothing_acknowledged_and_the_ledger_comes_back(
    breakable: Breakable, connect: Connect, make_record: RecordFactory, collect: Collector
) -> None:
    ledger = await connect()
    follower = ledger.follow(0)
    acknowledged: dict[int, int] = {}
    refused = 0
    stop = False
    numbers = iter(range(10**9))

    async def appender() -> None:
        nonlocal refused
        while not stop:
            number = next(numbers)
            try:
                position = await ledger.append(0, make_record(number))
            except LedgerUnavailable:
                refused += 1
                await asyncio.sleep(0.01)
            else:
                acknowledged[number] = position.offset

    appenders = [asyncio.create_task(appender()) for _ in range(16)]
    await until(lambda: len(acknowledged) > 200)
    await breakable("kill")
    await until(lambda: refused > 100)
    assert ledger.fault is not None
    with pytest.raises(LedgerUnavailable):
        await ledger.end(0)
    before = len(acknowledged)
    await breakable("start")
    await until(lambda: len(acknowledged) > before + 200)
    stop = True
    await asyncio.gather(*appenders)
    assert ledger.fault is None
    end = await ledger.end(0)
    log = await collect(ledger.read(0))
    assert [event.offset for event in log] == list(range(end))
    assert {number: log[offset].record.sequence for number, offset in acknowledged.items()} == {
        number: number for number in acknowledged
    }
    sequences = [event.record.sequence for event in log]
    assert len(sequences) == len(set(sequences)), "a record was written twice"
    assert [event.record.sequence for event in await collect(follower, end)] == sequences
    await end_follower(follower)


async def test_a_broker_that_hangs_makes_appends_unknown_and_then_recovers(
    breakable: Breakable, connect: Connect, make_record: RecordFactory, collect: Collector
) -> None:
    ledger = await connect()
    await ledger.append(0, make_record(0))
    await breakable("pause")
    try:
        with pytest.raises(LedgerUnavailable, match=r"did not acknowledge .* unknown"):
            await ledger.append(0, make_record(1))
        assert ledger.fault is not None
        refused = ledger.append(0, make_record(2))
        assert refused.done()
        with pytest.raises(LedgerUnavailable):
            await refused
    finally:
        await breakable("resume")
    await until(lambda: ledger.fault is None)
    last = await ledger.append(0, make_record(3))
    sequences = [event.record.sequence for event in await collect(ledger.read(0))]
    assert sequences in ([0, 1, 3], [0, 3])
    assert sequences[last.offset] == 3


async def test_an_idle_ledger_notices_that_the_broker_is_away(breakable: Breakable, connect: Connect) -> None:
    ledger = await connect()
    await breakable("kill")
    await until(lambda: ledger.fault is not None)
    assert ledger.fault is not None
    assert "cannot be reached" in ledger.fault
    await breakable("start")
    await until(lambda: ledger.fault is None)


async def test_it_can_be_closed_while_the_broker_is_away(
    breakable: Breakable, connect: Connect, make_record: RecordFactory
) -> None:
    ledger = await connect()
    await ledger.append(0, make_record(0))
    await breakable("kill")
    appends = [ledger.append(0, make_record(number)) for number in range(1, 4)]
    async with asyncio.timeout(30):
        await ledger.close()
    failed = await asyncio.gather(*appends, return_exceptions=True)
    assert [type(error) for error in failed] == [LedgerUnavailable] * 3


async def test_too_many_waiting_appends_fail_at_once(connect: Connect, make_record: RecordFactory) -> None:
    ledger = await connect(max_waiting_records=10)
    appends = [ledger.append(0, make_record(number)) for number in range(12)]
    assert [append.done() for append in appends] == [False] * 10 + [True] * 2
    done = await asyncio.gather(*appends, return_exceptions=True)
    assert [position.offset for position in cast("list[Position]", done[:10])] == list(range(10))
    assert "10 appends wait" in str(done[10])
    assert ledger.waiting == 0


async def test_too_many_waiting_bytes_fail_at_once(connect: Connect, make_record: RecordFactory) -> None:
    ledger = await connect(max_waiting_bytes=10_000)
    appends = [ledger.append(0, make_record(number, 4000)) for number in range(3)]
    done = await asyncio.gather(*appends, return_exceptions=True)
    assert isinstance(done[2], LedgerUnavailable)
    assert "bytes wait" in str(done[2])


async def test_a_killed_server_loses_nothing_acknowledged(
    kafka_broker: KafkaBroker, topic: str, collect: Collector
) -> None:
    where = f"kafka://{kafka_broker.bootstrap}/{topic}"
    server = await asyncio.create_subprocess_exec(sys.executable, APPENDER, where, stdout=subprocess.PIPE)
    assert server.stdout is not None
    lines = [await server.stdout.readline() for _ in range(1000)]
    server.kill()
    lines += [line async for line in server.stdout]
    await server.wait()
    acknowledged = [tuple(map(int, line.split())) for line in lines if line.endswith(b"\n")]
    assert len(acknowledged) >= 1000
    ledger = await open_ledger(where)
    kept = [event.record.sequence for event in await collect(ledger.read(0))]
    assert [number for number, offset in acknowledged if kept[offset] != number] == []
    await ledger.close()


@pytest.mark.parametrize(
    "setting",
    [
        {"partitions": 0},
        {"replication_factor": 0},
        {"timeout_seconds": 0},
        {"max_waiting_records": 0},
        {"max_waiting_bytes": 0},
    ],
)
def test_settings_have_bounds(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        KafkaSettings(bootstrap_servers="localhost:9092", **setting)
