"""Growing a workflow while it runs (workflows.md section 6 and example 8.5)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddChild,
    Conditions,
    FunctionSpec,
    Process,
    ProcessGraph,
)

from projections.event import Change, ProcessChanged
from tests.projections.invariants import check
from tests.projections.scene import NOTHING
from tests.projections.world import World, node

FAN = {"task1": [], "task2": ["task1"], "task3": ["task1"]}


def adding(
    graph: ProcessGraph, parent: Process | str, name: str, child: str = "", **options: Any
) -> AddChild:
    insert = options.pop("insert", False)
    return AddChild(
        processgraphid=graph.processgraphid,
        parentprocessid=parent if isinstance(parent, str) else parent.processid,
        childprocessid=child,
        spec=FunctionSpec(name, conditions=Conditions("dev", executortype="edge"), **options),
        insert=insert,
    )


def names(world: World, graph: ProcessGraph, ids: Any) -> list[str]:
    members = {process.processid: name for name, process in world.members(graph).items()}
    return [members[each] for each in ids]


def family(world: World, graph: ProcessGraph, name: str) -> tuple[list[str], list[str]]:
    """The names of a node's parents and of its children."""
    process = world.members(graph)[name]
    return names(world, graph, process.parents), names(world, graph, process.children)


def test_the_new_process(world: World, edge: Identity) -> None:
    graph = world.workflow(FAN)
    parent = world.assign(edge)
    world.advance(1)
    new = world.call(edge, adding(graph, parent, "new", env={"A": "1"}, maxwaittime=5))
    assert new == world.get(new)
    assert (new.state, new.waitforparents, new.processgraphid) == (0, True, graph.processgraphid)
    assert (new.parents, new.children) == ([parent.processid], [])
    assert (new.initiatorid, new.initiatorname) == (edge.id, "edge1")
    assert new.attributes[0].targetprocessgraphid == graph.processgraphid
    told = [fact.change for fact in world.outcome.facts if isinstance(fact, ProcessChanged)]
    assert told == [Change.SUBMITTED]
    assert world.get(parent).children[-1] == new.processid
    assert set(world.graph(graph).processids) == {*graph.processids, new.processid}
    assert world.nothing_for(edge)
    check(world.state)


def test_one_more_child_runs_after_its_parent(world: World, edge: Identity) -> None:
    graph = world.workflow(FAN)
    parent = world.assign(edge)
    world.call(edge, adding(graph, parent, "new"))
    assert family(world, graph, "task1") == ([], ["task2", "task3", "new"])
    world.close(edge, parent, 1)
    got = [world.assign(edge) for _ in range(3)]
    assert [process.spec.nodename for process in got] == ["task2", "task3", "new"]
    assert got[2].input == [1]
    for process in got:
        assert world.graph(graph).state == 1
        world.close(edge, process)
    assert world.graph(graph).state == 2


def test_inserting_between_a_parent_and_its_children(world: World, edge: Identity) -> None:
    graph = world.workflow(FAN)
    parent = world.assign(edge)
    world.call(edge, adding(graph, parent, "new", child=NOTHING, insert=True))
    assert family(world, graph, "task1") == ([], ["new"])
    assert family(world, graph, "new") == (["task1"], ["task2", "task3"])
    assert family(world, graph, "task2") == family(world, graph, "task3") == (["new"], [])
    world.close(edge, parent, 1)
    new = world.assign(edge)
    assert (new.spec.nodename, new.input) == ("new", [1])
    assert world.nothing_for(edge)
    world.close(edge, new, 2)
    assert world.assign(edge).input == world.assign(edge).input == [2]
    check(world.state)


def test_inserting_moves_the_new_parent_to_the_end(world: World, edge: Identity) -> None:
    graph = world.workflow({"a": [], "b": [], "c": ["a", "b"]})
    parent = world.assign(edge)
    world.call(edge, adding(graph, parent, "new", insert=True))
    assert family(world, graph, "c") == (["b", "new"], [])


