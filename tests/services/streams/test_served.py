"""Windows as members ask for them: from a server alone, and from a node on Kafka beside a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from colonyledger import Client
from colonyledger.identity import Identity
from colonyledger.wire import FunctionWindow, GetWindows

from services.ledger import KafkaLedger, KafkaSettings
from tests.conftest import StartServer
from tests.kafka_broker import KafkaBroker
from tests.servers import Server
from tests.services.site import Refused, Site, eventually
from tests.services.streams.workers import WorkerProcess

COUNTS = ("assigned", "succeeded", "failed", "cancelled", "putback")


@asynccontextmanager
async def member(site: Site) -> AsyncIterator[Client]:
    """The SDK's client of the site's user."""
    host, port = site.server.host, site.server.port
    async with Client.at(host, port, tls=False, colony=site.name, identity=site.user) as client:
        yield client


async def work(site: Site) -> str:
    """Three calls of `echo` on one executor; the executor's name."""
    worker = await site.executor()
    for number in range(3):
        await site.submit()
        process = await site.assign(worker, timeout=30)
        if number < 2:
            await site.close(worker, process, number)
    return worker.name


def totals(windows: list[FunctionWindow]) -> dict[tuple[str, str], list[int]]:
    """Counts of all windows together: a test may run over the end of one."""
    found: dict[tuple[str, str], list[int]] = {}
    for window in windows:
        total = found.setdefault((window.functionname, window.executorname), [0] * len(COUNTS))
        for place, name in enumerate(COUNTS):
            total[place] += getattr(window, name)
    return found


async def test_a_server_alone_counts_what_it_folds(start_server: StartServer) -> None:
    server = await asyncio.to_thread(start_server, "--dev")
    async with Site(server) as site, member(site) as client:
        assert await client.get_windows() == []
        first, second = await work(site), await work(site)
        windows = await client.get_windows()
        assert totals(windows) == {("echo", first): [3, 2, 0, 0, 0], ("echo", second): [3, 2, 0, 0, 0]}
        assert [window.start for window in windows] == sorted((each.start for each in windows), reverse=True)
        for window in windows:
            assert window.seconds == 60
            assert window.start % 60_000_000_000 == 0
            assert window.rate == window.assigned / 60
            for times, number in (
                (window.waiting, window.assigned),
                (window.execution, window.succeeded + window.failed),
            ):
                assert times.count == number
                assert 0 <= times.p50 <= times.p90 <= times.p95 <= times.p99
                assert (times.mean > 0) == (number > 0)
        assert set(totals(await client.get_windows("echo", first))) == {("echo", first)}
        assert await client.get_windows("nothing") == []
        assert len(await client.get_windows(count=1)) == 1
        newest = windows[0].start
        assert all(window.start >= newest for window in await client.get_windows(since=newest))
        assert await client.get_windows(since=newest + 1) == []


async def test_windows_are_there_again_after_a_restart(start_server: StartServer) -> None:
    server = await asyncio.to_thread(start_server, "--dev")
    async with Site(server) as site:
        await work(site)
        asked = GetWindows(colonyname=site.name)
        before = await site.call(site.user, asked)
        assert totals(before)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        again = site.beside(server)
        assert await again.call(site.user, asked) == before
        await again.leave()


async def test_members_see_their_colony_and_nobody_else_does(start_server: StartServer) -> None:
    server = await asyncio.to_thread(start_server, "--dev")
    async with Site(server) as site, Site(server) as other:
        name = await work(site)
        assert set(totals(await site.call(site.user, GetWindows(colonyname=site.name)))) == {("echo", name)}
        assert await other.call(other.user, GetWindows(colonyname=other.name)) == []
        for who in (other.user, Identity.generate()):
            assert (await site.refused(who, GetWindows(colonyname=site.name)))[0] == 403


async def test_a_server_that_holds_none_says_so(start_server: StartServer) -> None:
    server = await asyncio.to_thread(start_server, "--dev", LEDGER_WINDOWS_PER_COLONY="0")
    async with Site(server) as site:
        refused = await site.refused(site.user, GetWindows(colonyname=site.name))
        assert refused == (404, "This server holds no windows")


async def test_no_more_are_held_than_there_may_be(start_server: StartServer) -> None:
    server = await asyncio.to_thread(start_server, "--dev", LEDGER_WINDOWS_PER_COLONY="2")
    async with Site(server) as site:
        for _ in range(4):
            await work(site)
        found = await site.call(site.user, GetWindows(colonyname=site.name))
        assert 1 <= len(found) <= 2


StartWorker = Callable[[], WorkerProcess]


async def make_small(settings: KafkaSettings) -> None:
    """Make a ledger of few partitions, so that workers start sooner."""
    ledger = KafkaLedger(replace(settings, partitions=4))
    await ledger.start()
    await ledger.close()


@pytest.fixture
async def place(kafka_broker: KafkaBroker) -> str:
    """A ledger on Kafka."""
    settings = KafkaSettings(bootstrap_servers=kafka_broker.bootstrap, topic=uuid4().hex)
    await make_small(settings)
    return f"kafka://{settings.bootstrap_servers}/{settings.topic}"


@pytest.fixture
def start_worker(place: str) -> Iterator[StartWorker]:
    """Starts workers over the test's ledger; all are gone at its end."""
    started: list[WorkerProcess] = []

    def start() -> WorkerProcess:
        started.append(WorkerProcess("--ledger", place))
        started[-1].start()
        return started[-1]

    yield start
    for worker in started:
        worker.end()


async def answers(site: Site, name: str, counts: list[int]) -> None:
    """Wait until a server tells these counts of an executor."""
    wanted = {("echo", name): counts}

    async def are_there() -> bool:
        try:
            found = await site.call(site.user, GetWindows(colonyname=site.name, executorname=name))
        except Refused as refusal:
            if refusal.status not in (404, 503):
                raise
            return False
        return totals(found) == wanted

    await eventually(are_there)


async def test_a_node_on_kafka_tells_what_a_worker_counts(
    start_server: StartServer, place: str, start_worker: StartWorker
) -> None:
    server: Server = await asyncio.to_thread(start_server, "--dev", "--ledger", place)
    async with Site(server) as site:

        async def says_that_nobody_counts() -> bool:
            status, said = await site.refused(site.user, GetWindows(colonyname=site.name))
            return status == 404 and "colony streams worker" in said

        await eventually(says_that_nobody_counts)
        first = await work(site)
        worker = await asyncio.to_thread(start_worker)
        await answers(site, first, [3, 2, 0, 0, 0])
        await asyncio.to_thread(worker.kill)
        second = await work(site)
        await asyncio.to_thread(start_worker)
        await answers(site, second, [3, 2, 0, 0, 0])
        await answers(site, first, [3, 2, 0, 0, 0])
        another = await asyncio.to_thread(start_server, "--dev", "--ledger", place)
        beside = site.beside(another)
        await answers(beside, second, [3, 2, 0, 0, 0])
        await beside.leave()
