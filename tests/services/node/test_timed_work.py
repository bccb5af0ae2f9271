"""What happens by itself: crons, generators and silent executors of a server that runs, also after a stop."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest
from colonyledger.client import Client
from colonyledger.environment import Environment
from colonyledger.identity import Identity
from colonyledger.spec import function_spec
from colonyledger.wire import Executor, FunctionSpec, GetCluster, Process

from tests.conftest import StartServer
from tests.servers import Server

LONG = 30
"""Seconds that an executor waits for work that is sure to come."""


def user(server: Server) -> Client:
    settings = Environment(server.environment)
    return Client(server.url, settings.identity, colony=settings.colony)


async def executor(server: Server, client: Client, kind: str) -> Client:
    """A client for a new, approved executor."""
    identity = Identity.generate()
    owner = client.using(Environment(server.environment).colony_owner)
    await owner.add_executor(Executor(executorid=identity.id, executortype=kind, executorname=identity.id))
    await owner.approve_executor(identity.id)
    return client.using(identity)


async def work(client: Client) -> Process:
    process = await client.assign(timeout=LONG)
    assert process is not None
    return process


def specs(kind: str) -> list[FunctionSpec]:
    return [function_spec("tidy", nodename="a", executortype=kind)]


@pytest.fixture
def kind() -> str:
    """An executor type that no other test uses."""
    return f"type-{uuid4().hex[:12]}"


async def test_a_cron_runs_though_nobody_calls(dev_server: Server, kind: str) -> None:
    async with user(dev_server) as client:
        edge = await executor(dev_server, client, kind)
        cron = await client.add_cron(kind, specs(kind), interval=1, wait_for_previous=True)
        assert cron.checkerperiod == 1000
        first = await work(edge)
        await edge.close(first.processid, ["x"])
        second = await work(edge)
        assert list(second.input) == ["x"]
        ran = await client.get_cron(cron.cronid)
        assert ran.prevprocessgraphid == second.processgraphid
        assert ran.lastrun == second.submissiontime
        await client.remove_cron(cron.cronid)


async def test_a_cron_that_was_due_while_the_server_was_away_runs_once_on_return(
    start_server: StartServer, kind: str
) -> None:
    server = start_server("--dev")
    async with user(server) as client:
        edge = await executor(server, client, kind)
        cron = await client.add_cron("tidy", specs(kind), interval=1, wait_for_previous=True)
        cron = await client.run_cron(cron.cronid)
        await edge.close((await work(edge)).processid, ["x"])
    assert server.stop() == 0
    missed_thrice = cron.nextrun.timestamp() + 2 * cron.interval
    await asyncio.sleep(max(missed_thrice - time.time(), 0))
    server.start()
    async with user(server) as client:
        process = await work(client.using(edge.identity))
        assert list(process.input) == ["x"]
        ran = await client.get_cron(cron.cronid)
        assert (ran.prevprocessgraphid, ran.lastrun) == (process.processgraphid, process.submissiontime)
        statistics = await client.get_colony_statistics()
        assert (statistics.successfulworkflows, statistics.runningworkflows) == (1, 1)
        assert statistics.waitingworkflows == 0


async def test_a_generator_submits_a_partial_batch_though_nobody_calls(dev_server: Server, kind: str) -> None:
    async with user(dev_server) as client:
        edge = await executor(dev_server, client, kind)
        generator = await client.add_generator(kind, specs(kind), trigger=10, timeout=1)
        await client.pack(generator.generatorid, "1")
        await client.pack(generator.generatorid, "2")
        assert list((await work(edge)).spec.args) == ["1", "2"]


async def test_a_silent_executor_gives_its_work_back_and_one_that_waits_is_not_silent(
    start_server: StartServer, kind: str
) -> None:
    server = start_server("--dev", COLONIES_STALE_EXECUTOR_DURATION="2", COLONIES_CLEANUP_INTERVAL="1")
    async with user(server) as client:
        silent, waiting = await executor(server, client, kind), await executor(server, client, kind)
        submitted = await client.submit(function_spec("tidy", executortype=kind))
        assert (await work(silent)).processid == submitted.processid
        assert (await work(waiting)).processid == submitted.processid
        states = {found.executorid: found.state for found in await client.get_executors()}
        assert silent.identity is not None
        assert waiting.identity is not None
        assert (states[silent.identity.id], states[waiting.identity.id]) == (3, 1)


async def test_a_server_is_the_only_node_of_its_cluster(dev_server: Server) -> None:
    async with Client(dev_server.url, Environment(dev_server.environment).server_owner) as owner:
        cluster = await owner.call(GetCluster())
    assert cluster.nodes == [cluster.leader]
    assert cluster.leader.apiport == dev_server.port
    assert cluster.leader.name
    assert (cluster.leader.port, cluster.leader.peerport, cluster.leader.relayport) == (0, 0, 0)
