"""The client and its workflows against a real server."""

from __future__ import annotations

import asyncio

import pytest
from colonyledger.client import Client
from colonyledger.errors import (
    AccessDenied,
    ColonyError,
    InvalidRequest,
    NotFound,
    NotReady,
    ServerRefused,
    WaitTimedOut,
)
from colonyledger.graph import Task
from colonyledger.identity import Identity
from colonyledger.spec import function_spec
from colonyledger.sync.client import SyncClient
from colonyledger.sync.workflow import SyncWorkflow
from colonyledger.wire import (
    AddLog,
    AssignProcess,
    AttributeType,
    Capabilities,
    Executor,
    ExecutorState,
    Function,
    FunctionSpec,
    Hardware,
    Process,
    ProcessState,
    SubmitFunctionSpec,
)
from colonyledger.workflow import Workflow

from tests.sdk.conftest import Members
from tests.servers import Server


async def taken(executor: Client) -> Process:
    """The next process, which is there."""
    process = await executor.assign(timeout=30)
    assert process is not None
    return process


async def test_anybody_may_ask_what_runs(dev_server: Server) -> None:
    async with Client(dev_server.url) as client:
        assert await client.is_healthy()
        assert (await client.get_version()).buildversion
        info = await client.get_server_info()
        assert any(backend.port == dev_server.port for backend in info.backends)


async def test_a_colony_from_its_creation_to_its_end(members: Members, kind: str) -> None:
    owner, user = Identity.generate(), Identity.generate()
    created = await members.server_owner.add_colony(kind, owner.id)
    assert (created.name, created.colonyid) == (kind, owner.id)
    assert created in await members.server_owner.get_colonies()
    mine = members.user.using(owner, colony=kind)
    added = await mine.add_user("ann", user.id, email="ann@example.org", phone="1")
    assert (added.name, added.userid, added.email, added.phone) == ("ann", user.id, "ann@example.org", "1")
    hers = members.user.using(user, colony=kind)
    assert await hers.get_users() == [added]
    assert await hers.get_user("ann") == added
    assert await hers.get_user_by_id(user.id) == added
    assert (await hers.get_colony()).colonyid == owner.id
    assert (await hers.get_colony_statistics()).executors == 0
    await mine.remove_user("ann")
    with pytest.raises(AccessDenied):
        await hers.get_users()
    await members.server_owner.remove_colony(kind)
    assert kind not in [colony.name for colony in await members.server_owner.get_colonies()]


async def test_strangers_are_refused(members: Members) -> None:
    stranger = members.user.using(Identity.generate())
    for call in (stranger.get_colonies(), stranger.get_users(), stranger.submit(function_spec("f"))):
        with pytest.raises(AccessDenied, match="Access denied"):
            await call


async def test_executors_are_added_approved_rejected_and_removed(members: Members, kind: str) -> None:
    identity = Identity.generate()
    capabilities = Capabilities(hardware=[Hardware(model="m", nodes=1, cpu="4000m")])
    added = await members.colony_owner.add_executor(
        Executor(executorid=identity.id, executortype=kind, executorname=kind, capabilities=capabilities)
    )
    assert (added.state, added.colonyname) == (ExecutorState.PENDING, "dev")
    executor = members.user.using(identity)
    with pytest.raises(AccessDenied):
        await executor.assign(timeout=-1)
    await members.colony_owner.approve_executor(kind)
    assert await executor.assign(timeout=-1) is None
    seen = await members.user.get_executor(kind)
    assert seen.state == ExecutorState.APPROVED
    assert seen.capabilities.hardware == capabilities.hardware
    assert (await members.user.get_executor_by_id(identity.id)).executorname == kind
    await members.colony_owner.reject_executor(kind)
    with pytest.raises(AccessDenied):
        await executor.assign(timeout=-1)
    await members.colony_owner.remove_executor(kind)
    states = {found.executorname: found.state for found in await members.user.get_executors()}
    assert states[kind] == ExecutorState.UNREGISTERED


async def test_functions(members: Members, kind: str) -> None:
    executor = await members.executor(kind)
    (name,) = [
        found.executorname for found in await members.user.get_executors() if found.executortype == kind
    ]
    added = await executor.add_function(Function(executorname=name, funcname="f", description="Does it."))
    assert await members.user.get_functions(name) == [added]
    assert added in await members.user.get_functions()
    await executor.remove_function(added.functionid)
    assert await members.user.get_functions(name) == []


