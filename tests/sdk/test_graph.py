"""Drawing workflows."""

from __future__ import annotations

import pytest
from colonyledger.errors import ConfigurationError, InvalidWorkflow
from colonyledger.graph import Graph, Task
from colonyledger.sync.workflow import SyncWorkflow
from colonyledger.workflow import Workflow


def dependencies(workflow: Workflow | SyncWorkflow) -> dict[str, list[str]]:
    return {spec.nodename: spec.conditions.dependencies for spec in workflow.specs()}


def test_a_diamond() -> None:
    workflow = Workflow()
    a, b, c, d = Task("gen_nums"), Task("square", args=[0]), Task("square", args=[1]), Task("sum")
    workflow >> a
    a >> b
    a >> c
    [b, c] >> d
    assert dependencies(workflow) == {
        "gen_nums": [],
        "square": ["gen_nums"],
        "square-2": ["gen_nums"],
        "sum": ["square", "square-2"],
    }


def test_the_same_in_one_line() -> None:
    workflow = SyncWorkflow()
    workflow >> Task("a") >> [Task("b"), Task("c")] >> Task("d")
    assert dependencies(workflow) == {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}


def test_several_roots() -> None:
    workflow = Workflow()
    workflow >> [Task("a"), Task("b")] >> Task("c")
    assert dependencies(workflow) == {"a": [], "b": [], "c": ["a", "b"]}


def test_a_task_made_by_the_workflow_belongs_to_it() -> None:
    workflow = Workflow()
    a = workflow.call("a", executortype="edge", priority=2)
    workflow.call("b")
    workflow >> a
    assert list(dependencies(workflow)) == ["a", "b"]
    assert workflow.specs()[0].conditions.executortype == "edge"
    assert workflow.specs()[0].priority == 2


def test_whatever_is_connected_belongs_to_it() -> None:
    workflow = Workflow()
    root, other, join, behind = Task("root"), Task("other"), Task("join"), Task("behind")
    workflow >> root
    [root, other] >> join >> behind
    assert sorted(dependencies(workflow)) == ["behind", "join", "other", "root"]


def test_inputs_keep_the_order_of_the_arrows() -> None:
    workflow = Workflow()
    a, b, c = workflow.call("a"), workflow.call("b"), workflow.call("c")
    b >> c
    a >> c
    assert dependencies(workflow)["c"] == ["b", "a"]


def test_an_arrow_drawn_twice_is_one_arrow() -> None:
    workflow = Workflow()
    a, b = workflow.call("a"), workflow.call("b")
    a >> b
    [a] >> b
    assert dependencies(workflow)["b"] == ["a"]


def test_parents_come_before_their_children() -> None:
    workflow = Workflow()
    last, first = workflow.call("last"), workflow.call("first")
    first >> last
    assert list(dependencies(workflow)) == ["first", "last"]


def test_given_names_are_kept_and_automatic_ones_avoid_them() -> None:
    workflow = Workflow()
    for task in (Task("f"), Task("g", nodename="f-2"), Task("f"), Task("f")):
        workflow >> task
    assert list(dependencies(workflow)) == ["f", "f-2", "f-3", "f-4"]


def test_two_tasks_of_one_name() -> None:
    workflow = Workflow()
    workflow >> [Task("f", nodename="n"), Task("g", nodename="n")]
    with pytest.raises(InvalidWorkflow, match="Two tasks are named 'n'"):
        workflow.specs()


def test_a_workflow_of_nothing() -> None:
    with pytest.raises(InvalidWorkflow, match="no tasks"):
        Workflow().specs()


def test_a_cycle_is_shown() -> None:
    workflow = Workflow()
    a, b, c, d = (workflow.call(name) for name in "abcd")
    a >> b >> c >> d
    d >> b
    with pytest.raises(InvalidWorkflow) as raised:
        workflow.specs()
    assert "b → c → d → b" in str(raised.value)


def test_a_task_that_waits_for_itself() -> None:
    workflow = Workflow()
    a = workflow.call("a")
    a >> a
    with pytest.raises(InvalidWorkflow, match="a → a"):
        workflow.specs()


def test_a_cycle_without_a_root() -> None:
    graph = Graph()
    a, b = graph.add(Task("f")), graph.add(Task("f"))
    a >> b
    b >> a
    with pytest.raises(InvalidWorkflow, match="f → f-2 → f"):
        graph.names()


async def test_a_cycle_is_found_before_anything_is_sent(nowhere: str) -> None:
    workflow = Workflow()
    a = workflow.call("a")
    a >> a
    with pytest.raises(ConfigurationError, match="has no client"):
        await workflow.execute()
    with pytest.raises(ConfigurationError, match="has no client"):
        SyncWorkflow().execute()


def test_a_task_can_be_part_of_two_workflows() -> None:
    task = Task("f")
    first, second = Workflow(), Workflow()
    second.call("f")
    first >> task
    second >> task
    assert list(dependencies(first)) == ["f"]
    assert list(dependencies(second)) == ["f", "f-2"]


def test_long_chains_are_no_problem() -> None:
    workflow = Workflow()
    task = workflow.call("f")
    for _ in range(3000):
        task = task >> Task("f")
    assert len(workflow.specs()) == 3001
