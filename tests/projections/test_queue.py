"""Who gets what: order and matching (queue.md sections 3 and 4)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import CancelProcess, Conditions, Executor, Process, ProcessOf
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from projections.process import LiveProcess
from projections.queue import Limits, Needs, Queue
from tests.projections.invariants import check
from tests.projections.world import World


def drained(world: World, who: Identity) -> list[str]:
    """The function names of everything an executor gets, in order."""
    names = []
    while process := world.take(who):
        names.append(process.spec.funcname)
    return names


def ask(world: World, name: str, **conditions: Any) -> Process:
    return world.submit(name, conditions=Conditions("dev", **{"executortype": "edge", **conditions}))


def test_equal_priorities_come_in_the_order_of_submission(world: World, edge: Identity) -> None:
    for name in "abcde":
        world.submit(name)
    assert drained(world, edge) == list("abcde")


def test_higher_priorities_come_first(world: World, edge: Identity) -> None:
    for name, priority in (("one", 1), ("two", 2), ("five", 5), ("also five", 5), ("less", -1)):
        world.submit(name, priority=priority)
        world.advance(1)
    assert drained(world, edge) == ["five", "also five", "two", "one", "less"]


@pytest.mark.parametrize(("seconds", "order"), [(86_399, ["new", "old"]), (86_401, ["old", "new"])])
def test_a_day_of_waiting_outweighs_one_step_of_priority(
    world: World, edge: Identity, seconds: int, order: list[str]
) -> None:
    world.submit("old")
    world.advance(seconds)
    world.submit("new", priority=1)
    assert drained(world, edge) == order


def test_a_tie_of_a_day_and_a_step_goes_to_the_earlier_record(world: World, edge: Identity) -> None:
    world.submit("old")
    world.advance(86_400)
    world.submit("new", priority=1)
    assert drained(world, edge) == ["old", "new"]


def test_a_workflow_s_nodes_come_in_the_order_of_its_list(world: World, edge: Identity) -> None:
    world.workflow({"c": [], "a": [], "b": []})
    world.submit("d")
    assert drained(world, edge) == ["c", "a", "b", "d"]


def test_a_process_that_names_its_executor_has_no_precedence(
    world: World, edge: Identity, other: Identity
) -> None:
    ask(world, "open 1")
    ask(world, "named", executornames=["edge1", "x"])
    ask(world, "open 2")
    ask(world, "not mine", executornames=["edge2"])
    assert drained(world, edge) == ["open 1", "named", "open 2"]
    assert drained(world, other) == ["not mine"]


@pytest.mark.parametrize(
    ("conditions", "fits"),
    [
        ({}, True),
        ({"executortype": "edg"}, False),
        ({"executortype": "Edge"}, False),
        ({"executortype": ""}, False),
        ({"executornames": []}, True),
        ({"executornames": ["*"]}, True),
        ({"executornames": ["edge1"]}, True),
        ({"executornames": ["x", "edge1", "edge1"]}, True),
        ({"executornames": ["Edge1"]}, False),
        ({"executornames": ["edge1"], "executortype": "gpu"}, False),
        ({"executornames": ["*", "x"]}, False),
        ({"locationname": "lab"}, True),
        ({"locationname": "LAB"}, True),
        ({"locationname": "la"}, False),
        ({"nodes": 500, "processes": 500, "processespernode": 500}, True),
        ({"storage": "1000T", "walltime": 10**12}, True),
        ({"cpu": "9000m", "mem": "9000T"}, True),
    ],
)
def test_matching(world: World, conditions: dict[str, Any], fits: bool) -> None:
    edge = world.executor("edge1", location="Lab")
    ask(world, "it", **conditions)
    assert drained(world, edge) == (["it"] if fits else [])
    check(world.state)


@pytest.mark.parametrize("location", ["lab", ""])
def test_an_executor_without_a_location_gets_what_needs_none(
    world: World, edge: Identity, location: str
) -> None:
    ask(world, "it", locationname=location)
    assert drained(world, edge) == ([] if location else ["it"])


@pytest.mark.parametrize(
    ("limits", "fits"),
    [
        ({"availablecpu": "1000m", "availablemem": "10G"}, False),
        ({"availablecpu": "1000m", "availablemem": "4000G"}, False),
        ({"availablecpu": "4000m", "availablemem": "3000G"}, False),
        ({"availablecpu": "4000m", "availablemem": "4000G"}, True),
        ({"availablecpu": "3999m"}, False),
        ({"availablecpu": "4"}, False),
        ({"availablemem": "4000G"}, True),
        ({"availablemem": "3999G"}, False),
        ({}, True),
    ],
)
def test_processor_and_memory(world: World, edge: Identity, limits: dict[str, str], fits: bool) -> None:
    ask(world, "it", cpu="4000m", mem="4000G")
    assert world.nothing_for(edge, **limits) is not fits


def test_memory_is_compared_exactly_and_not_as_echoed(world: World, edge: Identity) -> None:
    process = ask(world, "it", mem="1025Ki")
    assert process.spec.conditions.mem == "1Mi"
    assert world.nothing_for(edge, availablemem="1Mi")
    world.assign(edge, availablemem="1025Ki")


def test_a_process_too_big_does_not_hold_up_others(world: World, edge: Identity) -> None:
    ask(world, "big", mem="8G")
    ask(world, "small", mem="1G")
    assert world.assign(edge, availablemem="2G").spec.funcname == "small"
    assert world.assign(edge).spec.funcname == "big"


def test_negative_amounts_ask_for_nothing(world: World, edge: Identity) -> None:
    process = ask(world, "it", cpu="-5m", mem="-1Mi")
    assert (process.spec.conditions.cpu, process.spec.conditions.mem) == ("-5m", "-1Mi")
    world.assign(edge, availablecpu="0m", availablemem="0Mi")


def test_a_process_that_names_executors_is_given_once(world: World, edge: Identity, other: Identity) -> None:
    ask(world, "it", executornames=["edge1", "edge2"])
    world.assign(other)
    assert world.nothing_for(edge)


def test_an_executor_may_hold_any_number(world: World, edge: Identity) -> None:
    for _ in range(20):
        world.submit()
    assert len(drained(world, edge)) == 20


def test_what_left_the_queue_is_not_given(world: World, edge: Identity) -> None:
    made = [ask(world, name, executornames=["edge1"]) for name in "abc"]
    world.call(world.user, CancelProcess(processid=made[1].processid))
    assert drained(world, edge) == ["a", "c"]
    check(world.state)


@pytest.mark.parametrize(("processes", "executors"), [(50, 10), (10, 30)])
def test_each_process_is_given_exactly_once(world: World, processes: int, executors: int) -> None:
    """The counts are those of processes.md section 11."""
    asking = [world.executor(f"e{each}") for each in range(executors)]
    made = [world.submit().processid for _ in range(processes)]
    got = [world.assign(asking[turn % executors]).processid for turn in range(processes)]
    assert got == made
    assert all(world.nothing_for(who) for who in asking)


needs = st.builds(
    Needs,
    st.sampled_from(["edge", "gpu"]),
    st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=2).map(tuple),
    st.sampled_from(["", "lab", "home"]),
    st.integers(0, 2),
    st.integers(0, 2),
)
demands = st.tuples(
    st.builds(
        Executor,
        executortype=st.sampled_from(["edge", "gpu"]),
        executorname=st.sampled_from(["a", "b", "d"]),
        locationname=st.sampled_from(["", "LAB", "home"]),
    ),
    st.builds(Limits, st.integers(0, 2), st.integers(0, 2)),
)


@given(st.lists(st.tuples(needs, st.integers(0, 3)), max_size=12), st.lists(demands, max_size=8), st.data())
def test_the_best_is_the_first_of_a_plain_list_that_fits(
    added: list[tuple[Needs, int]], asked: list[tuple[Executor, Limits]], data: st.DataObject
) -> None:
    waiting: dict[str, LiveProcess] = {}
    queue = Queue()
    for number, (need, rank) in enumerate(added):
        waiting[f"p{number}"] = candidate(f"p{number}", need, (rank, number))
        queue.add(waiting[f"p{number}"])
    for executor, limits in asked:
        fitting = [
            (process.place, key)
            for key, process in waiting.items()
            if Queue.fits(process.needs, executor, limits)
        ]
        assert queue.best(executor, limits) == (min(fitting)[1] if fitting else None)
        if waiting:
            queue.remove(waiting.pop(data.draw(st.sampled_from(sorted(waiting)))))
    for kind in ("edge", "gpu"):
        assert queue.waiting(kind) == sum(each.needs.executortype == kind for each in waiting.values())
    for process in waiting.values():
        queue.remove(process)
    assert queue._tables == {}
    assert queue._waiting == {}


def candidate(key: str, need: Needs, place: tuple[int, int]) -> LiveProcess:
    record = ProcessOf(key, "", "", Raw(b"{}"))
    return LiveProcess(record, "dev", need, "", "", "", 0, 0, 0, 0, 0, 0, place=place)


@pytest.mark.parametrize(
    ("need", "fits"),
    [
        (Needs("edge", (), "", 0, 0), True),
        (Needs("gpu", (), "", 0, 0), False),
        (Needs("edge", ("a", "b"), "", 0, 0), True),
        (Needs("edge", ("b",), "", 0, 0), False),
        (Needs("edge", (), "lab", 0, 0), True),
        (Needs("edge", (), "home", 0, 0), False),
        (Needs("edge", (), "", 5, 7), True),
        (Needs("edge", (), "", 6, 7), False),
        (Needs("edge", (), "", 5, 8), False),
    ],
)
def test_fits(need: Needs, fits: bool) -> None:
    executor = Executor(executortype="edge", executorname="a", locationname="Lab")
    assert Queue.fits(need, executor, Limits(5, 7)) is fits
