"""A node that comes to another state than others leaves that partition to them, and serves the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import GetColonies, GetColony, Process

from projections.ids import tag_of
from services.cluster import holders
from services.facts.codec import decode
from services.facts.fact import ProcessBody
from services.facts.topic import facts_settings
from services.ledger import KafkaLedger, KafkaSettings
from services.node.dev import SERVER_OWNER
from services.snapshots.base import SnapshotName
from services.snapshots.loading import origin_of
from services.snapshots.opening import open_store
from tests.kafka_broker import KafkaBroker
from tests.servers import Server
from tests.services.facts.reading import records_of
from tests.services.shares import fair_ports, served_by
from tests.services.site import Refused, Site, counted, eventually
from tests.services.snapshots.test_server import checkpoint

PARTITIONS = 2
OURS, THEIRS = "1" * 64, "2" * 64


class Place(NamedTuple):
    """A ledger with two partitions."""

    ledger: KafkaLedger
    settings: KafkaSettings

    @property
    def url(self) -> str:
        return f"kafka://{self.settings.bootstrap_servers}/{self.settings.topic}"


StartNode = Callable[..., Server]


@pytest.fixture
def start_node(tmp_path: Path) -> Iterator[StartNode]:
    """Starts nodes, which are all gone at the end of the test."""
    started: list[Server] = []

    def start(ledger: str, *flags: str, **variables: str) -> Server:
        directory = tmp_path / f"node-{len(started)}"
        started.append(Server(directory, "--dev", "--ledger", ledger, *flags, variables=variables))
        started[-1].start(until_ready=False)
        return started[-1]

    yield start
    for server in started:
        server.end()


@pytest.fixture
async def place(kafka_broker: KafkaBroker) -> Place:
    settings = KafkaSettings(
        bootstrap_servers=kafka_broker.bootstrap, topic=uuid4().hex, partitions=PARTITIONS
    )
    ledger = KafkaLedger(settings)
    await ledger.start()
    return Place(ledger, settings)


async def site_in(partition: int, server: Server, stack: AsyncExitStack) -> Site:
    """A colony of a test's own in a partition."""
    while True:
        site = Site(server)
        if int(tag_of(site.name), 16) % PARTITIONS == partition:
            return await stack.enter_async_context(site)
        await site.leave()


async def test_the_other_partitions_are_served_and_the_other_nodes_serve_all(
    start_node: StartNode, place: Place, tmp_path: Path
) -> None:
    """One of two nodes has a snapshot that comes to something else, and hears of a checkpoint of that offset."""
    healthy = await asyncio.to_thread(start_node, place.url, LEDGER_SNAPSHOT_RECORDS="0")
    await asyncio.to_thread(healthy.wait_until_ready)
    async with AsyncExitStack() as stack:
        left, kept = [await site_in(partition, healthy, stack) for partition in (0, 1)]
        process, *_ = await asyncio.gather(*(left.submit() for _ in range(110)))
        astray = await asyncio.to_thread(start_node, place.url, **await wrong_snapshot(place, tmp_path))
        await asyncio.to_thread(astray.wait_until_ready)
        left_there, kept_there = left.beside(astray), kept.beside(astray)
        stack.push_async_callback(left_there.leave)
        stack.push_async_callback(kept_there.leave)
        idle, busy = await left.executor("other"), await kept.executor()
        parked = await left_there.park(idle)
        await place.ledger.append(0, checkpoint(100, THEIRS))
        with pytest.raises(Refused, match=r"503.*partition 0"):
            await parked
        await check_health(astray, tmp_path)
        await check_left(left_there, process)
        served = await kept_there.submit()
        assert (await kept_there.assign(busy, timeout=30)).processid == served.processid
        await kept_there.close(busy, served)
        assert await counted(kept_there.http, "colonyledger_partitions_distrusted") == 1
        assert await counted(left.http, "colonyledger_partitions_distrusted") == 0
        assert await left.get(process) == process
        await facts_are_published(place, await left.submit())
        assert (await asyncio.to_thread(healthy.health))[1] == {"status": "ready"}
        # Started again, it finds the same out while it catches up.
        await asyncio.to_thread(astray.kill)
        await asyncio.to_thread(astray.start, until_ready=False)
        await check_health(astray, tmp_path)
        again, kept_again = left.beside(astray), kept.beside(astray)
        stack.push_async_callback(again.leave)
        stack.push_async_callback(kept_again.leave)
        await check_left(again, process)
        assert (await kept_again.get(served)).processid == served.processid
    await place.ledger.close()