async def test_a_process_from_submit_to_success(members: Members, kind: str) -> None:
    executor = await members.executor(kind)
    submitted = await members.user.submit(
        function_spec(
            "f",
            args=[1, "a", None, {"k": [2.5]}],
            kwargs={"x": 2**60},
            executortype=kind,
            label="L",
            env={"A": "b"},
            priority=3,
        )
    )
    assert (submitted.state, submitted.spec.conditions.colonyname) == (ProcessState.WAITING, "dev")
    assigned = await taken(executor)
    assert assigned.processid == submitted.processid
    assert list(assigned.spec.args) == [1, "a", None, {"k": [2.5]}]
    assert assigned.spec.kwargs == {"x": 2**60}
    await executor.add_log(assigned.processid, "half of it")
    attribute = await executor.add_attribute(assigned.processid, "loss", "0.1")
    assert attribute.attributetype == AttributeType.OUT
    assert await members.user.get_attribute(attribute.attributeid) == attribute
    await executor.set_output(assigned.processid, ["early"])
    await executor.close(assigned.processid, ["late", 2])
    closed = await members.user.wait(assigned.processid, timeout=30)
    assert (closed.state, list(closed.output)) == (ProcessState.SUCCESS, ["late", 2])
    assert {found.key for found in closed.attributes} == {"A", "loss"}
    lines = await members.user.get_logs(assigned.processid)
    assert [line.message for line in lines] == ["half of it"]
    assert await members.user.get_executor_logs(lines[0].executorname, latest=True) == lines
    assert lines[0] in await members.user.search_logs("half of it", days=1, count=100)
    assert await members.user.get_logs(assigned.processid, since=lines[0].timestamp) == []
    found = await members.user.get_processes(ProcessState.SUCCESS, executortype=kind, label="L")
    assert [process.processid for process in found] == [assigned.processid]
    history = await members.user.get_process_history(ProcessState.SUCCESS, seconds=600)
    assert assigned.processid in [process.processid for process in history]
    await members.user.remove_process(assigned.processid)
    with pytest.raises(NotFound):
        await members.user.get_process(assigned.processid)


async def test_failing_and_cancelling(members: Members, kind: str) -> None:
    executor = await members.executor(kind)
    for _ in range(2):
        await members.user.submit(function_spec("f", executortype=kind))
    failed, cancelled = await taken(executor), await taken(executor)
    await executor.fail(failed.processid, ["a reason", "another"])
    seen = await members.user.wait(failed.processid)
    assert (seen.state, list(seen.errors)) == (ProcessState.FAILED, ["a reason", "another"])
    with pytest.raises(ServerRefused, match="Tried to set failed process as successful"):
        await executor.close(failed.processid)
    await members.user.cancel(cancelled.processid)
    assert (await members.user.wait(cancelled.processid)).state == ProcessState.CANCELLED


async def test_an_assign_waits_for_a_process(members: Members, kind: str) -> None:
    executor = await members.executor(kind)
    waiting = asyncio.create_task(executor.assign(timeout=60))
    submitted = await members.user.submit(function_spec("f", executortype=kind))
    assigned = await waiting
    assert assigned is not None
    assert assigned.processid == submitted.processid
    assert await executor.assign(timeout=-1) is None


async def test_waiting_for_something_that_does_not_end(members: Members, kind: str) -> None:
    process = await members.user.submit(function_spec("f", executortype=kind))
    with pytest.raises(WaitTimedOut, match=process.processid):
        await members.user.wait(process.processid, timeout=0.1)


async def test_paused_assignments(members: Members, kind: str) -> None:
    owner = Identity.generate()
    await members.server_owner.add_colony(kind, owner.id)
    elsewhere = members.user.using(owner, colony=kind)
    identity = Identity.generate()
    await elsewhere.add_executor(Executor(executorid=identity.id, executortype="t", executorname="e"))
    await elsewhere.approve_executor("e")
    executor = elsewhere.using(identity)
    await elsewhere.pause_assignments()
    assert await executor.are_assignments_paused()
    with pytest.raises(NotReady, match="paused"):
        await executor.assign(timeout=-1)
    assert await executor.assign(timeout=1) is None
    await elsewhere.resume_assignments()
    assert not await executor.are_assignments_paused()
    assert await executor.assign(timeout=-1) is None


async def test_a_repeated_command_has_one_effect(members: Members, kind: str) -> None:
    executor = await members.executor(kind)
    message = SubmitFunctionSpec(
        spec=(await members.user.submit(function_spec("f", executortype=kind))).spec, nonce="once"
    )
    first, second = await members.user.call(message), await members.user.call(message)
    assert first.processid == second.processid
    waiting = await members.user.get_processes(ProcessState.WAITING, executortype=kind)
    assert len(waiting) == 2
    assign = AssignProcess(colonyname="dev", timeout=30, nonce="again")
    taken_once, taken_again = await executor.call(assign), await executor.call(assign)
    assert taken_once.processid == taken_again.processid
    line = AddLog(processid=taken_once.processid, message="once", nonce="line")
    await executor.call(line)
    await executor.call(line)
    assert len(await members.user.get_logs(taken_once.processid)) == 1


async def test_removing_everything_needs_the_owner(members: Members, kind: str) -> None:
    owner, user = Identity.generate(), Identity.generate()
    await members.server_owner.add_colony(kind, owner.id)
    mine, hers = members.user.using(owner, colony=kind), members.user.using(user, colony=kind)
    await mine.add_user("ann", user.id)
    for _ in range(3):
        await hers.submit(function_spec("f", executortype="t"))
    await hers.submit_workflow([function_spec("f", nodename="n", executortype="t")])
    with pytest.raises(AccessDenied):
        await hers.remove_all_processes(ProcessState.NOTSET)
    await mine.remove_all_processes(ProcessState.NOTSET)
    assert len(await hers.get_processes(ProcessState.WAITING)) == 1
    await mine.remove_all_workflows(ProcessState.WAITING)
    assert await hers.get_workflows(ProcessState.WAITING) == []
    assert (await hers.get_colony_statistics()).waitingprocesses == 0


