"""Deadlines by the log's clock: order, and sweeping of those that no longer hold."""

from __future__ import annotations

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    CancelProcess,
    CancelProcessGraph,
    RemoveProcessGraph,
    SubmitWorkflow,
    WorkflowSpec,
)
from hypothesis import given
from hypothesis import strategies as st

from projections import timers
from projections.state import State
from projections.timers import TIMERS, TimerKind, Timers
from tests.projections.world import World, node

deadlines = st.lists(st.integers(0, 5))


@given(deadlines, st.integers(0, 6))
def test_what_is_due_is_taken_in_order_of_deadline_then_of_order(times: list[int], now: int) -> None:
    pending = Timers()
    assert pending.earliest is None
    for number, deadline in reversed(list(enumerate(times))):
        pending.set(deadline, "waiting", f"k{number}", deadline, number)
    expected = sorted((deadline, number) for number, deadline in enumerate(times))
    assert pending.earliest == (expected[0][0] if expected else None)
    taken = []
    while due := pending.take_due(now):
        taken.append(due)
    assert taken == [("waiting", f"k{number}", deadline) for deadline, number in expected if deadline <= now]
    left = [deadline for deadline, _ in expected if deadline > now]
    assert pending.earliest == (left[0] if left else None)


def test_the_earliest_that_no_longer_hold_are_pruned(world: World, edge: Identity) -> None:
    gone, kept = world.submit(maxwaittime=10), world.submit(maxwaittime=30)
    late = world.submit(maxwaittime=20)
    for process in (gone, late):
        world.call(world.user, CancelProcess(processid=process.processid))
    pending = world.state.timers
    pending.prune(world.state)
    assert pending.earliest == world.now + 30 * 10**9
    world.assign(edge)
    pending.prune(world.state)
    assert pending.earliest is None
    pending.prune(world.state)
    world.tick(50)
    assert world.get(kept).state == 1


def test_every_kind_of_timer_lets_go_of_what_is_gone() -> None:
    assert TIMERS
    for kind in TIMERS.values():
        assert kind.holds(State(), "gone", 0) is None


def waiting_graph(world: World, nodes: int) -> str:
    specs = [node(f"n{each}", maxwaittime=1000 + each) for each in range(nodes)]
    return world.call(world.user, SubmitWorkflow(spec=WorkflowSpec("dev", specs))).processgraphid


def test_timers_that_no_longer_hold_are_swept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "_SWEEP_ABOVE", 20)
    world.state.timers = Timers()
    kept = world.submit(maxwaittime=500)
    for _ in range(4):
        graph = waiting_graph(world, 15)
        world.call(world.user, CancelProcessGraph(processgraphid=graph))
    graph = waiting_graph(world, 15)
    world.call(world.user, RemoveProcessGraph(processgraphid=graph))
    for _ in range(30):
        world.tick()
    assert len(world.state.timers) <= 32
    world.tick(500)
    assert world.get(kept).state == 3


@given(deadlines, st.integers(0, 12), st.integers(0, 6))
def test_a_sweep_that_is_under_way_changes_no_order(times: list[int], swept: int, now: int) -> None:
    TIMERS["test"] = TimerKind(lambda state, key, stamp: key, lambda turn, found: None)
    try:
        pending = Timers()
        pending._sweep_at = 3
        for number, deadline in enumerate(times):
            pending.set(deadline, "test", f"k{number}", deadline, number)
            if number < swept:
                pending.sweep(State())
        assert len(pending) == len(times)
        expected = sorted((deadline, number) for number, deadline in enumerate(times))
        assert pending.earliest == (expected[0][0] if expected else None)
        due = [f"k{number}" for deadline, number in expected if deadline <= now]
        taken = []
        while found := pending.take_due(now):
            taken.append(found[1])
            pending.sweep(State())
        assert taken == due
    finally:
        del TIMERS["test"]


def test_timers_that_hold_survive_a_sweep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "_SWEEP_ABOVE", 20)
    world.state.timers = Timers()
    edge = world.executor("edge1")
    running = [world.submit(maxexectime=50 + each) for each in range(15)]
    for _ in running:
        world.assign(edge)
    waiting = [world.submit(maxwaittime=100 + each) for each in range(15)]
    world.tick(49)
    assert len(world.state.timers) == 30
    for count in range(15):
        world.tick(1)
        assert world.statistics().failedprocesses == count + 1
    assert [world.get(each).state for each in running] == [3] * 15
    world.tick(200)
    assert [world.get(each).state for each in waiting] == [3] * 15
    assert world.state.timers.earliest is None


def test_a_timer_that_was_dropped_and_set_again_keeps_its_place() -> None:
    """A node drops what does not hold when it likes: that must not show."""
    held = {"a", "b"}
    TIMERS["test"] = TimerKind(
        lambda state, key, stamp: key if key in held else None, lambda turn, found: None
    )
    try:
        orders = []
        for drops in (True, False):
            pending = Timers()
            pending.set(5, "test", "a", 5)
            pending.set(5, "test", "b", 5)
            held.remove("a")
            if drops:
                pending.prune(State())
            held.add("a")
            pending.set(5, "test", "a", 5)
            orders.append(list(dict.fromkeys(iter(lambda: pending.take_due(5), None))))  # noqa: B023
        assert orders[0] == orders[1]
    finally:
        del TIMERS["test"]
