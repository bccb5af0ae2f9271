"""Executors on a secured cluster, and a node that may not publish an assignment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from colonyledger.errors import ConnectionFailed
from colonyledger.kafka import KafkaBrokers, KafkaExecutor, KafkaLink, kafka_client
from colonyledger.retries import Retries
from colonyledger.spec import function_spec
from colonyledger.wire import ProcessState

from services.ledger.kafka.acls import Grant, allow, grants_of
from services.ledger.opening import kafka_settings
from tests.kafka_broker import KafkaBroker, running_broker
from tests.servers import Server
from tests.services.dispatch.conftest import start
from tests.services.site import Site, counted, eventually


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker with TLS, users and ACLs."""
    with running_broker(tmp_path_factory.mktemp("kafka"), "--secure") as broker:
        yield broker


@pytest.fixture
def ledger() -> str:
    return uuid4().hex


@pytest.fixture
def server(tmp_path: Path, broker: KafkaBroker, ledger: str) -> Iterator[Server]:
    """A node that is not started yet."""
    url = f"kafka://{broker.bootstrap}/{ledger}"
    server = Server(tmp_path, "--dev", "--ledger", url, variables=broker.variables("node"))
    yield server
    server.end()


async def grant(broker: KafkaBroker, ledger: str, grants: list[Grant]) -> None:
    settings = kafka_settings(f"kafka://{broker.bootstrap}/{ledger}", environment=broker.variables("admin"))
    await allow(settings, grants)


def brokers_of(broker: KafkaBroker, ledger: str, user: str) -> KafkaBrokers:
    """The cluster as a program sees it that is `user`."""
    named = {"LEDGER_KAFKA_BROKERS": broker.bootstrap, "LEDGER_KAFKA_TOPIC": ledger}
    return KafkaBrokers.from_environment(broker.variables(user) | named)


async def test_an_executor_with_its_own_rights(broker: KafkaBroker, ledger: str, server: Server) -> None:
    """A node and an executor need what infra/kafka/acls.toml allows them, and no more."""
    await grant(broker, ledger, grants_of("node", "node", ledger))
    await grant(broker, ledger, grants_of("executor", "worker", ledger))
    await asyncio.to_thread(start, server)
    async with Site(server) as site:
        executor = KafkaExecutor(
            "edge-1", "edge", site.name, brokers=brokers_of(broker, ledger, "worker"), owner=site.owner
        )

        @executor.function
        async def double(x: int) -> int:
            return 2 * x

        serving = asyncio.create_task(executor.serve())
        link = KafkaLink(brokers_of(broker, ledger, "worker"))
        async with kafka_client(link, site.user, colony=site.name) as user:
            process = await user.submit(function_spec("double", args=[21], executortype="edge"))
            assert list((await user.wait(process.processid, timeout=60)).output) == [42]
        executor.stop()
        await serving
        nobody = KafkaLink(brokers_of(broker, ledger, "auditor"))
        async with kafka_client(nobody, site.user, retries=Retries(attempts=1)) as client:
            with pytest.raises(ConnectionFailed):
                await client.get_colonies()
    assert await asyncio.to_thread(server.stop) == 0


async def test_an_assignment_that_cannot_be_published_goes_back(
    broker: KafkaBroker, ledger: str, server: Server
) -> None:
    grants = [
        each._replace(operations=tuple(word for word in each.operations if word != "Write"))
        if each.name.endswith("assignments")
        else each
        for each in grants_of("node", "node", ledger)
    ]
    await grant(broker, ledger, grants)
    await grant(broker, ledger, grants_of("executor", "worker", ledger))
    await asyncio.to_thread(start, server)
    async with Site(server) as site:
        worker = await site.executor()
        link = KafkaLink(brokers_of(broker, ledger, "worker"))
        async with kafka_client(link, worker.identity, colony=site.name) as client:
            process = await site.submit()
            asked = asyncio.create_task(client.assign(timeout=5))

            async def is_given_back() -> bool:
                return await counted(site.http, "colonyledger_assignments_undelivered_total") == 1

            await eventually(is_given_back)
            asked.cancel()
        again = await site.assign(worker, timeout=30)
        assert (again.processid, again.retries) == (process.processid, 0)
        assert (await site.get(process)).state == ProcessState.RUNNING
