"""Submitting, reading, removing and cancelling processes (processes.md sections 1, 2 and 7)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    SECOND,
    ZERO_TIME,
    AddAttribute,
    AssignProcess,
    Attribute,
    CancelProcess,
    Conditions,
    Empty,
    FunctionSpec,
    GetAttribute,
    GetColony,
    GetLogs,
    GetProcess,
    GetProcesses,
    GetProcessHistory,
    Message,
    Process,
    RemoveAllProcesses,
    RemoveProcess,
    SubmitFunctionSpec,
    encode,
    instant,
)

from projections.event import Change, ProcessChanged
from tests.projections.invariants import check
from tests.projections.world import World, identity


def changes(world: World) -> list[Change]:
    """What the last event did to processes."""
    return [fact.change for fact in world.outcome.facts if isinstance(fact, ProcessChanged)]


SUBMITTED_SPEC = {
    "nodename": "",
    "funcname": "echo",
    "args": ["hi"],
    "kwargs": {},
    "priority": 0,
    "maxwaittime": 60,
    "maxexectime": 10,
    "maxretries": 3,
    "conditions": {
        "colonyname": "dev",
        "executornames": None,
        "executortype": "cli",
        "locationname": "lab",
        "dependencies": [],
        "nodes": 0,
        "cpu": "0m",
        "processes": 0,
        "processespernode": 0,
        "mem": "0Mi",
        "storage": "0Mi",
        "gpu": {"name": "", "mem": "0Mi", "count": 0, "nodecount": 0},
        "walltime": 0,
    },
    "label": "x",
    "fs": {"mount": "", "snapshots": None, "dirs": None},
    "env": {"K": "V"},
    "channels": ["chat"],
}


def test_a_submitted_process_as_json(world: World) -> None:
    """The example of processes.md section 2."""
    world.now = 1_770_819_923_123_456_789
    conditions = Conditions("dev", executortype="cli", locationname="lab")
    spec = FunctionSpec(
        "", "echo", ["hi"], {}, 0, 60, 10, 3, conditions, env={"K": "V"}, label="x", channels=["chat"]
    )
    reply = world.reply(world.user, SubmitFunctionSpec(spec=spec))
    got = msgspec.json.decode(encode(reply))
    processid = got["processid"]
    attribute = got["attributes"][0]
    assert got == {
        "processid": processid,
        "initiatorid": world.user.id,
        "initiatorname": "alice",
        "assignedexecutorid": "",
        "isassigned": False,
        "state": 0,
        "prioritytime": 1_770_819_923_123_456_789,
        "submissiontime": "2026-02-11T14:25:23.123456Z",
        "starttime": "0001-01-01T00:00:00Z",
        "endtime": "0001-01-01T00:00:00Z",
        "waitdeadline": "2026-02-11T14:26:23.123456Z",
        "execdeadline": "0001-01-01T00:00:00Z",
        "retries": 0,
        "attributes": [
            {
                "attributeid": attribute["attributeid"],
                "targetid": processid,
                "targetcolonyname": "dev",
                "targetprocessgraphid": "",
                "state": 0,
                "attributetype": 3,
                "key": "K",
                "value": "V",
            }
        ],
        "spec": SUBMITTED_SPEC,
        "waitforparents": False,
        "parents": [],
        "children": [],
        "processgraphid": "",
        "in": [],
        "out": [],
        "errors": [],
    }
    assert encode(world.reply(world.user, GetProcess(processid=processid))) == encode(reply)
    assert changes(world) == [Change.SUBMITTED, Change.READY]


def test_an_executor_submits_under_its_name(world: World, edge: Identity) -> None:
    spec = FunctionSpec(conditions=Conditions("dev", executortype="edge"))
    process = world.call(edge, SubmitFunctionSpec(spec=spec))
    assert (process.initiatorid, process.initiatorname) == (edge.id, "edge1")


@pytest.mark.parametrize("maxwaittime", [-5, -1, 0])
def test_no_wait_limit(world: World, maxwaittime: int) -> None:
    process = world.submit(maxwaittime=maxwaittime)
    assert (process.waitdeadline, process.spec.maxwaittime) == (ZERO_TIME, maxwaittime)
    world.tick(10**9)
    assert world.get(process).state == 0


def test_priority_time(world: World) -> None:
    """The test vector of queue.md section 3."""
    world.state.clock = 0
    world.now = 1_629_030_645_000_000_100
    assert world.submit(priority=2).prioritytime == 1_628_857_845_000_000_100


@pytest.mark.parametrize(
    ("spec", "status", "text"),
    [
        (None, 400, "Failed to submit process spec, msg.FunctionSpec is nil"),
        (FunctionSpec(), 403, "Colony with name <> does not exists"),
        (
            FunctionSpec(conditions=Conditions("dev"), priority=50_001),
            400,
            "Failed to submit function spec, priority outside range [-50000, 50000]",
        ),
        (
            FunctionSpec(conditions=Conditions("dev"), priority=-50_001),
            400,
            "Failed to submit function spec, priority outside range [-50000, 50000]",
        ),
        (FunctionSpec(conditions=Conditions("dev", cpu="m")), 400, "Error converting CPU to int"),
        (FunctionSpec(conditions=Conditions("dev", mem="1")), 400, "error converting memory to int"),
        (FunctionSpec(conditions=Conditions("dev", storage="1")), 400, "error converting memory to int"),
    ],
)
def test_a_spec_that_is_refused(world: World, spec: FunctionSpec | None, status: int, text: str) -> None:
    got = world.refused(world.user, SubmitFunctionSpec(spec=spec))
    assert got[0] == status
    assert got[1].startswith(text)


@pytest.mark.parametrize("priority", [-50_000, 50_000])
def test_the_priorities_at_the_ends(world: World, priority: int) -> None:
    process = world.submit(priority=priority)
    assert process.prioritytime == world.now - priority * 86_400 * SECOND
    assert -(2**63) <= process.prioritytime < 2**63


def test_nothing_else_is_validated(world: World) -> None:
    conditions = Conditions("dev", ["nobody"], "no type", "nowhere", ["no node"], nodes=-1, walltime=-(2**63))
    process = world.submit("", conditions=conditions, maxretries=-(2**31), maxexectime=2**31 - 1)
    assert process.spec.conditions.dependencies == ["no node"]
    assert not process.waitforparents


# -- lists ------------------------------------------------------------------------------------------------


def submit_many(world: World) -> list[Process]:
    """Five processes: by priority the third is first, the fifth second."""
    kinds = [("edge", ""), ("gpu", "x"), ("edge", "x"), ("gpu", ""), ("edge", "y")]
    priorities = [0, 0, 2, 0, 1]
    made = []
    for (kind, label), priority in zip(kinds, priorities, strict=True):
        made.append(world.submit(executortype=kind, label=label, priority=priority))
        world.advance(1)
    return made


def ids(processes: list[Process], *order: int) -> list[str]:
    return [processes[each].processid for each in order]


def test_waiting_processes_are_listed_in_the_order_of_the_queue(world: World) -> None:
    made = submit_many(world)
    assert world.listed(0) == ids(made, 2, 4, 0, 1, 3)
    assert world.call(world.user, GetProcesses(colonyname="dev")) == []
    first = world.call(world.user, GetProcesses(colonyname="dev", count=2))
    assert [process.processid for process in first] == ids(made, 2, 4)
    assert first[0] == made[2]


def test_running_ones_by_start_and_finished_ones_by_end(
    world: World, edge: Identity, other: Identity
) -> None:
    made = submit_many(world)
    held = []
    for who in (edge, other, edge):
        held.append(world.assign(who))
        world.advance(1)
    assert world.listed(1) == ids(made, 2, 4, 0)
    world.close(other, held[1])
    world.advance(1)
    world.close(edge, held[2])
    world.close(edge, held[0])
    assert world.listed(1) == []
    assert world.listed(2) == ids(made, 2, 0, 4)


def test_a_process_that_is_given_out_again_is_listed_by_its_new_start(
    world: World, edge: Identity, other: Identity
) -> None:
    first, second = world.submit(maxexectime=2, maxretries=9), world.submit()
    world.assign(edge)
    world.advance(1)
    world.assign(other)
    world.tick(1)
    assert world.listed(1) == [second.processid]
    world.assign(edge)
    assert world.listed(1) == [second.processid, first.processid]


@pytest.mark.parametrize(
    ("filters", "order"),
    [
        ({"executortype": "edge"}, (2, 4, 0)),
        ({"executortype": "none"}, ()),
        ({"label": "x"}, (2, 1)),
        ({"executortype": "gpu", "label": "x"}, (1,)),
        ({"executortype": "edge", "label": "y", "initiator": "alice"}, (4,)),
        ({"initiator": "alice"}, (2, 4, 0, 1, 3)),
        ({"initiator": "edge1"}, ()),
    ],
)
@pytest.mark.usefixtures("edge")
def test_all_filters_count(world: World, filters: dict[str, str], order: tuple[int, ...]) -> None:
    made = submit_many(world)
    assert world.listed(0, **filters) == ids(made, *order)


def test_what_an_executor_submitted_is_found_by_its_name(world: World, edge: Identity) -> None:
    spec = FunctionSpec(conditions=Conditions("dev"))
    process = world.call(edge, SubmitFunctionSpec(spec=spec))
    world.submit()
    assert world.listed(0, initiator="edge1") == [process.processid]


@pytest.mark.parametrize(
    ("message", "status", "text"),
    [
        (GetProcesses(colonyname="nowhere", count=101), 403, "Colony with name <nowhere> does not exists"),
        (GetProcesses(colonyname="dev", count=101), 400, "Count is larger than MaxCount limit <100>"),
        (GetProcesses(colonyname="dev", count=1, initiator="bob"), 400, "User <bob> does not exist"),
        (GetProcesses(colonyname="dev", count=1, state=5), 400, "Failed to get processes, invalid msg.State"),
        (
            GetProcesses(colonyname="dev", count=1, state=-1),
            400,
            "Failed to get processes, invalid msg.State",
        ),
        (GetProcesses(colonyname="dev", count=-1), 400, "Failed to get processes, "),
        (
            GetProcesses(colonyname="dev", count=1, state=5, processgraphid="x"),
            400,
            "Failed to get processes, ",
        ),
    ],
)
def test_lists_that_are_refused(world: World, message: Message[Any], status: int, text: str) -> None:
    got = world.refused(world.user, message)
    assert got[0] == status
    assert got[1].startswith(text)


def test_the_processes_of_a_workflow(world: World, edge: Identity) -> None:
    graph = world.workflow({"a": [], "b": ["a"], "c": ["a"]})
    world.workflow({"z": []})
    a, b, c = graph.processids
    world.close(edge, world.assign(edge))

    def of_graph(state: int, count: int = 100, **filters: str) -> list[str]:
        asked = GetProcesses(
            colonyname="dev", count=count, state=state, processgraphid=graph.processgraphid, **filters
        )
        return [process.processid for process in world.call(world.user, asked)]

    assert sorted(of_graph(-1)) == sorted([a, b, c])
    assert len(of_graph(-1, 2)) == 2
    assert of_graph(-1, 0) == []
    assert (of_graph(2), of_graph(0), of_graph(3)) == ([a], [b, c], [])
    asked = GetProcesses(colonyname="dev", count=9, state=-1, processgraphid="unknown")
    assert world.call(world.user, asked) == []


def test_filters_count_for_the_processes_of_a_workflow_too(world: World) -> None:
    """All given filters apply (processes.md section 12, P13)."""
    graph = world.workflow({"a": []}, label="x")
    for label, found in (("x", 1), ("y", 0)):
        asked = GetProcesses(
            colonyname="dev", count=9, state=-1, processgraphid=graph.processgraphid, label=label
        )
        assert len(world.call(world.user, asked)) == found


def test_history_covers_the_last_seconds(world: World, edge: Identity) -> None:
    old = [world.submit() for _ in range(10)]
    world.advance(5)
    new = world.submit()

    def history(seconds: int, state: int = 0, executorid: str = "") -> list[str]:
        asked = GetProcessHistory(colonyname="dev", seconds=seconds, state=state, executorid=executorid)
        return [process.processid for process in world.call(world.user, asked)]

    assert history(2) == [new.processid]
    assert history(60) == [process.processid for process in [*old, new]]
    assert history(-1) == history(60, -1) == history(60, 9) == []
    world.assign(edge)
    assert history(60, 1) == history(60, 1, edge.id) == [old[0].processid]
    assert history(60, 1, world.user.id) == []
    assert len(history(60)) == 10
    world.advance(58)
    assert history(60) == [new.processid], "they grow old while nothing is written to the log"


# -- removing and cancelling ------------------------------------------------------------------------------


def test_a_removed_process_is_gone_with_what_belongs_to_it(world: World, edge: Identity) -> None:
    process = world.submit(env={"A": "1"}, maxwaittime=10)
    assert world.call(world.user, RemoveProcess(processid=process.processid)) == Empty()
    assert changes(world) == [Change.REMOVED]
    gone = world.refused(world.user, GetProcess(processid=process.processid))
    assert gone == (404, "Failed to get process, process not found")
    attribute = GetAttribute(attributeid=process.attributes[0].attributeid)
    assert world.refused(world.user, attribute) == (400, "Attribute does not exists")
    assert world.refused(world.user, GetLogs(processid=process.processid, count=1))[0] == 500
    assert world.nothing_for(edge)
    world.tick(20)
    assert world.statistics().failedprocesses == 0
    check(world.state)


def test_finished_processes_are_removed_and_running_ones_not(world: World, edge: Identity) -> None:
    world.submit()
    process = world.assign(edge)
    asked = RemoveProcess(processid=process.processid)
    refusal = (400, "Failed to remove process, cannot remove a running process")
    assert world.refused(world.user, asked) == refusal
    world.close(edge, process)
    assert world.call(edge, asked) == Empty()
    assert world.listed(2) == []


def test_members_of_a_workflow_are_not_removed_or_cancelled_alone(world: World) -> None:
    graph = world.workflow({"a": []})
    part = "process part of a workflow"
    removing = world.refused(world.user, RemoveProcess(processid=graph.processids[0]))
    assert removing == (400, f"Failed to remove, cannot remove a {part}, delete the entire workflow instead")
    cancelling = world.refused(world.user, CancelProcess(processid=graph.processids[0]))
    assert cancelling == (
        400,
        f"Failed to cancel, cannot cancel a {part}, cancel the entire workflow instead",
    )


def in_every_state(world: World, edge: Identity) -> list[str]:
    """Single processes in the states 0 to 4."""
    for end in (world.close, world.fail):
        world.submit()
        end(edge, world.assign(edge))
    cancelled = world.submit()
    world.call(world.user, CancelProcess(processid=cancelled.processid))
    world.submit()
    world.assign(edge)
    world.submit()
    return [world.listed(state)[0] for state in range(5)]


@pytest.mark.parametrize(
    ("state", "left"), [(0, (1, 2, 3, 4)), (2, (0, 1, 3, 4)), (3, (0, 1, 2, 4)), (4, (0, 1, 2, 3)), (-1, ())]
)
def test_all_in_a_state_are_removed(world: World, edge: Identity, state: int, left: tuple[int, ...]) -> None:
    world.colony("other")
    elsewhere = world.submit(colony="other")
    made = in_every_state(world, edge)
    graph = world.workflow({"a": [], "b": ["a"]}, env={"A": "1"})
    before = world.members(graph)
    assert world.call(world.owner, RemoveAllProcesses(colonyname="dev", state=state)) == Empty()
    kept = [each for state in range(5) for each in world.listed(state) if each in made]
    assert kept == [made[each] for each in left]
    assert world.members(graph) == before
    assert world.get(elsewhere) == elsewhere
    check(world.state)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (1, "Not possible to remove running processes"),
        (5, "Invalid state when deleting all processes"),
        (-2, "Invalid state when deleting all processes"),
    ],
)
def test_removals_that_are_refused(world: World, edge: Identity, state: int, text: str) -> None:
    in_every_state(world, edge)
    assert world.refused(world.owner, RemoveAllProcesses(colonyname="dev", state=state)) == (400, text)


@pytest.mark.parametrize("running", [False, True])
def test_cancelling(world: World, edge: Identity, running: bool) -> None:
    process = world.submit(maxexectime=9, maxwaittime=9, env={"A": "1"})
    if running:
        process = world.assign(edge)
    world.advance(3)
    assert world.call(world.user, CancelProcess(processid=process.processid)) == Empty()
    process.state, process.endtime = 4, instant(world.now)
    process.attributes[0].state = 4
    assert world.get(process) == process
    assert changes(world) == [Change.CLOSED]
    assert world.nothing_for(edge)
    world.tick(100)
    assert world.get(process) == process


def test_what_has_ended_is_not_cancelled(world: World, edge: Identity) -> None:
    made = in_every_state(world, edge)
    for state, text in (
        (2, "Tried to cancel successful process"),
        (3, "Tried to cancel failed process"),
        (4, "Tried to cancel already cancelled process"),
    ):
        assert world.refused(world.user, CancelProcess(processid=made[state])) == (400, text)


def test_any_member_removes_and_cancels(world: World, edge: Identity) -> None:
    world.call(edge, CancelProcess(processid=world.submit().processid))
    world.call(edge, RemoveProcess(processid=world.submit().processid))
    assert world.statistics().waitingprocesses == 0


def test_members_of_another_colony_do_neither(world: World) -> None:
    world.colony("other")
    theirs = world.executor("theirs", colony="other")
    process = world.submit()
    for message in (CancelProcess(processid=process.processid), RemoveProcess(processid=process.processid)):
        assert world.refused(theirs, message)[0] == 500
    assert world.refused(theirs, AssignProcess(colonyname="dev", timeout=-1))[0] == 403
    assert world.refused(theirs, GetColony(colonyname="dev"))[0] == 403
    attribute = AddAttribute(attribute=Attribute(targetid=process.processid, key="k"))
    assert world.refused(identity("theirs"), attribute)[0] == 404
