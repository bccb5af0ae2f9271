"""Workflows: submitting, reading, cancelling and removing (workflows.md sections 2, 5 and 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    CancelProcessGraph,
    CloseSuccessful,
    Conditions,
    Empty,
    FunctionSpec,
    GetProcess,
    GetProcessGraph,
    GetProcessGraphs,
    Message,
    Process,
    ProcessGraph,
    RemoveAllProcessGraphs,
    RemoveProcessGraph,
    SubmitWorkflow,
    WorkflowSpec,
    instant,
)

from projections.event import Change, ProcessChanged
from tests.projections.invariants import check
from tests.projections.world import World, node

SQUARES = {
    "gen_nums": [],
    "square_a": ["gen_nums"],
    "square_b": ["gen_nums"],
    "sum": ["square_a", "square_b"],
}
DIAMOND = {"task1": [], "task2": ["task1"], "task3": ["task1"], "task4": ["task2", "task3"]}


def listed(world: World, state: int, count: int = 100) -> list[str]:
    asked = GetProcessGraphs(colonyname="dev", count=count, state=state)
    return [graph.processgraphid for graph in world.call(world.user, asked)]


# -- submitting --------------------------------------------------------------------------------------------

MISSING = "Nodename is missing, check function spec for errors"
UNKNOWN = (
    "Failed to submit workflow, invalid dependencies, are you depending on a nodename that does not exits?"
)


def bad(**conditions: Any) -> FunctionSpec:
    return FunctionSpec(nodename="z", conditions=Conditions(**conditions))


@pytest.mark.parametrize(
    ("spec", "status", "text"),
    [
        (None, 400, "Failed to submit workflow, msg.WorkflowSpec is nil"),
        (WorkflowSpec(), 403, "Colony with name <> does not exists"),
        (WorkflowSpec("nowhere"), 403, "Colony with name <nowhere> does not exists"),
        (WorkflowSpec("dev"), 500, "Failed to submit workflow"),
        (WorkflowSpec("dev", [node("a"), node("")]), 500, MISSING),
        (WorkflowSpec("dev", [node("a"), node("b"), node("a")]), 500, "Duplicate nodename: a"),
        (WorkflowSpec("dev", [node("a"), node("a"), node("")]), 500, "Duplicate nodename: a"),
        (WorkflowSpec("dev", [node(""), node("a"), node("a")]), 500, MISSING),
        (WorkflowSpec("dev", [node("a"), node("b", ["c"])]), 500, UNKNOWN),
        (
            WorkflowSpec("dev", [node("a"), bad(cpu="m")]),
            500,
            "Failed to submit workflow, failed to add process",
        ),
        (
            WorkflowSpec("dev", [node("a"), bad(mem="1")]),
            500,
            "Failed to submit workflow, failed to add process",
        ),
        (
            WorkflowSpec("dev", [node("a"), node("b", priority=50_001)]),
            500,
            "Failed to submit workflow, failed to add process",
        ),
    ],
)
def test_a_refused_workflow_leaves_nothing(
    world: World, spec: WorkflowSpec | None, status: int, text: str
) -> None:
    got = world.refused(world.user, SubmitWorkflow(spec=spec))
    assert got[0] == status
    assert got[1].startswith(text)
    assert world.statistics().waitingprocesses == world.statistics().waitingworkflows == 0
    check(world.state)


def test_what_a_member_of_a_workflow_looks_like(world: World) -> None:
    specs = [node("a"), node("b", ["a"], maxexectime=7), node("c", ["b", "a"], env={"A": "1"})]
    specs[1].conditions.colonyname = "elsewhere"
    graph = world.call(world.user, SubmitWorkflow(spec=WorkflowSpec("dev", specs)))
    a, b, c = (world.get(each) for each in graph.processids)
    assert (a.parents, b.parents, c.parents) == ([], [a.processid], [b.processid, a.processid])
    assert (a.children, b.children, c.children) == ([b.processid, c.processid], [c.processid], [])
    assert (a.waitforparents, b.waitforparents, c.waitforparents) == (False, True, True)
    assert (a.spec.maxexectime, b.spec.maxexectime) == (-1, 7)
    assert {process.spec.conditions.colonyname for process in (a, b, c)} == {"dev"}
    assert {process.processgraphid for process in (a, b, c)} == {graph.processgraphid}
    assert {process.initiatorname for process in (a, b, c)} == {"alice"}
    assert c.attributes[0].targetprocessgraphid == graph.processgraphid


def test_a_parent_may_stand_behind_its_child_in_the_list(world: World, edge: Identity) -> None:
    graph = world.workflow({"b": ["a"], "a": []})
    assert graph.rootprocessids == [graph.processids[1]]
    assert world.graph(graph).processids == [graph.processids[1], graph.processids[0]]
    assert world.assign(edge).spec.nodename == "a"


def test_a_dependency_named_twice_counts_once(world: World, edge: Identity) -> None:
    graph = world.workflow({"a": [], "b": ["a", "a"]})
    a, b = graph.processids
    assert (world.get(b).parents, world.get(a).children) == ([a], [b])
    world.close(edge, world.assign(edge), 1)
    assert world.assign(edge).input == [1]


def test_a_child_whose_parents_gave_nothing(world: World, edge: Identity) -> None:
    world.workflow({"a": [], "b": ["a"]})
    world.close(edge, world.assign(edge))
    assert world.assign(edge).input == []


def test_a_diamond_in_any_order(world: World, edge: Identity) -> None:
    graph = world.workflow(DIAMOND)
    first = world.assign(edge)
    assert world.nothing_for(edge)
    world.close(edge, first)
    second, third = world.assign(edge), world.assign(edge)
    assert world.nothing_for(edge)
    world.close(edge, third, "third")
    assert world.nothing_for(edge)
    world.close(edge, second, "second", ["more"])
    last = world.assign(edge)
    assert last.input == ["second", ["more"], "third"]
    world.close(edge, last)
    counts = world.statistics()
    assert (counts.waitingworkflows, counts.runningworkflows, counts.failedworkflows) == (0, 0, 0)
    assert counts.successfulworkflows == 1
    assert listed(world, 2) == [graph.processgraphid]


def test_readiness_is_told_once_and_only_then(world: World, edge: Identity) -> None:
    world.workflow(DIAMOND)

    def ready() -> list[str]:
        return [
            fact.process.nodename
            for fact in world.outcome.facts
            if isinstance(fact, ProcessChanged) and fact.change is Change.READY
        ]

    assert ready() == ["task1"]
    world.close(edge, world.assign(edge))
    assert ready() == ["task2", "task3"]
    second, third = world.assign(edge), world.assign(edge)
    world.close(edge, second)
    assert ready() == []
    world.close(edge, third)
    assert ready() == ["task4"]


# -- cancel, list, get and remove --------------------------------------------------------------------------


def test_cancelling_a_workflow(world: World, edge: Identity) -> None:
    graph = world.workflow(DIAMOND)
    world.close(edge, world.assign(edge))
    running = world.assign(edge)
    world.advance(1)
    assert world.call(world.user, CancelProcessGraph(processgraphid=graph.processgraphid)) == Empty()
    assert world.cells(graph) == "OK CANCELLED CANCELLED CANCELLED CANCELLED"
    told = [fact for fact in world.outcome.facts if isinstance(fact, ProcessChanged)]
    assert [fact.change for fact in told] == [Change.CLOSED] * 3
    assert world.graph(graph).endtime == world.get(running).endtime == instant(world.now)
    refusal = world.refused(edge, CloseSuccessful(processid=running.processid))
    assert refusal == (400, "Tried to set cancelled process as successful")
    assert world.nothing_for(edge)
    check(world.state)


@pytest.mark.parametrize("ending", [World.close, World.fail])
def test_cancelling_what_has_ended_changes_nothing(
    world: World, edge: Identity, ending: Callable[[World, Identity, Process], None]
) -> None:
    graph = world.workflow({"a": []})
    ending(world, edge, world.assign(edge))
    before = world.graph(graph)
    world.advance(1)
    world.call(world.user, CancelProcessGraph(processgraphid=graph.processgraphid))
    assert world.graph(graph) == before


def test_lists_of_workflows(world: World, edge: Identity) -> None:
    made = [world.workflow(SQUARES).processgraphid for _ in range(3)]
    assert listed(world, 0) == made[::-1]
    assert listed(world, 0, 2) == [made[2], made[1]]
    assert listed(world, 0, 0) == listed(world, 1) == []
    world.assign(edge)
    assert (listed(world, 1), listed(world, 0)) == ([made[0]], [made[2], made[1]])
    (running,) = world.call(world.user, GetProcessGraphs(colonyname="dev", count=1, state=1))
    whole = world.call(world.user, GetProcessGraph(processgraphid=made[0]))
    assert running == msgspec.structs.replace(whole, nodes=[], edges=[])


@pytest.mark.parametrize(
    ("message", "status", "text"),
    [
        (GetProcessGraphs(colonyname="dev", state=5), 400, "invalid msg.State"),
        (GetProcessGraphs(colonyname="dev", state=-1), 400, "invalid msg.State"),
        (GetProcessGraphs(colonyname="dev", count=101), 400, "Count is larger than MaxCount limit <100>"),
        (GetProcessGraphs(colonyname="dev", count=-1), 400, "count is negative"),
        (GetProcessGraph(processgraphid="x"), 500, "Failed to get processgraph, graph is nil"),
        (RemoveProcessGraph(processgraphid="x"), 500, "Failed to remove processgraph, graph is nil"),
        (CancelProcessGraph(processgraphid="x"), 500, "Failed to cancel processgraph, graph is nil"),
    ],
)
def test_what_a_member_is_refused(world: World, message: Message[Any], status: int, text: str) -> None:
    got = world.refused(world.user, message)
    assert got[0] == status
    assert text in got[1]


def test_removing_a_workflow(world: World, edge: Identity) -> None:
    kept = world.workflow(DIAMOND)
    graph = world.workflow(DIAMOND, priority=1, maxwaittime=5)
    removing = RemoveProcessGraph(processgraphid=graph.processgraphid)
    process = world.assign(edge)
    refusal = (400, "Failed to remove processgraph, cannot remove a running processgraph")
    assert world.refused(world.user, removing) == refusal
    world.fail(edge, process)
    before = world.graph(kept)
    assert world.call(world.user, removing) == Empty()
    told = [fact.change for fact in world.outcome.facts if isinstance(fact, ProcessChanged)]
    assert told == [Change.REMOVED] * 4
    for each in graph.processids:
        assert world.refused(world.user, GetProcess(processid=each))[0] == 404
    asked = GetProcessGraph(processgraphid=graph.processgraphid)
    assert world.refused(world.user, asked)[0] == 500
    assert world.graph(kept) == before
    assert world.statistics().failedworkflows == 0
    world.tick(100)
    check(world.state)


def in_every_state(world: World, edge: Identity) -> list[ProcessGraph]:
    """Workflows of two nodes in the states 0 to 4."""
    chain = {"a": [], "b": ["a"]}
    success = world.workflow(chain)
    for _ in range(2):
        world.close(edge, world.assign(edge))
    failed = world.workflow(chain)
    world.fail(edge, world.assign(edge))
    cancelled = world.workflow(chain)
    world.call(world.user, CancelProcessGraph(processgraphid=cancelled.processgraphid))
    running = world.workflow(chain)
    world.close(edge, world.assign(edge))
    return [world.workflow(chain), running, success, failed, cancelled]


@pytest.mark.parametrize(
    ("state", "left"), [(0, (1, 2, 3, 4)), (2, (0, 1, 3, 4)), (3, (0, 1, 2, 4)), (4, (0, 1, 2, 3)), (-1, ())]
)
def test_removing_all_in_a_state(world: World, edge: Identity, state: int, left: tuple[int, ...]) -> None:
    made = in_every_state(world, edge)
    single = world.submit()
    kept = [world.graph(made[each]) for each in left]
    members = [world.members(made[each]) for each in left]
    assert world.call(world.owner, RemoveAllProcessGraphs(colonyname="dev", state=state)) == Empty()
    assert [world.graph(made[each]) for each in left] == kept
    assert [world.members(made[each]) for each in left] == members
    assert [listed(world, each) for each in range(5)] == [
        [made[each].processgraphid] if each in left else [] for each in range(5)
    ]
    assert world.get(single) == single
    check(world.state)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (1, "not possible to remove running processgraphs"),
        (5, "invalid state when deleting all processgraphs"),
        (-2, "invalid state when deleting all processgraphs"),
    ],
)
def test_removals_that_are_refused(world: World, edge: Identity, state: int, text: str) -> None:
    in_every_state(world, edge)
    assert world.refused(world.owner, RemoveAllProcessGraphs(colonyname="dev", state=state)) == (400, text)
