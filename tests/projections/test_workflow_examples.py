"""Workflows from submit to end: data flow, state and failure (workflows.md sections 3 to 5 and 8)."""

from __future__ import annotations

import msgspec
import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    ZERO_TIME,
    CloseSuccessful,
    Edge,
    Node,
    NodeData,
    NodePosition,
    NodeStyle,
    Process,
    ProcessGraph,
    SubmitWorkflow,
    WorkflowSpec,
    encode,
    instant,
)

from projections.event import Change, GraphChanged, ProcessChanged
from tests.projections.invariants import check
from tests.projections.world import World, node

SQUARES = {
    "gen_nums": [],
    "square_a": ["gen_nums"],
    "square_b": ["gen_nums"],
    "sum": ["square_a", "square_b"],
}
DIAMOND = {"task1": [], "task2": ["task1"], "task3": ["task1"], "task4": ["task2", "task3"]}

# -- example 8.1 -------------------------------------------------------------------------------------------


def test_squares_from_submit_to_success(world: World, edge: Identity, other: Identity) -> None:
    graph = world.workflow(SQUARES)
    g, a, b, s = graph.processids
    assert (graph.rootprocessids, graph.state, graph.nodes, graph.edges) == ([g], 0, [], [])
    assert (graph.submissiontime, graph.starttime, graph.endtime) == (
        instant(world.now),
        ZERO_TIME,
        ZERO_TIME,
    )
    assert (graph.initiatorid, graph.initiatorname, graph.colonyname) == (world.user.id, "alice", "dev")
    assert world.cells(graph) == "W Ww Ww Ww W"

    world.advance(1)
    gen = world.assign(edge)
    assert (gen.processid, gen.input) == (g, [])
    assert world.cells(graph) == "R Ww Ww Ww R"
    assert world.graph(graph).starttime == instant(world.now)
    world.close(edge, gen, 2, 3)
    assert world.cells(graph) == "OK W W Ww R"

    first, second = world.assign(edge), world.assign(other)
    assert (first.processid, first.input, second.processid, second.input) == (a, [2, 3], b, [2, 3])
    assert world.cells(graph) == "OK R R Ww R"
    assert world.nothing_for(edge)
    world.close(other, second, 9)
    assert world.cells(graph) == "OK R OK Ww R"
    assert world.nothing_for(edge)
    world.close(edge, first, 4)
    assert world.cells(graph) == "OK OK OK W R"

    total = world.assign(edge)
    assert (total.processid, total.input) == (s, [4, 9])
    assert world.graph(graph).endtime == ZERO_TIME
    world.advance(1)
    world.close(edge, total, 13)
    assert world.cells(graph) == "OK OK OK OK OK"
    assert world.get(s).output == [13]
    assert world.graph(graph).endtime == instant(world.now)
    check(world.state)


def test_squares_as_json(world: World) -> None:
    reply = world.reply(
        world.user, SubmitWorkflow(spec=WorkflowSpec("dev", [node(*each) for each in SQUARES.items()]))
    )
    got = msgspec.json.decode(encode(reply))
    ids = got["processids"]
    assert got == {
        "processgraphid": got["processgraphid"],
        "initiatorid": world.user.id,
        "initiatorname": "alice",
        "colonyname": "dev",
        "rootprocessids": ids[:1],
        "state": 0,
        "submissiontime": "2023-11-14T22:13:20Z",
        "starttime": "0001-01-01T00:00:00Z",
        "endtime": "0001-01-01T00:00:00Z",
        "processids": ids,
        "nodes": [],
        "edges": [],
    }


def test_squares_drawn(world: World, edge: Identity) -> None:
    graph = world.workflow(SQUARES)
    g, a, b, s = graph.processids
    world.assign(edge)
    drawn = world.graph(graph)
    assert drawn.processids == [g, a, s, b]
    waiting, running = NodeStyle("", "#eee8d8"), NodeStyle("", "#4689cd")
    assert {each.id: each for each in drawn.nodes} == {
        g: Node(g, NodeData("gen_nums"), NodePosition(100, 0), "input", running),
        a: Node(a, NodeData("square_a"), NodePosition(0, 80), "", waiting),
        b: Node(b, NodeData("square_b"), NodePosition(200, 80), "", waiting),
        s: Node(s, NodeData("sum"), NodePosition(100, 160), "output", waiting),
    }
    pairs = [(g, a), (g, b), (a, s), (b, s)]
    assert drawn.edges == [Edge(f"{x}-{y}", x, y, x == g) for x, y in pairs]


# -- examples 8.2 to 8.4 and 8.6 ---------------------------------------------------------------------------


def to_squares(world: World, edge: Identity, other: Identity) -> tuple[ProcessGraph, Process, Process]:
    """Example 8.1 up to the row "assign → B"."""
    graph = world.workflow(SQUARES, maxretries=1, maxexectime=50)
    world.close(edge, world.assign(edge), 2, 3)
    return graph, world.assign(edge), world.assign(other)