def test_inserting_below_a_leaf(world: World, edge: Identity) -> None:
    graph = world.workflow({"a": []})
    parent = world.assign(edge)
    world.call(edge, adding(graph, parent, "new", insert=True))
    assert family(world, graph, "a") == ([], ["new"])
    assert family(world, graph, "new") == (["a"], [])
    world.close(edge, parent)
    assert world.graph(graph).state == 1
    world.close(edge, world.assign(edge))
    assert world.graph(graph).state == 2


def test_an_additional_parent(world: World, edge: Identity) -> None:
    graph = world.workflow(FAN)
    parent = world.assign(edge)
    task2 = world.members(graph)["task2"].processid
    new = world.call(edge, adding(graph, parent, "new", task2))
    assert (new.parents, new.children) == ([parent.processid], [task2])
    assert family(world, graph, "task2") == (["task1", "new"], [])
    world.close(edge, parent, 1)
    assert [world.assign(edge).spec.nodename for _ in range(2)] == ["task3", "new"]
    assert world.nothing_for(edge)
    world.close(edge, new, 2)
    assert world.assign(edge).input == [1, 2]


@pytest.mark.parametrize("inserted", [True, False])
def test_map_and_reduce(world: World, edge: Identity, inserted: bool) -> None:
    """Example 8.5, and what its last line says of not inserting."""
    graph = world.workflow({"map": [], "reduce": ["map"]})
    mapper = world.assign(edge)
    reduce = world.members(graph)["reduce"].processid
    world.call(edge, adding(graph, mapper, "w0", "" if inserted else reduce, insert=inserted))
    assert family(world, graph, "map")[1] == (["w0"] if inserted else ["reduce", "w0"])
    world.call(edge, adding(graph, mapper, "w1", reduce))
    world.call(edge, adding(graph, mapper, "w2", reduce))
    before = [] if inserted else ["map"]
    assert family(world, graph, "reduce")[0] == [*before, "w0", "w1", "w2"]
    assert family(world, graph, "map")[1] == [*([] if inserted else ["reduce"]), "w0", "w1", "w2"]
    world.close(edge, mapper, 7)
    for name in ("w0", "w1", "w2"):
        worker = world.assign(edge)
        assert (worker.spec.nodename, worker.input) == (name, [7])
        assert world.get(reduce).waitforparents
        world.close(edge, worker, 1, 2)
    assert world.assign(edge).input == [*([] if inserted else [7]), 1, 2, 1, 2, 1, 2]
    check(world.state)


def test_the_nodename_is_free_and_dependencies_are_ignored(world: World, edge: Identity) -> None:
    graph = world.workflow(FAN)
    parent = world.assign(edge)
    for name in ("task2", ""):
        spec = node(name, ["task3", "nowhere"])
        message = adding(graph, parent, name)
        assert message.spec is not None
        message.spec.conditions = spec.conditions
        assert world.call(edge, message).parents == [parent.processid]


def test_a_child_that_nobody_takes_fails_the_workflow(world: World, edge: Identity) -> None:
    graph = world.workflow({"a": []})
    parent = world.assign(edge)
    new = world.call(edge, adding(graph, parent, "new", maxwaittime=1))
    world.tick(5)
    world.close(edge, parent)
    world.tick(1)
    assert world.get(new).errors == ["Maximum waiting time limit exceeded"]
    assert world.graph(graph).state == 3


def test_a_child_added_to_a_process_that_is_put_back(world: World, edge: Identity, other: Identity) -> None:
    graph = world.workflow({"a": []}, maxexectime=5, maxretries=1)
    parent = world.assign(edge)
    world.call(edge, adding(graph, parent, "new"))
    world.tick(5)
    assert world.assign(other).processid == parent.processid
    assert world.nothing_for(edge)
    world.close(other, parent)
    assert world.assign(edge).spec.nodename == "new"


def test_a_process_that_is_ready_and_not_started_can_wait_for_one_more(world: World, edge: Identity) -> None:
    """X must be waiting, in the same workflow, and no ancestor: no more is asked (workflows.md section 9, W4)."""
    graph = world.workflow({"a": [], "b": []})
    parent = world.assign(edge)
    b = world.members(graph)["b"].processid
    new = world.call(edge, adding(graph, parent, "new", b))
    assert world.get(b).parents == [new.processid]
    assert world.get(b).waitforparents
    assert world.nothing_for(edge)
    world.close(edge, parent)
    world.close(edge, world.assign(edge), 1)
    assert world.assign(edge).input == [1]