@pytest.mark.parametrize("replicas", [1, 2])
async def test_nodes_that_share_partitions_answer_for_each_other(
    start_node: StartNode, place: Place, tmp_path: Path, replicas: int
) -> None:
    """What comes to the node that has left a partition is answered by the other one, which takes it if it has to."""
    flags = [("--replicas", str(replicas), "--port", port) for port in ports_with_partition_0_at_the_second()]
    healthy = await asyncio.to_thread(start_node, place.url, *flags[0], LEDGER_SNAPSHOT_RECORDS="0")
    await asyncio.to_thread(healthy.wait_until_ready)
    async with AsyncExitStack() as stack:
        left, kept = [await site_in(partition, healthy, stack) for partition in (0, 1)]
        process, *_ = await asyncio.gather(*(left.submit() for _ in range(110)))
        variables = await wrong_snapshot(place, tmp_path)
        astray = await asyncio.to_thread(start_node, place.url, *flags[1], **variables)

        async def is_shared() -> bool:
            return 0 in await served_by(astray) and (replicas == 2 or 0 not in await served_by(healthy))

        await eventually(is_shared)
        there = left.beside(astray)
        stack.push_async_callback(there.leave)
        idle = await left.executor("other")
        parked = await there.park(idle)
        await place.ledger.append(0, checkpoint(100, THEIRS))
        await check_health(astray, tmp_path)
        assert await there.get(process) == process
        submitted = await there.submit("other")
        assert (await parked).processid == submitted.processid
        names = {colony.name for colony in await there.call(SERVER_OWNER, GetColonies())}
        assert names >= {left.name, kept.name}
        assert 0 not in await served_by(astray)
        assert 0 in await served_by(healthy)
        assert await counted(there.http, "colonyledger_rpcs_forwarded_total") > 0
        assert await counted(there.http, "colonyledger_partitions_distrusted") == 1
        # Started again, it finds the same out before it serves the partition.
        await asyncio.to_thread(astray.kill)
        await asyncio.to_thread(astray.start, until_ready=False)
        await check_health(astray, tmp_path)
        assert await there.get(process) == process
        await asyncio.to_thread(healthy.stop)
        status, said = await there.refused(there.user, GetColony(colonyname=there.name))
        assert (status, THEIRS in said) == (503, True), "nobody is left who serves it"
    await place.ledger.close()


async def wrong_snapshot(place: Place, directory: Path) -> dict[str, str]:
    """The settings of a node that has come to something else than others at offset 100 of partition 0."""
    store = directory / "snapshots"
    wrong = SnapshotName(0, 100, (await origin_of(place.ledger, 0))[:16], OURS)
    (store / wrong.path).parent.mkdir(parents=True)
    (store / wrong.path).write_bytes(b"not what others have")
    # A checkpoint at every thousandth record: this node makes none of its own meanwhile.
    return {"LEDGER_SNAPSHOT_RECORDS": "1000", "LEDGER_SNAPSHOTS": str(store)}


def ports_with_partition_0_at_the_second() -> tuple[str, str]:
    """Free ports for two nodes, of which the second is the one to hold partition 0 if one node does."""
    while True:
        first, second = fair_ports(2, 1)
        if holders(0, (f"127.0.0.1:{first}", f"127.0.0.1:{second}"), 1) == {f"127.0.0.1:{second}"}:
            return str(first), str(second)


async def check_health(server: Server, directory: Path) -> None:
    """Load balancers still send requests to it, and people see what is wrong."""
    evidence = str(directory / "snapshots" / "evidence")

    async def is_told() -> bool:
        return evidence in str((await asyncio.to_thread(server.health))[1].get("reason"))

    await eventually(is_told)
    status, said = await asyncio.to_thread(server.health)
    assert (status, said["status"], said["degraded"]) == (200, "ready", True)
    assert said["partitions"] == {"0": said["reason"]}
    for word in ("partition 0", "before offset 100", "from offset 0 on", OURS, THEIRS):
        assert word in str(said["reason"])
    kept = open_store(evidence)
    assert [each.name.digest for each in kept.list()] == [OURS]


async def check_left(site: Site, process: Process) -> None:
    """What is in the partition gets 503 and the reason; so does what is about the whole server."""
    for who, asked in (
        (site.user, GetColony(colonyname=site.name)),
        (Identity.generate(), GetColony(colonyname=site.name)),
        (SERVER_OWNER, GetColonies()),
    ):
        status, said = await site.refused(who, asked)
        assert (status, THEIRS in said) == (503, True)
    for attempt in (site.submit(), site.get(process)):
        with pytest.raises(Refused, match=r"503.*does not serve partition 0"):
            await attempt


async def facts_are_published(place: Place, process: Process) -> None:
    """Whoever of the nodes was to publish the facts of the partition: another one does now."""
    topic = facts_settings(place.settings, PARTITIONS)

    async def is_told() -> bool:
        bodies = [decode(record.value).body for record in await records_of(topic, 0)]
        return any(isinstance(body, ProcessBody) and body.processid == process.processid for body in bodies)

    await eventually(is_told)
