"""The ledger on Kafka: what it adds to the broker's own acknowledgement, how fast it replays, what more nodes add."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from colonyledger.identity import Identity
from colonyledger.wire import Conditions, FunctionSpec, SubmitFunctionSpec

from benchmarks.connection import Broken, payload_of
from benchmarks.core import Script
from benchmarks.exchanges import connected, share
from benchmarks.programs import Broker, can_run_kafka, cpu_seconds, kafka, server
from benchmarks.report import Report
from benchmarks.sides import Measured, Side, percentile
from benchmarks.site import Site
from benchmarks.table import Cells
from projections.fold import apply
from projections.messages import read_message
from projections.registry import REGISTRY
from projections.state import State
from services.ledger import codec
from services.ledger.kafka import KafkaLedger, KafkaSettings
from services.replica import Replica
from services.replica.replica import GC_THRESHOLD

__all__ = ["append_cells", "measure_kafka"]

_ROUNDS = 6
_APPENDS = 150
"""Appends of each kind in one round."""
_TOGETHER = 256
_REPLAYED = 60_000
_CLIENTS = 32
_NODES = (1, 2, 3)
_MOST_PER_SECOND = 12_000
"""Requests that are signed beforehand."""
_WARM = 500
_RATIO_GOAL = 3.0
_REPLAY_GOAL = 20_000.0
_BARE, _ACKNOWLEDGED, _REPLIED = "the broker acknowledges a bare producer", "it acknowledges ours", "we reply"
_SPEC = FunctionSpec(
    funcname="bench",
    args=[1],
    maxretries=3,
    maxexectime=600,
    conditions=Conditions("bench", executortype="edge"),
)


class _Submitted(msgspec.Struct, gc=False):
    processid: str


class Nodes(NamedTuple):
    """What so many nodes on one broker did. Shares are of a core."""

    nodes: int
    per_s: float
    p50_ms: float
    p99_ms: float
    node_cores: list[float]
    broker_cores: float
    driver_cores: float


async def measure_kafka(seconds: float, told: Callable[[str], None]) -> Report:
    """Start a broker and measure everything on it; a report without figures if there is no Java."""
    if not can_run_kafka():
        return Report("kafka", {}, [("Kafka was not measured: it needs Java and Maven", ([""], []))])
    with (
        tempfile.TemporaryDirectory(prefix="colony-bench-") as scratch,
        kafka(Path(scratch) / "broker") as broker,
    ):
        told("append to Kafka")
        appends = await _measure_appends(broker)
        told("replay from Kafka")
        replay = await _measure_replay(broker)
        nodes = []
        for number in _NODES:
            told(f"nodes on one broker: {number}")
            nodes.append(await _measure_nodes(broker, Path(scratch) / f"nodes-{number}", number, seconds))
    return Report(
        "kafka",
        {
            "append": {
                name: [percentile(each, 50) * 1000, percentile(each, 99) * 1000]
                for name, each in appends.items()
            },
            "replay": replay,
            "nodes": [each._asdict() for each in nodes],
        },
        [
            ("One record at a time, the kinds in turns", append_cells(appends)),
            (f"Replay of {_REPLAYED:,} records, by one process", _replay_cells(replay)),
            (f"Submits of {_CLIENTS} clients to nodes that all fold everything", _nodes_cells(nodes)),
        ],
    )


async def _measure_appends(broker: Broker) -> dict[str, list[float]]:
    """Seconds of each append, by kind, in turns: the broker's word to a bare producer, that to us, and our reply."""
    script = Script()
    submits = [
        script.event(script.user, SubmitFunctionSpec(spec=_SPEC)) for _ in range(2 * (_ROUNDS + 1) * _APPENDS)
    ]
    first = script.records[: -len(submits)]
    topic = f"bare-{uuid4().hex}"
    await _make_topic(broker, topic)
    taken: dict[str, list[float]] = {_BARE: [], _ACKNOWLEDGED: [], _REPLIED: []}
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap, acks="all", enable_idempotence=True, linger_ms=0
    )
    async with AsyncExitStack() as stack:
        await producer.start()
        stack.push_async_callback(producer.stop)
        ledger = KafkaLedger(
            KafkaSettings(bootstrap_servers=broker.bootstrap, topic=uuid4().hex, partitions=1)
        )
        await ledger.start()
        stack.push_async_callback(ledger.close)
        replica = Replica(ledger, "benchmark")
        await replica.start()
        stack.push_async_callback(replica.stop)
        for record in first:
            await replica.execute(0, record, read_message(REGISTRY[record.payloadtype], record.payload))
        pending = iter(submits)
        for number in range(_ROUNDS + 1):
            for name, seconds in taken.items():
                for _ in range(_APPENDS if name == _REPLIED else _APPENDS // 2):
                    event = next(pending)
                    body = codec.encode(event.record)
                    began = time.perf_counter()
                    if name == _BARE:
                        await producer.send_and_wait(topic, body)
                    elif name == _ACKNOWLEDGED:
                        await ledger.append(0, event.record)
                    elif event.message is not None:
                        answer = await replica.execute(0, event.record, event.message)
                        if answer.refusal is not None:
                            raise answer.refusal
                    if number:  # the first round lets everything get warm
                        seconds.append(time.perf_counter() - began)
    return taken


async def _make_topic(broker: Broker, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def _measure_replay(broker: Broker) -> dict[str, float]:
    """Records per second that are read, and read and folded, from a topic."""
    script = Script()
    for _ in range(_REPLAYED):
        script.event(script.user, SubmitFunctionSpec(spec=_SPEC))
    settings = KafkaSettings(bootstrap_servers=broker.bootstrap, topic=uuid4().hex, partitions=1)
    ledger = KafkaLedger(settings)
    await ledger.start()
    try:
        for start in range(0, len(script.records), _TOGETHER):
            await asyncio.gather(
                *(ledger.append(0, each) for each in script.records[start : start + _TOGETHER])
            )
        number = len(script.records)
        del script
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        began = time.perf_counter()
        read = 0
        async for events in ledger.read(0):
            read += len(events)
        reading = time.perf_counter() - began
        state = State()
        began = time.perf_counter()
        async for events in ledger.read(0):
            for event in events:
                apply(state, event)
        folding = time.perf_counter() - began
    finally:
        await ledger.close()
    if read != number or state.next_offset != number:
        raise Broken(f"{number} records were written, {read} read, {state.next_offset} folded")
    return {"read": number / reading, "folded": number / folding}


async def _measure_nodes(broker: Broker, directory: Path, number: int, seconds: float) -> Nodes:
    """Submit to so many nodes on one topic, over connections and colonies that are spread over all of them."""
    owner = Identity.generate()
    ledger = f"kafka://{broker.bootstrap}/{uuid4().hex}"
    with ExitStack() as stack:
        started = [
            stack.enter_context(server(directory / str(each), owner, "--ledger", ledger))
            for each in range(number)
        ]
        side = Side("nodes", started[0].url, owner, [each.pid for each in started], [broker.pid])
        sites = [await Site(each.url, owner).open() for each in started]
        signed = int(seconds * _MOST_PER_SECOND / number)
        requests = [[site.submit() for _ in range(signed)] for site in sites]
        async with AsyncExitStack() as open_connections:
            connections = [
                await open_connections.enter_async_context(connected(each.url, _CLIENTS // number))
                for each in started
            ]
            await asyncio.gather(
                *(
                    share(some, [site.submit() for _ in range(_WARM)])
                    for some, site in zip(connections, sites, strict=True)
                )
            )
            measured = Measured()
            before = [cpu_seconds(each.pid) for each in started]
            with side.measuring(measured):
                sent = await asyncio.gather(*map(share, connections, requests, [seconds] * number))
            after = [cpu_seconds(each.pid) for each in started]
        for site, some in zip(sites, sent, strict=True):
            ids = {
                msgspec.json.decode(payload_of(body), type=_Submitted).processid for _, body in some.replies
            }
            if len(ids) != len(some.replies) or (await site.counts())[0] != len(ids) + _WARM:
                raise Broken(f"{len(some.replies)} submitted, {len(ids)} ids, {await site.counts()} counted")
    latencies = [each for some in sent for each in some.latencies]
    return Nodes(
        number,
        len(latencies) / measured.seconds,
        percentile(latencies, 50) * 1000,
        percentile(latencies, 99) * 1000,
        [(then - now) / measured.seconds for now, then in zip(before, after, strict=True)],
        measured.store_cpu / measured.seconds,
        measured.driver_cpu / measured.seconds,
    )


def append_cells(taken: dict[str, list[float]]) -> Cells:
    """Each kind against the bare producer, and whether our reply is within the goal."""
    bare = percentile(taken[_BARE], 50)
    rows = []
    for name, values in taken.items():
        p50, p99 = percentile(values, 50), percentile(values, 99)
        goal = (
            [f"{_RATIO_GOAL:g}×", "met" if p50 <= _RATIO_GOAL * bare else "missed"]
            if name == _REPLIED
            else ["", ""]
        )
        rows.append([name, f"{p50 * 1000:.2f} / {p99 * 1000:.2f} ms", f"{p50 / bare:.1f}×", *goal])
    return ["until", "p50 / p99", "p50, times the broker's", "goal", ""], rows


def _replay_cells(replay: dict[str, float]) -> Cells:
    verdict = "met" if replay["folded"] >= _REPLAY_GOAL else "missed"
    return ["what", "records per s", "goal", ""], [
        ["read", f"{replay['read']:,.0f}", "", ""],
        ["read and folded", f"{replay['folded']:,.0f}", f"{_REPLAY_GOAL:,.0f}", verdict],
    ]


def _nodes_cells(nodes: list[Nodes]) -> Cells:
    head = ["nodes", "submits per s", "p50 / p99 ms", "cores: each node", "broker", "driver", "all"]
    rows = []
    for each in nodes:
        total = sum(each.node_cores) + each.broker_cores + each.driver_cores
        cores = [f"{each.broker_cores:.2f}", f"{each.driver_cores:.2f}", f"{total:.2f}"]
        shares = ", ".join(f"{share:.2f}" for share in each.node_cores)
        rows.append(
            [str(each.nodes), f"{each.per_s:,.0f}", f"{each.p50_ms:.2f} / {each.p99_ms:.2f}", shares, *cores]
        )
    return head, rows