# -- what is refused ---------------------------------------------------------------------------------------


def test_only_the_executor_of_a_running_parent_adds(world: World, edge: Identity, other: Identity) -> None:
    graph = world.workflow(FAN)
    parent = world.members(graph)["task1"]
    message = adding(graph, parent, "new")
    not_running = (400, f"Process with Id {parent.processid} is not running")
    assert world.refused(edge, message) == not_running
    world.assign(edge)
    for who in (other, world.user):
        text = f"Process with Id {parent.processid} is not assigned to executor with Id {who.id}"
        assert world.refused(who, message) == (400, text)
    world.close(edge, parent)
    assert world.refused(edge, message) == not_running


def test_a_parent_outside_of_workflows(world: World, edge: Identity) -> None:
    graph = world.workflow(FAN)
    world.submit(priority=1)
    single = world.assign(edge)
    text = f"Process with Id {single.processid} does not belong to a processgraph"
    assert world.refused(edge, adding(graph, single, "new")) == (400, text)


def test_a_parent_of_another_workflow(world: World, edge: Identity) -> None:
    first, second = world.workflow(FAN), world.workflow(FAN)
    parent = world.assign(edge)
    assert parent.processgraphid == first.processgraphid
    assert world.refused(edge, adding(second, parent, "new"))[0] == 400


@pytest.mark.parametrize("what", ["graph", "parent", "child"])
def test_unknown_ids(world: World, edge: Identity, what: str) -> None:
    """400, nothing changed (decisions 7)."""
    graph = world.workflow(FAN)
    parent: Process | str = world.assign(edge)
    child = ""
    if what == "graph":
        graph.processgraphid = NOTHING
    elif what == "parent":
        parent = NOTHING
    else:
        child = NOTHING
    assert world.refused(edge, adding(graph, parent, "new", child))[0] == 400


@pytest.mark.parametrize("what", ["other graph", "no graph", "itself", "started", "finished", "failed"])
def test_children_that_cannot_wait(world: World, edge: Identity, other: Identity, what: str) -> None:
    graph = world.workflow({"a": [], "x": [], "y": ["x"]})
    parent = world.assign(edge)
    started = world.assign(other)
    child = started.processid
    if what == "other graph":
        child = world.workflow({"z": [], "zz": ["z"]}).processids[1]
    elif what == "no graph":
        child = world.submit().processid
    elif what == "itself":
        child = parent.processid
    elif what == "finished":
        world.close(other, started)
    elif what == "failed":
        world.close(other, started)
        last = world.assign(other)
        child = last.processid
        world.fail(other, last)
    assert world.refused(edge, adding(graph, parent, "new", child))[0] == 400


@pytest.mark.parametrize(
    ("conditions", "priority", "text"),
    [
        ({"cpu": "m"}, 0, "Error converting CPU to int"),
        ({"mem": "1"}, 0, "error converting memory to int"),
        ({}, 50_001, "Failed to submit function spec, priority outside range [-50000, 50000]"),
    ],
)
def test_specs_that_are_refused(
    world: World, edge: Identity, conditions: dict[str, Any], priority: int, text: str
) -> None:
    graph = world.workflow(FAN)
    message = adding(graph, world.assign(edge), "new", priority=priority)
    assert message.spec is not None
    message.spec.conditions = Conditions("dev", **conditions)
    got = world.refused(edge, message)
    assert got[0] == 400
    assert got[1].startswith(text)


def test_a_spec_is_needed(world: World, edge: Identity) -> None:
    graph = world.workflow(FAN)
    message = AddChild(
        processgraphid=graph.processgraphid, parentprocessid=world.assign(edge).processid, insert=True
    )
    text = "Failed to add child to processgraph, msg.FunctionSpec is nil"
    assert world.refused(edge, message) == (400, text)
