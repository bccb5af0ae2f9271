"""Subscriptions to processes (logs-channels-realtime.md sections 3.2 to 3.4)."""

from __future__ import annotations

import asyncio

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    CancelProcess,
    CancelProcessGraph,
    CloseFailed,
    Conditions,
    FunctionSpec,
    ProcessGraph,
    ProcessState,
    RemoveExecutor,
    RemoveProcess,
    SubmitWorkflow,
    SubscribeProcess,
    SubscribeProcesses,
    WorkflowSpec,
)

from tests.services.realtime.conftest import Node, Refused, identity

WAITING, RUNNING, SUCCESS, FAILED, CANCELLED = range(5)

ALICE, OWNER = identity("alice"), identity("owner")


def to_process(processid: str, state: int, timeout: int = 60, executortype: str = "") -> SubscribeProcess:
    return SubscribeProcess(processid=processid, state=state, timeout=timeout, executortype=executortype)


def to_processes(
    state: int, timeout: int = 60, executortype: str = "edge", colony: str = "dev"
) -> SubscribeProcesses:
    return SubscribeProcesses(executortype=executortype, state=state, timeout=timeout, colonyname=colony)


async def workflow(node: Node, **nodes: list[str]) -> ProcessGraph:
    specs = [
        FunctionSpec(
            nodename=name,
            funcname=name,
            conditions=Conditions(executortype="edge", dependencies=parents),
        )
        for name, parents in nodes.items()
    ]
    return await node.call(ALICE, SubmitWorkflow(spec=WorkflowSpec("dev", specs)))


@pytest.fixture
async def edge(node: Node) -> Identity:
    """An approved executor of type "edge"."""
    return await node.executor("edge1")


async def test_a_process_is_sent_each_time_it_enters_the_state(node: Node, edge: Identity) -> None:
    process = await node.submit(maxexectime=60)
    async with node.subscriber() as subscriber:
        for state in (RUNNING, SUCCESS):
            await subscriber.ask(ALICE, to_process(process.processid, state, executortype="edge"))
        await subscriber.settled()
        await node.assign(edge)
        running = await subscriber.process()
        assert (running.state, running.assignedexecutorid) == (RUNNING, edge.id)
        await node.close(edge, process, "done")
        final = await subscriber.process()
        assert (final.state, final.output) == (SUCCESS, ["done"])
        assert final.endtime > final.starttime > process.submissiontime


@pytest.mark.parametrize("state", [WAITING, SUCCESS])
async def test_a_state_that_is_reached_already_is_told_at_once(
    node: Node, edge: Identity, state: int
) -> None:
    process = await node.submit()
    if state == SUCCESS:
        await node.assign(edge)
        await node.close(edge, process, 1)
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_process(process.processid, state))
        assert (await subscriber.process()).state == state


async def test_waiting_again_is_told_again(node: Node, edge: Identity) -> None:
    process = await node.submit()
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_process(process.processid, WAITING))
        assert not (await subscriber.process()).isassigned
        await node.assign(edge)
        await node.call(OWNER, RemoveExecutor(colonyname="dev", executorname="edge1"))
        again = await subscriber.process()
        assert (again.state, again.isassigned, again.assignedexecutorid) == (WAITING, False, "")


async def test_all_subscribers_get_every_event(node: Node, edge: Identity) -> None:
    async with node.subscriber() as first, node.subscriber() as second:
        for subscriber in (first, second):
            await subscriber.ask(edge, to_processes(RUNNING))
            await subscriber.ask(ALICE, to_processes(SUCCESS))
            await subscriber.settled()
        processes = [await node.submit() for _ in range(3)]
        for process in processes:
            await node.assign(edge)
            await node.close(edge, process)
        for subscriber in (first, second):
            told = [await subscriber.process() for _ in range(6)]
            assert [(each.processid, each.state) for each in told] == [
                (process.processid, state) for process in processes for state in (RUNNING, SUCCESS)
            ]


async def test_a_list_tells_only_of_its_colony_type_and_state(node: Node) -> None:
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_processes(WAITING, executortype="edge"))
        await subscriber.ask(ALICE, to_processes(WAITING, executortype=""))
        await subscriber.ask(ALICE, to_processes(SUCCESS, executortype="edge"))
        await subscriber.settled()
        for executortype in ("edge1", "edg", ""):
            await node.submit(executortype)
        await node.submit("edge", who="neighbour")
        mine = await node.submit("edge")
        assert (await subscriber.process()).processid == mine.processid


async def test_a_list_begins_with_what_comes(node: Node) -> None:
    await node.submit()
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_processes(WAITING))
        await subscriber.settled()


async def test_without_a_colony_it_is_that_of_the_caller(node: Node) -> None:
    async with node.subscriber() as subscriber:
        await subscriber.ask(identity("neighbour"), to_processes(WAITING, colony=""))
        await subscriber.settled()
        await node.submit("edge")
        theirs = await node.submit("edge", who="neighbour")
        assert (await subscriber.process()).processid == theirs.processid


async def test_a_member_of_several_colonies_must_name_one(node: Node) -> None:
    await node.user("alice", "next")
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_processes(WAITING, colony=""))
        assert await subscriber.refusal() == (400, "Name a colony: this key is a member of 2")
        await subscriber.ask(OWNER, to_processes(WAITING, colony=""))
        assert await subscriber.refusal() == (403, "executor not found")


