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
    AssignProcess,
    Conditions,
    FunctionSpec,
    GetCluster,
    GetColonies,
    GetProcess,
    GetUsers,
    Process,
    ProcessState,
    RejectExecutor,
    SubmitFunctionSpec,
    User,
    signed,
)
from msgspec.structs import replace

from services.node.dev import SERVER_OWNER
from tests.conftest import StartServer
from tests.kafka_broker import KafkaBroker
from tests.services.site import NOTHING, Refused, Site, eventually, reply_in

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


async def test_each_node_knows_the_others(nodes: list[Site]) -> None:
    async def all_know_all() -> bool:
        found = [await node.call(SERVER_OWNER, GetCluster()) for node in nodes]
        places = [sorted((node.host, node.apiport) for node in cluster.nodes) for cluster in found]
        names = [len({node.name for node in cluster.nodes}) for cluster in found]
        leaders = {(cluster.leader.name, cluster.leader.apiport) for cluster in found}
        expected = sorted((node.server.host, node.server.port) for node in nodes)
        assert names == [len(cluster.nodes) for cluster in found], "every node has a name of its own"
        return all(each == expected for each in places) and len(leaders) == 1

    await eventually(all_know_all)
    await asyncio.to_thread(nodes[2].server.stop)
    nodes.pop()

    async def two_are_left() -> bool:
        return len((await nodes[0].call(SERVER_OWNER, GetCluster())).nodes) == NODES - 1

    await eventually(two_are_left)


async def test_one_node_goes_first(nodes: list[Site]) -> None:
    """A process that executors of every node wait for costs one assignment, and mostly no more records."""
    workers = [await nodes[0].executor() for _ in nodes]

    async def all_know_all() -> bool:
        found = [await node.call(SERVER_OWNER, GetCluster()) for node in nodes]
        return all(len(cluster.nodes) == NODES for cluster in found)

    await eventually(all_know_all)
    polls = [await node.park(worker) for node, worker in zip(nodes, workers, strict=True)]
    await asyncio.sleep(0.5)
    rounds = 12
    before = await nodes[0].folded()
    for _ in range(rounds):
        process = await nodes[0].submit()
        done, _ = await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
        (poll,) = done
        number = polls.index(poll)
        assert (await poll).processid == process.processid
        polls[number] = await nodes[number].park(workers[number])
        await asyncio.sleep(0.2)
    assert await nodes[0].folded() - before < rounds * 3


async def test_a_request_that_is_sent_again_to_another_node(nodes: list[Site]) -> None:
    """The first node notices that its client has hung up; the assignment stays with the second request."""
    worker = await nodes[0].executor()
    asked = AssignProcess(colonyname=nodes[0].name, timeout=3600, nonce="n1")
    body = signed(asked, worker.identity)
    for number in range(10):
        first = asyncio.create_task(nodes[0].post(body))
        await nodes[0].until_parked(1)
        process = await nodes[1].submit()
        first.cancel()
        answer = await nodes[2].post(body)
        assigned = reply_in(answer, Process)
        assert assigned.processid == process.processid
        await nodes[1].close(worker, process, number)
        body = signed(replace(asked, nonce=f"n{number + 2}"), worker.identity)
        await nodes[0].until_parked(0)