async def test_the_server_owner_counts_everything(members: Members) -> None:
    counts = await members.server_owner.get_statistics()
    assert counts.colonies >= 1
    with pytest.raises(AccessDenied):
        await members.user.get_statistics()


async def test_a_workflow_grows_while_it_runs(members: Members, kind: str) -> None:
    executor = await members.executor(kind)
    graph = await members.user.submit_workflow(
        [
            function_spec("map", nodename="map", executortype=kind),
            dependent(function_spec("reduce", nodename="reduce", executortype=kind), "map"),
        ]
    )
    parent = await taken(executor)
    inserted = await executor.add_child(
        parent, function_spec("worker", nodename="w", executortype=kind), insert=True
    )
    assert list(inserted.parents) == [parent.processid]
    await executor.close(parent.processid, [7])
    for name, inputs in (("worker", [7]), ("reduce", [8])):
        process = await taken(executor)
        assert (process.spec.funcname, list(process.input)) == (name, inputs)
        await executor.close(process.processid, [8])
    ended = await members.user.wait_for_workflow(graph.processgraphid, timeout=30)
    assert ended.state == ProcessState.SUCCESS
    assert len(ended.nodes) == len(ended.processids) == 3


def dependent(spec: FunctionSpec, *names: str) -> FunctionSpec:
    spec.conditions.dependencies = list(names)
    return spec


async def run_everything(executor: Client, count: int) -> None:
    """Run `count` processes: each closes with the sum of its inputs and arguments."""
    for _ in range(count):
        process = await taken(executor)
        await executor.close(process.processid, [sum(process.input) + sum(process.spec.args)])


async def test_a_drawn_workflow(members: Members, kind: str) -> None:
    executor = await members.executor(kind)
    workflow = Workflow(members.user)
    first = workflow.call("first", args=[1], executortype=kind)
    left, right = Task("side", args=[10], executortype=kind), Task("side", args=[20], executortype=kind)
    last = Task("last", executortype=kind)
    workflow >> first >> [left, right] >> last
    run = await workflow.execute()
    assert run.state is ProcessState.WAITING
    with pytest.raises(KeyError):
        _ = run[first]
    running = asyncio.create_task(run_everything(executor, 4))
    assert await run is run
    await running
    assert run.succeeded
    assert list(run.processes) == ["first", "side", "side-2", "last"]
    assert list(run[left].output) == [11]
    assert list(run["side-2"].output) == [21]
    assert list(run[last].input) == [11, 21]
    assert list(run[last].output) == [32]
    assert run.errors == {}


async def test_a_workflow_that_fails_says_where(members: Members, kind: str) -> None:
    executor = await members.executor(kind)
    workflow = Workflow()
    first = workflow.call("first", executortype=kind)
    first >> Task("second", executortype=kind)
    run = await workflow.execute(members.user)
    process = await taken(executor)
    await executor.fail(process.processid, ["no luck"])
    await run.wait(timeout=30)
    assert run.state is ProcessState.FAILED
    assert not run.succeeded
    assert list(run.errors["first"]) == ["no luck"]


async def test_a_workflow_can_be_cancelled(members: Members, kind: str) -> None:
    workflow = Workflow(members.user)
    workflow.call("never", executortype=kind)
    run = await workflow.execute()
    with pytest.raises(WaitTimedOut, match=run.processgraphid):
        await run.wait(timeout=0.1)
    await run.cancel()
    assert run.state is ProcessState.CANCELLED
    assert run["never"].state == ProcessState.CANCELLED
    assert run.processgraphid in [
        graph.processgraphid for graph in await members.user.get_workflows(run.state)
    ]
    await members.user.remove_workflow(run.processgraphid)
    with pytest.raises(ColonyError):
        await run.refresh()


async def test_the_server_refuses_what_the_drawing_cannot_know(members: Members, kind: str) -> None:
    with pytest.raises((InvalidRequest, ServerRefused), match="priority outside range"):
        await members.user.submit(function_spec("f", executortype=kind, priority=60_000))


async def test_the_sync_client(members: Members, kind: str) -> None:
    executor = await members.executor(kind)
    identity = members.user.identity

    def calls() -> int:
        with SyncClient(members.server.url, identity, colony="dev") as client:
            workflow = SyncWorkflow(client)
            first = workflow.call("f", args=[3], executortype=kind)
            second = first >> Task("f", args=[4], executortype=kind)
            run = workflow.execute().wait(timeout=60)
            assert run.succeeded
            (output,) = run[second].output
            assert client.wait(run[first].processid, timeout=30) == client.get_process(run[first].processid)
            return int(output)

    running = asyncio.create_task(run_everything(executor, 2))
    assert await asyncio.to_thread(calls) == 7
    await running