async def test_every_change_of_a_workflow_is_told(node: Node, edge: Identity) -> None:
    async with node.subscriber() as subscriber:
        for state in (WAITING, SUCCESS, FAILED, CANCELLED):
            await subscriber.ask(ALICE, to_processes(state))
        await subscriber.settled()
        await workflow(node, a=[], b=["a"], c=["b"])

        async def told() -> tuple[str, int]:
            process = await subscriber.process()
            return process.spec.funcname, process.state

        assert await told() == ("a", WAITING)
        await node.close(edge, await node.assign(edge), 1)
        assert sorted([await told(), await told()]) == [("a", SUCCESS), ("b", WAITING)]
        failing = await node.assign(edge)
        await node.call(edge, CloseFailed(processid=failing.processid, errors=["no"]))
        assert [await told(), await told()] == [("b", FAILED), ("c", FAILED)]
        graph = await workflow(node, x=[], y=["x"])
        assert await told() == ("x", WAITING)
        await node.call(ALICE, CancelProcessGraph(processgraphid=graph.processgraphid))
        assert [await told(), await told()] == [("x", CANCELLED), ("y", CANCELLED)]


@pytest.mark.parametrize("wanted", [WAITING, RUNNING, SUCCESS, FAILED])
async def test_a_process_that_ends_in_another_state_is_told_last(node: Node, wanted: int) -> None:
    process = await node.submit()
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_process(process.processid, wanted))
        if wanted == WAITING:
            await subscriber.process()
        await subscriber.settled()
        await node.call(ALICE, CancelProcess(processid=process.processid))
        assert (await subscriber.process()).state == CANCELLED
        assert await subscriber.closed() == 1000
    async with node.subscriber() as late:
        await late.ask(ALICE, to_process(process.processid, wanted))
        assert (await late.process()).state == CANCELLED
        assert await late.closed() == 1000


async def test_the_wanted_state_does_not_end_a_subscription(node: Node) -> None:
    process = await node.submit()
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_process(process.processid, CANCELLED))
        await subscriber.settled()
        await node.call(ALICE, CancelProcess(processid=process.processid))
        assert (await subscriber.process()).state == CANCELLED
        await subscriber.settled()


async def test_a_process_that_is_removed_ends_its_subscriptions(node: Node) -> None:
    process = await node.submit()
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_process(process.processid, SUCCESS))
        await subscriber.settled()
        await node.call(ALICE, RemoveProcess(processid=process.processid))
        assert await subscriber.refusal() == (403, f"Invalid process with Id {process.processid}")
        assert await subscriber.closed() == 1000


async def test_a_process_that_is_removed_after_its_end_has_nothing_more_to_tell(node: Node) -> None:
    process = await node.submit()
    await node.call(ALICE, CancelProcess(processid=process.processid))
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_process(process.processid, CANCELLED))
        assert (await subscriber.process()).state == CANCELLED
        await node.call(ALICE, RemoveProcess(processid=process.processid))
        assert await subscriber.closed() == 1000


async def test_with_a_wrong_executor_type_nothing_comes(node: Node) -> None:
    process = await node.submit()
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_process(process.processid, WAITING, executortype="edg"))
        await subscriber.ask(ALICE, to_process(process.processid, CANCELLED))
        await subscriber.settled()
        await node.call(ALICE, CancelProcess(processid=process.processid))
        assert (await subscriber.process()).state == CANCELLED
        await subscriber.settled()


@pytest.mark.parametrize("seconds", [0, -1, 1])
async def test_at_its_timeout_the_connection_is_closed(node: Node, seconds: int) -> None:
    process = await node.submit()
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_process(process.processid, WAITING, seconds))
        assert (await subscriber.process()).state == WAITING
        assert await subscriber.closed() == 1000
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_processes(WAITING, seconds))
        assert await subscriber.closed() == 1000


async def test_a_connection_is_open_as_long_as_something_is_subscribed(node: Node) -> None:
    process = await node.submit()
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_processes(RUNNING))
        await subscriber.ask(ALICE, to_process(process.processid, WAITING, timeout=0))
        assert (await subscriber.process()).state == WAITING
        await subscriber.settled()


async def test_a_timeout_may_be_very_long(node: Node) -> None:
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_processes(WAITING, timeout=2**63 - 1))
        await subscriber.settled()
        await node.submit()
        assert (await subscriber.process()).state == WAITING


async def test_states_that_are_none(node: Node) -> None:
    process = await node.submit()
    async with node.subscriber() as subscriber:
        for message in (to_process(process.processid, 7), to_processes(ProcessState.NOTSET)):
            await subscriber.ask(ALICE, message)
            assert (await subscriber.refusal())[0] == 400


async def test_what_changes_twice_in_one_event_is_told_twice(node: Node, edge: Identity) -> None:
    """A deadline fires before the record that moves the clock: the process is put back and given out anew."""
    other = await node.executor("edge2")
    process = await node.submit(maxexectime=1, maxretries=3)
    await node.assign(edge)
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_process(process.processid, WAITING))
        await subscriber.ask(ALICE, to_processes(RUNNING))
        await subscriber.settled()
        while True:
            try:
                await node.assign(other)
                break
            except Refused:
                await asyncio.sleep(0.05)
        told = [await subscriber.process() for _ in range(2)]
        assert [each.assignedexecutorid for each in told] == [other.id, other.id]
