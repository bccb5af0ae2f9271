"""Nodes that come and go while they share the partitions: nobody is left without an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from colonyledger.wire import (
    AssignProcess,
    Conditions,
    FunctionSpec,
    GetColonyStatistics,
    Process,
    ProcessState,
    SubmitFunctionSpec,
    signed,
)

from services.cluster import holders
from services.facts.topic import facts_settings
from services.ledger import open_ledger
from services.ledger.opening import kafka_settings
from tests.conftest import StartServer
from tests.kafka_broker import KafkaBroker
from tests.services.facts.reading import deduplicated, facts_in, told_by
from tests.services.shares import (
    PARTITIONS,
    colonies,
    fair_ports,
    make_ledger,
    name_in,
    served_by,
    until_parked,
    until_shared,
)
from tests.services.site import Site, Worker, counted, eventually, reply_in


async def submit_once(site: Site) -> Process:
    """A process, by an RPC that may be sent again, as our SDK sends it."""
    where = Conditions(colonyname=site.name, executortype="edge")
    spec = FunctionSpec(funcname="echo", conditions=where)
    return await site.call(site.user, SubmitFunctionSpec(spec=spec, nonce=uuid4().hex))


async def assign_once(site: Site, worker: Worker) -> Process:
    """What an executor gets that waits for it, by an RPC that may be sent again."""
    asked = AssignProcess(colonyname=site.name, timeout=120, nonce=uuid4().hex)
    return reply_in(await site.post(signed(asked, worker.identity)), Process)


@asynccontextmanager
async def load(sites: list[list[Site]]) -> AsyncIterator[None]:
    """Submit and read through all nodes, all the time; everything must be answered, and rightly."""
    stop = asyncio.Event()

    async def keep_on(site: Site, reader: Site) -> int:
        done = 0
        while not stop.is_set():
            process = await submit_once(site)
            assert (await reader.get(process)).processid == process.processid
            done += 1
        return done

    clients = [
        asyncio.create_task(keep_on(site, beside[number - 1]))
        for beside in sites
        for number, site in enumerate(beside)
    ]
    try:
        yield
    finally:
        stop.set()
        done = await asyncio.gather(*clients)
    assert min(done) > 0


@pytest.mark.parametrize("replicas", [1, 2])
async def test_what_a_dead_node_held_is_taken_over(
    start_server: StartServer, kafka_broker: KafkaBroker, replicas: int
) -> None:
    flags = ("--dev", "--ledger", await make_ledger(kafka_broker), "--replicas", str(replicas))
    ports = fair_ports(3, replicas)
    servers = [await asyncio.to_thread(start_server, *flags, "--port", str(port)) for port in ports]
    shares = await until_shared(servers, replicas)
    servers.sort(key=lambda server: len(shares[server.url]))
    dead = servers.pop()
    async with colonies(servers) as sites:
        workers = [await beside[0].executor() for beside in sites]
        polls = [
            asyncio.create_task(assign_once(beside[number % 2], worker))
            for number, (beside, worker) in enumerate(zip(sites, workers, strict=True))
        ]
        await until_parked([*servers, dead], PARTITIONS)
        async with load(sites):
            await asyncio.to_thread(dead.kill)
            await until_shared(servers, replicas)
        assigned = await asyncio.gather(*polls)
        for beside, worker, process in zip(sites, workers, assigned, strict=True):
            assert process.assignedexecutorid == worker.identity.id
            for site in beside:
                assert (await site.get(process)).state == ProcessState.RUNNING


async def test_a_node_that_comes_takes_its_share_and_leaves_it_again(
    start_server: StartServer, kafka_broker: KafkaBroker
) -> None:
    """Executors without nonces wait through it all, and nothing is refused on the way."""
    flags = ("--dev", "--ledger", await make_ledger(kafka_broker), "--replicas", "1")
    *ports, new = fair_ports(3, 1)
    servers = [await asyncio.to_thread(start_server, *flags, "--port", str(port)) for port in ports]
    await until_shared(servers, 1)
    async with colonies(servers) as sites:
        parked = [(site, await site.executor("other")) for beside in sites for site in beside]
        polls = [asyncio.create_task(site.assign(worker, timeout=300)) for site, worker in parked]
        await until_parked(servers, len(polls))
        async with load(sites):
            third = await asyncio.to_thread(start_server, *flags, "--port", str(new))
            shares = await until_shared([*servers, third], 1)
            assert shares[third.url]
        assert not any(poll.done() for poll in polls)
        for site, _ in parked:
            await site.submit("other")
        assigned = await asyncio.gather(*polls)
        assert len({process.processid for process in assigned}) == len(polls)
        async with load(sites):
            assert await asyncio.to_thread(third.stop) == 0
            await until_shared(servers, 1)


async def test_a_partition_is_served_only_when_it_has_caught_up(
    start_server: StartServer, kafka_broker: KafkaBroker
) -> None:
    flags = ("--dev", "--ledger", await make_ledger(kafka_broker), "--replicas", "1")
    ports = [("--port", str(port)) for port in fair_ports(2, 1)]
    first = await asyncio.to_thread(start_server, *flags, *ports[0], LEDGER_SNAPSHOT_RECORDS="0")
    async with colonies([first]) as sites:
        for _ in range(20):
            await asyncio.gather(*(site.submit() for [site] in sites for _ in range(5)))
        ends = await served_by(first)
        second = await asyncio.to_thread(
            start_server, *flags, *ports[1], wait=False, LEDGER_SNAPSHOT_RECORDS="0"
        )
        taken: set[int] = set()
        while len(await served_by(first)) == PARTITIONS:
            served = await served_by(second)
            assert all(folded >= ends[partition] for partition, folded in served.items())
            taken |= served.keys()
        assert taken == set(await served_by(second))
        shares = await until_shared([first, second], 1)
        assert shares[second.url] == taken
        for [site] in sites:
            other = site.beside(second)
            counts = await other.call(site.user, GetColonyStatistics(colonyname=site.name))
            assert counts.waitingprocesses == 100
            await other.leave()


async def test_facts_are_published_whoever_holds_their_partition(
    start_server: StartServer, kafka_broker: KafkaBroker
) -> None:
    """None is left out, though the node that takes a partition over has not seen what was not published."""
    url = await make_ledger(kafka_broker)
    ports = fair_ports(2, 1)
    flags = ("--dev", "--ledger", url, "--replicas", "1")
    first, second = [("--port", str(port)) for port in ports]
    servers = [await asyncio.to_thread(start_server, *flags, *first)]
    async with colonies(servers) as sites:
        await asyncio.gather(*(submit_once(site) for [site] in sites))
        servers.append(await asyncio.to_thread(start_server, *flags, *second))
        await until_shared(servers, 1)
        others = [site.beside(servers[1]) for [site] in sites]
        await asyncio.gather(*(submit_once(site) for site in others))
        await asyncio.to_thread(servers.pop(0).kill)
        await asyncio.gather(*(submit_once(site) for site in others))
        for site in others:
            await site.leave()
    ledger = await open_ledger(url)
    try:
        expected = [
            told_by([event async for batch in ledger.read(partition) for event in batch])
            for partition in range(PARTITIONS)
        ]
    finally:
        await ledger.close()
    topic = facts_settings(kafka_settings(url), PARTITIONS)
    for partition in range(PARTITIONS):

        async def are_published(number: int = partition) -> bool:
            return deduplicated(await facts_in(topic, number)) == expected[number]

        await eventually(are_published)
        assert expected[partition]


async def test_a_partition_is_taken_from_its_snapshot(
    start_server: StartServer, kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    ports = fair_ports(2, 1)
    places = [f"127.0.0.1:{port}" for port in ports]
    moves = next(number for number in range(PARTITIONS) if places[1] in holders(number, places, 1))
    flags = ("--dev", "--ledger", await make_ledger(kafka_broker), "--replicas", "1")
    variables = {"LEDGER_SNAPSHOTS": str(tmp_path / "snapshots"), "LEDGER_SNAPSHOT_RECORDS": "100"}
    first = await asyncio.to_thread(start_server, *flags, "--port", str(ports[0]), **variables)
    site = Site(first)
    site.name = name_in(moves)
    async with site:
        for _ in range(11):
            await asyncio.gather(*(site.submit() for _ in range(10)))

        async def is_made() -> bool:
            return await counted(site.http, "colonyledger_snapshots_made_total") > 0

        await eventually(is_made)
        second = await asyncio.to_thread(start_server, *flags, "--port", str(ports[1]), **variables)
        await until_shared([first, second], 1)
        assert any(f"partition {moves} starts from the snapshot at offset" in line for line in second.lines)
        other = site.beside(second)
        for node in (site, other):
            counts = await node.call(site.user, GetColonyStatistics(colonyname=site.name))
            assert counts.waitingprocesses == 110
        await other.leave()
