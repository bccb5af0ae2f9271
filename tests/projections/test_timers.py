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
from projections.timers import TIMERS, Timers
from tests.projections.world import World, node

deadlines = st.lists(st.integers(0, 5))


@given(deadlines, st.integers(0, 6))
def test_what_is_due_is_taken_in_order_of_deadline_then_of_setting(times: list[int], now: int) -> None:
    pending = Timers()
    assert pending.earliest is None
    for number, deadline in enumerate(times):
        pending.set(deadline, "waiting", f"k{number}", deadline)
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
    world.tick()
    assert len(world.state.timers._heap) <= 32
    world.tick(500)
    assert world.get(kept).state == 3


def test_timers_that_hold_survive_a_sweep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "_SWEEP_ABOVE", 20)
    world.state.timers = Timers()
    edge = world.executor("edge1")
    running = [world.submit(maxexectime=50 + each) for each in range(15)]
    for _ in running:
        world.assign(edge)
    waiting = [world.submit(maxwaittime=100 + each) for each in range(15)]
    world.tick(49)
    assert len(world.state.timers._heap) == 30
    for count in range(15):
        world.tick(1)
        assert world.statistics().failedprocesses == count + 1
    assert [world.get(each).state for each in running] == [3] * 15
    world.tick(200)
    assert [world.get(each).state for each in waiting] == [3] * 15
    assert world.state.timers.earliest is None
