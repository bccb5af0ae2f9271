"""A server that is stopped and started again is the same server."""

from __future__ import annotations

from typing import Any

import httpx
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddAttribute,
    AddExecutor,
    AddFunction,
    AddLog,
    Attribute,
    CancelProcess,
    ChangeServerId,
    Conditions,
    Executor,
    Function,
    FunctionSpec,
    GetColonies,
    GetColony,
    GetColonyStatistics,
    GetExecutors,
    GetFunctions,
    GetLogs,
    GetPauseStatus,
    GetProcesses,
    GetProcessGraph,
    GetProcessGraphs,
    GetStatistics,
    GetUsers,
    Message,
    PauseAssignments,
    Process,
    SubmitWorkflow,
    WorkflowSpec,
    signed,
)

from projections.digest import state_digest
from projections.state import State
from services.ledger import open_ledger
from services.node.dev import SERVER_OWNER
from tests.conftest import StartServer
from tests.ledgers import stored
from tests.projections.world import refold
from tests.servers import Server
from tests.services.site import Site, Worker


async def folded(server: Server) -> list[State]:
    """The states that a server's ledger comes to, one a partition."""
    ledger = await open_ledger(server.ledger, read_only=True)
    try:
        return [refold(events) for events in await stored(ledger)]
    finally:
        await ledger.close()


async def live(site: Site) -> tuple[Process, list[Worker]]:
    """Something of everything that a colony can hold."""
    worker, other = await site.executor(), await site.executor("other", location="here")
    new = Executor(Identity.generate().id, "edge", "pending", site.name)
    await site.call(site.owner, AddExecutor(executor=new))
    await site.call(
        worker.identity,
        AddFunction(fun=Function(executorname=worker.name, colonyname=site.name, funcname="echo")),
    )
    nodes = [
        FunctionSpec(
            nodename=name,
            funcname=name,
            conditions=Conditions(executortype="edge", dependencies=list(parents)),
        )
        for name, parents in (("a", ""), ("b", "a"))
    ]
    await site.call(site.user, SubmitWorkflow(spec=WorkflowSpec(site.name, nodes)))
    done = await site.assign(worker)
    attribute = Attribute(targetid=done.processid, key="colour", value="green")
    await site.call(worker.identity, AddAttribute(attribute=attribute))
    await site.call(worker.identity, AddLog(processid=done.processid, message="half-way"))
    await site.close(worker, done, 1, "two", None)
    running = await site.submit("other", args=[1, 2.5, {"deep": [None]}], maxexectime=3600)
    await site.assign(other)
    cancelled = await site.submit()
    await site.call(site.user, CancelProcess(processid=cancelled.processid))
    await site.submit(priority=3, maxwaittime=3600)
    await site.call(site.owner, PauseAssignments(colonyname=site.name))
    return running, [worker, other]


async def seen(site: Site) -> list[Any]:
    """Every answer that people can get."""
    name = site.name
    asked: list[tuple[Identity, Message[Any]]] = [
        (SERVER_OWNER, GetColonies()),
        (SERVER_OWNER, GetStatistics()),
        (site.user, GetColony(colonyname=name)),
        (site.user, GetColonyStatistics(colonyname=name)),
        (site.user, GetUsers(colonyname=name)),
        (site.user, GetExecutors(colonyname=name)),
        (site.user, GetFunctions(colonyname=name)),
        (site.user, GetPauseStatus(colonyname=name)),
        *((site.user, GetProcesses(colonyname=name, count=100, state=state)) for state in range(5)),
        *((site.user, GetProcessGraphs(colonyname=name, count=100, state=state)) for state in range(5)),
    ]
    answers = [await site.call(who, message) for who, message in asked]
    within: list[Message[Any]] = []
    for state in range(5):
        graphs = await site.call(site.user, GetProcessGraphs(colonyname=name, count=100, state=state))
        within += [GetProcessGraph(processgraphid=graph.processgraphid) for graph in graphs]
        processes = await site.call(site.user, GetProcesses(colonyname=name, count=100, state=state))
        within += [GetLogs(colonyname=name, processid=each.processid, count=100) for each in processes]
    return answers + [await site.call(site.user, message) for message in within]


async def test_everything_is_there_after_a_restart(start_server: StartServer) -> None:
    server = start_server("--dev")
    async with Site(server) as site:
        running, (_, other) = await live(site)
        before = await seen(site)
        assert server.stop() == 0
        digests = list(map(state_digest, await folded(server)))
        server.start()
        site.http.base_url = httpx.URL(server.url)
        assert await seen(site) == before
        assert server.stop() == 0
        assert list(map(state_digest, await folded(server))) == digests, "a start and a stop left a trace"
        server.start()
        site.http.base_url = httpx.URL(server.url)
        await site.close(other, running, "afterwards")
        assert (await site.get(running)).output == ["afterwards"]


async def test_a_changed_server_owner_stays(start_server: StartServer) -> None:
    """The environment names the owner once, when the ledger is made (identity.md section 4)."""
    first, second = Identity.generate(), Identity.generate()
    server = start_server("--host", "127.0.0.1", COLONIES_SERVER_ID=first.id)
    async with httpx.AsyncClient(base_url=server.url) as http:

        async def may(who: Identity) -> bool:
            return (await http.post("/api", content=signed(GetColonies(), who))).status_code == 200

        assert await may(first)
        handed = signed(ChangeServerId(serverid=second.id), first)
        assert (await http.post("/api", content=handed)).status_code == 200
        assert [await may(first), await may(second)] == [False, True]
        server.stop()
        server.start()
        http.base_url = httpx.URL(server.url)
        assert [await may(first), await may(second)] == [False, True]


async def test_whether_executors_may_register_again_is_a_setting_in_the_ledger(
    start_server: StartServer,
) -> None:
    server = start_server("--dev")

    async def again(site: Site, worker: Worker) -> int:
        executor = Executor(Identity.generate().id, "edge", worker.name, site.name)
        return (await site.post(signed(AddExecutor(executor=executor), site.owner))).status_code

    async with Site(server) as site:
        worker = await site.executor()
        assert await again(site, worker) == 200
        server.stop()
        before = await folded(server)
        server.variables["COLONIES_ALLOW_EXECUTOR_REREGISTER"] = "false"
        server.flags = ("--host", "127.0.0.1")
        server.start()
        site.http.base_url = httpx.URL(server.url)
        assert await again(site, worker) == 400
        server.stop()
        after = await folded(server)
        assert [state.settings.reregister for state in after] == [False] * len(after)
        appended = sum(state.next_offset for state in after) - sum(state.next_offset for state in before)
        assert appended == len(after) + 1, "one in each partition for the setting, one for the attempt"