def test_a_failed_middle_node_takes_the_workflow_down(world: World, edge: Identity, other: Identity) -> None:
    graph, first, second = to_squares(world, edge, other)
    world.advance(1)
    world.fail(other, second, "boom")
    assert world.cells(graph) == "OK FAILED FAILED FAILED FAILED"
    g, a, b, s = (world.get(each) for each in graph.processids)
    assert (b.errors, g.errors, g.state) == (["boom"], [], 2)
    told = [f"Process {b.processid} in the same workflow failed"]
    assert a.errors == s.errors == told
    assert a.endtime == s.endtime == world.graph(graph).endtime == instant(world.now)
    assert (a.isassigned, s.isassigned) == (True, False)
    refusal = world.refused(edge, CloseSuccessful(processid=first.processid))
    assert refusal == (400, "Tried to set failed process as successful")
    assert world.nothing_for(edge)
    check(world.state)


def test_every_process_that_a_failure_takes_down_is_told(world: World, edge: Identity) -> None:
    graph = world.workflow(DIAMOND)
    world.fail(edge, world.assign(edge), "no")
    facts = world.outcome.facts
    closed = [fact.process.record.processid for fact in facts if isinstance(fact, ProcessChanged)]
    assert sorted(closed) == sorted(graph.processids)
    assert all(fact.change is Change.CLOSED for fact in facts if isinstance(fact, ProcessChanged))
    assert sum(isinstance(fact, GraphChanged) for fact in facts) == 1
    assert world.cells(graph) == "FAILED FAILED FAILED FAILED FAILED"
    assert world.nothing_for(edge)


def test_a_failed_leaf_leaves_its_siblings_alone(world: World, edge: Identity) -> None:
    graph = world.workflow({"task1": [], "task2": ["task1"], "task3": ["task1"]})
    world.close(edge, world.assign(edge), 1)
    world.fail(edge, world.assign(edge), "no")
    assert world.cells(graph) == "OK FAILED W FAILED"
    third = world.assign(edge)
    assert third.input == [1]
    assert world.cells(graph) == "OK FAILED R FAILED"
    world.close(edge, third)
    assert world.cells(graph) == "OK FAILED OK FAILED"
    check(world.state)


def test_a_final_state_that_is_set_again_has_a_new_end(world: World, edge: Identity) -> None:
    """`endtime`: the last time a final state was set, again on later resolves (workflows.md sections 1 and 4)."""
    graph = world.workflow({"task1": [], "task2": [], "task3": []})
    world.fail(edge, world.assign(edge), "no")
    assert world.graph(graph).endtime == instant(world.now)
    second = world.assign(edge)
    world.advance(5)
    world.close(edge, second)
    assert world.graph(graph).endtime == instant(world.now)


def test_an_overrun_in_a_workflow(world: World, edge: Identity, other: Identity) -> None:
    graph, first, second = to_squares(world, edge, other)
    world.close(other, second, 9)
    world.tick(50)
    assert world.cells(graph) == "OK W OK Ww R"
    assert world.get(first).retries == 1
    again = world.assign(edge)
    assert (again.processid, again.input) == (first.processid, [2, 3])
    world.tick(50)
    assert world.cells(graph) == "OK FAILED OK FAILED FAILED"
    assert world.get(first).errors == ["Maximum execution time limit exceeded"]


def test_a_workflow_whose_only_running_process_is_put_back_waits_again(world: World, edge: Identity) -> None:
    graph = world.workflow(DIAMOND, maxretries=-1, maxexectime=5)
    world.assign(edge)
    started = world.graph(graph).starttime
    world.tick(5)
    assert world.cells(graph) == "W Ww Ww Ww W"
    world.assign(edge)
    assert world.graph(graph).starttime != started
    assert world.graph(graph).starttime == instant(world.now)


def test_a_workflow_that_fails_before_it_starts(world: World) -> None:
    graph = world.workflow({"a": []}, maxwaittime=5)
    world.tick(5)
    ended = world.graph(graph)
    assert (ended.state, ended.starttime, ended.endtime) == (3, ZERO_TIME, instant(world.now))


def test_children_start_to_wait_when_they_are_ready(world: World, edge: Identity) -> None:
    graph = world.workflow({"a": [], "b": ["a"]}, maxwaittime=10)
    b = world.get(graph.processids[1])
    assert b.waitdeadline == ZERO_TIME
    world.advance(9)
    a = world.assign(edge)
    world.tick(60)
    world.close(edge, a)
    assert world.get(b).waitdeadline == instant(world.now + 10 * 10**9)
    world.tick(9)
    assert world.cells(graph) == "OK W R"
    world.tick(1)
    assert world.cells(graph) == "OK FAILED FAILED"


@pytest.mark.parametrize(
    "nodes",
    [
        {"a": ["b"], "b": ["a"]},
        {"a": ["a"]},
        {"a": [], "b": ["a", "c"], "c": ["b"]},
        {"a": ["c"], "b": ["a"], "c": ["b"], "d": []},
    ],
)
def test_cycles_are_refused(world: World, nodes: dict[str, list[str]]) -> None:
    specs = [node(name, parents) for name, parents in nodes.items()]
    assert world.refused(world.user, SubmitWorkflow(spec=WorkflowSpec("dev", specs)))[0] == 500
