"""Several nodes over one ledger: whoever asks any of them sees what any of them has acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddUser,
    ApproveExecutor,
    Conditions,
    FunctionSpec,
    GetColonies,
    GetProcess,
    GetUsers,
    ProcessState,
    RejectExecutor,
    SubmitFunctionSpec,
    User,
)

from services.node.dev import SERVER_OWNER
from tests.conftest import StartServer
from tests.kafka_broker import KafkaBroker
from tests.services.site import NOTHING, Refused, Site

NODES = 3


@pytest.fixture
async def nodes(start_server: StartServer, kafka_broker: KafkaBroker) -> AsyncIterator[list[Site]]:
    """One colony, seen through each of several nodes."""
    topic = f"kafka://{kafka_broker.bootstrap}/{uuid4().hex}"
    servers = [await asyncio.to_thread(start_server, "--dev", "--ledger", topic) for _ in range(NODES)]
    async with Site(servers[0]) as first:
        others = [first.beside(server) for server in servers[1:]]
        yield [first, *others]
        for other in others:
            await other.leave()


async def test_every_node_sees_what_any_has_acknowledged(nodes: list[Site]) -> None:
    for turn in range(30):
        here, there = nodes[turn % NODES], nodes[(turn + 1) % NODES]
        process = await here.submit()
        assert (await there.get(process)).state == ProcessState.WAITING
        name = f"user-{turn}"
        user = Identity.generate()
        await here.call(here.owner, AddUser(user=User(here.name, user.id, name, "", "")))
        users = await there.call(user, GetUsers(colonyname=here.name))
        assert name in [each.name for each in users]


async def test_nobody_is_refused_by_a_node_that_has_not_heard_of_him_yet(nodes: list[Site]) -> None:
    for turn in range(20):
        here, there = nodes[turn % NODES], nodes[(turn + 1) % NODES]
        user = Identity.generate()
        await here.call(here.owner, AddUser(user=User(here.name, user.id, f"user-{turn}", "", "")))
        where = Conditions(colonyname=here.name, executortype="other")
        process = await there.call(
            user, SubmitFunctionSpec(spec=FunctionSpec(funcname="echo", conditions=where))
        )
        assert (await here.call(user, GetProcess(processid=process.processid))).initiatorid == user.id


async def test_an_executor_that_does_not_wait_gets_what_another_node_has_taken(nodes: list[Site]) -> None:
    worker = await nodes[0].executor()
    for turn in range(20):
        here, there = nodes[turn % NODES], nodes[(turn + 1) % NODES]
        process = await here.submit()
        assert (await there.assign(worker)).processid == process.processid
        await here.close(worker, process)
        assert await there.refused(worker.identity, nodes[0].poll()) == NOTHING


async def test_a_rejection_and_an_approval_hold_on_every_node(nodes: list[Site]) -> None:
    worker = await nodes[0].executor()
    await nodes[0].call(nodes[0].owner, RejectExecutor(colonyname=nodes[0].name, executorname=worker.name))
    with pytest.raises(Refused):
        await nodes[1].assign(worker)
    await nodes[1].call(nodes[0].owner, ApproveExecutor(colonyname=nodes[0].name, executorname=worker.name))
    assert await nodes[2].refused(worker.identity, nodes[0].poll()) == NOTHING
    names = [colony.name for colony in await nodes[2].call(SERVER_OWNER, GetColonies())]
    assert nodes[0].name in names


async def test_work_finds_parked_executors_on_every_node(nodes: list[Site]) -> None:
    workers = [await nodes[0].executor() for _ in range(2 * NODES)]
    polls = [await nodes[number % NODES].park(worker) for number, worker in enumerate(workers)]
    processes = [await nodes[0].submit() for _ in polls]
    assigned = [await poll for poll in polls]
    assert sorted(each.processid for each in assigned) == sorted(each.processid for each in processes)
    for worker, process in zip(workers, assigned, strict=True):
        assert process.assignedexecutorid == worker.identity.id
        await nodes[1].close(worker, process)
