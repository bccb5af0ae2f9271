"""Facts in a topic: those of a pure fold, in order, each once for who drops copies, whatever happens to publishers."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from projections.state import State
from services.facts.publisher import Publisher
from services.facts.topic import FactsTopic, facts_settings
from services.ledger import KafkaSettings
from tests.kafka_broker import KafkaBroker, running_broker
from tests.projections.workload import history
from tests.projections.world import World
from tests.services.facts.conftest import OPTIONS, StartNode, state_at
from tests.services.facts.reading import PATIENCE, deduplicated, facts_in, records_of, told_by
from tests.services.history.stored_ledger import WatchedLedger

PROGRAM = Path(__file__).with_name("publish_until_killed.py")


def test_the_topic_is_named_after_that_of_the_ledger() -> None:
    ledger = KafkaSettings(bootstrap_servers="broker:9092")
    assert facts_settings(ledger, 64).topic == "facts"
    other = KafkaSettings(bootstrap_servers="broker:9092", topic="blue")
    assert facts_settings(other, 3).topic == "blue-facts"
    assert facts_settings(other, 3).partitions == 3


async def test_what_is_published_is_what_a_pure_fold_tells(
    start_node: StartNode, facts_topic: KafkaSettings, seed: int
) -> None:
    events = history(seed, 1500)
    node = start_node(events)
    node.fold(500)
    await node.published()
    node.fold()
    await node.published()
    assert await facts_in(facts_topic) == told_by(events)
    assert node.publisher.fault is None


async def test_keys_and_headers_let_others_sort_facts_without_reading_them(
    start_node: StartNode, facts_topic: KafkaSettings
) -> None:
    events = history(1, 200)
    node = start_node(events)
    node.fold()
    await node.published()
    for record, fact in zip(await records_of(facts_topic), told_by(events), strict=True):
        assert record.key == fact.colony.encode()
        headers = dict(record.headers)
        assert headers["ce_id"].decode() == f"0/{fact.offset}/{fact.index}"
        assert headers["content-type"] == b"application/avro"


async def test_the_next_one_goes_on_where_the_last_one_stopped(
    start_node: StartNode, facts_topic: KafkaSettings, seed: int
) -> None:
    events = history(seed, 900)
    first = start_node(events)
    first.fold(500)
    await first.published()
    await first.publisher.stop()
    second = start_node(events)
    second.fold()
    await second.published()
    assert await facts_in(facts_topic) == told_by(events)


async def test_one_that_does_not_lead_publishes_nothing_until_it_does(
    start_node: StartNode, facts_topic: KafkaSettings, seed: int
) -> None:
    events = history(seed, 900)
    leader = {"first"}
    first = start_node(events, leads=lambda _: "first" in leader)
    second = start_node(events, leads=lambda _: "second" in leader)
    second.fold()
    first.fold(400)
    await first.published()
    assert await facts_in(facts_topic) == told_by(events[:400])
    assert second.publisher.lag == (0, 0.0)
    leader.clear()
    leader.add("second")
    await second.published()
    assert await facts_in(facts_topic) == told_by(events)


async def test_two_at_a_time_send_copies_and_leave_nothing_out(
    start_node: StartNode, facts_topic: KafkaSettings, seed: int
) -> None:
    events = history(seed, 900)
    options = OPTIONS._replace(chunk=7)
    nodes = [start_node(events, options=options), start_node(events, options=options)]
    for until in range(0, 901, 50):
        for node in nodes:
            node.fold(until)
            await asyncio.sleep(0.01)
    for node in nodes:
        node.fold()
        await node.published()
    found = await facts_in(facts_topic)
    assert len(found) > len(told_by(events))
    assert deduplicated(found) == told_by(events)


async def test_a_node_that_begins_with_a_newer_state_folds_the_rest_anew(
    start_node: StartNode, facts_topic: KafkaSettings, seed: int
) -> None:
    events = history(seed, 900)
    first = start_node(events)
    first.fold(300)
    await first.published()
    await first.publisher.stop()
    second = start_node(events, at=600)
    await second.published()
    assert await facts_in(facts_topic) == told_by(events[:600])
    second.fold()
    await second.published()
    assert await facts_in(facts_topic) == told_by(events)


async def test_what_was_missed_is_folded_from_a_snapshot_before_it(
    start_node: StartNode, facts_topic: KafkaSettings, seed: int
) -> None:
    events = history(seed, 900)
    first = start_node(events)
    first.fold(300)
    await first.published()
    await first.publisher.stop()
    published = told_by(events[:300])[-1].offset
    asked: list[int] = []

    async def before(partition: int, position: int) -> State:
        asked.append(position)
        return state_at(events, 200)

    ledger, states = WatchedLedger(events), [state_at(events, 600)]
    second = Publisher(ledger, states, facts_topic, lambda _: True, OPTIONS, before=before)
    second.start()
    async with asyncio.timeout(PATIENCE):
        while second.lag.records:  # noqa: ASYNC110 (progress is a state, not an event)
            await asyncio.sleep(0.01)
    await second.stop()
    assert await facts_in(facts_topic) == told_by(events[:600])
    assert (asked, ledger.read_from) == ([published], [200])


async def test_facts_that_did_not_fit_into_memory_are_derived_anew(
    start_node: StartNode, facts_topic: KafkaSettings, seed: int
) -> None:
    events = history(seed, 3000)
    assert len(told_by(events)) > 1000
    node = start_node(events, options=OPTIONS._replace(max_facts=1))
    node.fold()
    assert node.publisher.lag.records > 0
    await node.published()
    assert await facts_in(facts_topic) == told_by(events)
    assert node.publisher.lag == (0, 0.0)


async def test_facts_that_retention_dropped_are_not_sent_again(
    start_node: StartNode, facts_topic: KafkaSettings, kafka_broker: KafkaBroker
) -> None:
    events = history(3, 300)
    first = start_node(events)
    first.fold()
    await first.published()
    await first.publisher.stop()
    end = len(await records_of(facts_topic))
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(facts_topic.topic, 0): RecordsToDelete(before_offset=end)})
    await admin.close()
    second = start_node(events)
    second.fold()
    await second.published()
    assert await records_of(facts_topic) == []
    topic = FactsTopic(facts_topic)
    await topic.connect()
    young = World()
    young.now = (await topic.published(0)).not_before + 3_600_000_000_000
    await topic.disconnect()
    young.colony()
    young.executor("edge1")
    third = start_node(young.events)
    third.fold()
    await third.published()
    assert await facts_in(facts_topic) == told_by(young.events)


async def test_a_topic_with_other_settings_is_a_fault_and_nothing_else(
    start_node: StartNode, facts_topic: KafkaSettings
) -> None:
    reads = KafkaSettings(
        bootstrap_servers=facts_topic.bootstrap_servers,
        topic=facts_topic.topic,
        definition="ledger",
        partitions=1,
    )
    topic = FactsTopic(reads)
    await topic.connect()
    await topic.disconnect()
    events = history(1, 100)
    node = start_node(events)
    node.fold()
    async with asyncio.timeout(PATIENCE):
        while node.publisher.fault is None:  # noqa: ASYNC110 (a fault is a state, not an event)
            await asyncio.sleep(0.01)
    assert "retention.ms is -1, must be 604800000" in node.publisher.fault
    assert node.publisher.lag.records == len(events)


async def test_kill_and_go_on_elsewhere(facts_topic: KafkaSettings, seed: int) -> None:
    chance = random.Random(seed)
    steps = 1200
    events = history(seed, steps)
    arguments = [facts_topic.bootstrap_servers, facts_topic.topic, str(seed), str(steps)]
    command = [sys.executable, str(PROGRAM), *arguments]
    for until in (len(events) // 3, 2 * len(events) // 3, None):
        await asyncio.to_thread(run_until, command, None if until is None else until + chance.randrange(50))
    found = await facts_in(facts_topic)
    assert deduplicated(found) == told_by(events)


def run_until(command: list[str], offset: int | None) -> None:
    """Run the program until it has folded an offset, and kill it then; or until it is done."""
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == f"{offset}\n":
                process.kill()
        process.wait(PATIENCE)
    assert process.returncode == (0 if offset is None else -9)


@pytest.fixture(scope="module")
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker of this module's own: it is killed here, and others would notice."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


async def test_a_broker_that_goes_away_and_comes_back_misses_nothing(
    start_node: StartNode, own_broker: KafkaBroker, seed: int
) -> None:
    settings = KafkaSettings(
        bootstrap_servers=own_broker.bootstrap,
        topic=f"facts-{uuid4()}",
        definition="facts",
        partitions=1,
        timeout_seconds=3,
    )
    events = history(seed, 1200)
    node = start_node(events, settings=settings, options=OPTIONS._replace(chunk=20))
    node.fold(400)
    await node.published()
    node.fold(800)
    await asyncio.to_thread(own_broker.do, "kill")
    try:
        node.fold()
        async with asyncio.timeout(PATIENCE):
            while node.publisher.fault is None:  # noqa: ASYNC110 (a fault is a state, not an event)
                await asyncio.sleep(0.05)
        assert node.publisher.lag.records > 0
    finally:
        await asyncio.to_thread(own_broker.do, "start")
    await node.published()
    assert deduplicated(await facts_in(settings)) == told_by(events)
