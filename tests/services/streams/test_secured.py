"""A worker on a cluster with TLS, SASL and ACLs, with the rights that `colony kafka acls` gives it and no others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest
from colonyledger.wire import GetWindows

from services.history.opening import open_history
from services.ledger.kafka.acls import Grant, allow, grants_of
from services.ledger.opening import kafka_settings
from tests.kafka_broker import KafkaBroker, running_broker
from tests.servers import Server
from tests.services.history.server import Server as ClickHouseServer
from tests.services.site import Refused, Site, eventually
from tests.services.streams.test_served import make_small, totals, work
from tests.services.streams.workers import WorkerProcess


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker with TLS, users and ACLs."""
    with running_broker(tmp_path_factory.mktemp("kafka"), "--secure") as broker:
        yield broker


@pytest.fixture
def ledger(broker: KafkaBroker) -> str:
    return f"kafka://{broker.bootstrap}/{uuid4().hex}"


@pytest.fixture
async def server(tmp_path: Path, broker: KafkaBroker, ledger: str) -> Server:
    """A node that is not started yet, with its rights, over a ledger of few partitions."""
    await grant(broker, ledger, grants_of("node", "node", topic_of(ledger)))
    await make_small(kafka_settings(ledger, environment=broker.variables("node")))
    return Server(tmp_path, "--dev", "--ledger", ledger, variables=broker.variables("node"))


@pytest.fixture
def clickhouse(tmp_path: Path) -> Iterator[ClickHouseServer]:
    if find_spec("chdb") is None:
        pytest.skip("chdb is not installed")
    server = ClickHouseServer(tmp_path / "clickhouse")
    server.start()
    yield server
    server.stop()


def topic_of(ledger: str) -> str:
    return ledger.rpartition("/")[2]


async def grant(broker: KafkaBroker, ledger: str, grants: list[Grant]) -> None:
    await allow(kafka_settings(ledger, environment=broker.variables("admin")), grants)


async def test_a_worker_with_its_own_rights(
    broker: KafkaBroker, ledger: str, server: Server, clickhouse: ClickHouseServer
) -> None:
    """It counts and writes the history, a node tells what it counts, and it goes on after it was killed."""
    await grant(broker, ledger, grants_of("worker", "worker", topic_of(ledger)))
    flags = ("--ledger", ledger, "--history", clickhouse.url("history"))
    worker = WorkerProcess(*flags, variables=broker.variables("worker"))
    try:
        await asyncio.to_thread(server.start)
        async with Site(server) as site:
            await asyncio.to_thread(worker.start)
            first = await work(site)
            await counted(site, first)
            await asyncio.to_thread(worker.kill)
            second = await work(site)
            await asyncio.to_thread(worker.start)
            await counted(site, second)
            await counted(site, first)
            await worker.until_done("windows")
            await worker.until_done("history")
            assert await asyncio.to_thread(worker.stop) == 0
            assert not [line for line in worker.lines if "uthorization" in line]
            engine = open_history(clickhouse.url("history"))
            sql = f"SELECT count() FROM {engine.database}.attempts WHERE colony = '{site.name}'"
            assert b"[6]" in engine.select(sql)
            engine.close()
        assert await asyncio.to_thread(server.stop) == 0
    finally:
        worker.end()
        server.end()


async def counted(site: Site, name: str) -> None:
    """Wait until a node tells what an executor has done."""

    async def is_told() -> bool:
        try:
            windows = await site.call(site.user, GetWindows(colonyname=site.name, executorname=name))
        except Refused as refusal:
            if refusal.status not in (404, 503):
                raise
            return False
        return totals(windows) == {("echo", name): [3, 2, 0, 0, 0]}

    await eventually(is_told)


@pytest.mark.parametrize("missing", ["windows", "facts", "ready"])
async def test_a_worker_that_may_not_do_its_work_says_so(
    broker: KafkaBroker, ledger: str, server: Server, missing: str
) -> None:
    """Everything is allowed but one topic."""
    user = "auditor"
    rights = grants_of("worker", user, topic_of(ledger))
    kept = [each for each in rights if not (each.resource == "topic" and each.name.endswith(f"-{missing}"))]
    assert len(kept) == len(rights) - 1
    await grant(broker, ledger, kept)
    worker = WorkerProcess("--ledger", ledger, variables=broker.variables(user))
    try:
        await asyncio.to_thread(server.start)
        with pytest.raises(AssertionError, match=rf"the worker stopped: .*{topic_of(ledger)}-{missing}"):
            await asyncio.to_thread(worker.start)
        assert await asyncio.to_thread(worker.stop) == 1
    finally:
        worker.end()
        server.end()
