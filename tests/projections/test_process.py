"""The table of a colony's processes: what it shares, and what it lists when much has come and gone."""

from __future__ import annotations

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import Conditions

from projections import listings, process
from tests.projections.invariants import check
from tests.projections.world import World


def test_many_kinds_of_needs(world: World, edge: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shared to save memory changes no answer, also when there is too much of it to share."""
    monkeypatch.setattr(process, "_SHARED", 3)
    for each in range(12):
        conditions = Conditions("dev", executortype="edge", cpu=f"{each % 6}m")
        world.submit(f"f{each}", conditions=conditions, label=f"l{each % 6}")
    check(world.state)
    got = [world.assign(edge, availablecpu="2m").spec.funcname for _ in range(6)]
    assert got == ["f0", "f1", "f2", "f6", "f7", "f8"]
    assert len(world.listed(0, label="l5")) == 2
    check(world.state)


def test_many_types_of_executors(world: World, edge: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters are shared as needs are."""
    monkeypatch.setattr(listings, "_SHARED", 3)
    ids = [world.submit(executortype=f"type-{each % 6}").processid for each in range(12)]
    check(world.state)
    assert world.listed(0, executortype="type-5") == [ids[5], ids[11]]


def test_a_process_that_is_gone_does_not_become_a_candidate(world: World, edge: Identity) -> None:
    graph = world.workflow({"a": [], "b": ["a"]})
    table = world.state.colonies["dev"].processes
    gone = table.by_id[graph.processids[1]]
    table.remove(gone)
    table.ready(gone)
    assert table.queue.waiting("edge") == 1
    assert world.assign(edge).processid == graph.processids[0]


def test_listings_when_much_has_come_and_gone(world: World, edge: Identity) -> None:
    for each in range(150):
        world.submit(label="x", priority=each % 3)
    for _ in range(147):
        world.close(edge, world.assign(edge))
    left = world.listed(0, label="x")
    assert len(left) == 3
    assert world.listed(0) == left
    assert len(world.listed(2)) == 100
    check(world.state)


def test_running_processes_that_come_and_go(world: World, edge: Identity) -> None:
    world.submit(maxexectime=10**6)
    first = world.assign(edge)
    for _ in range(100):
        world.submit(maxexectime=1)
        world.assign(edge)
        world.tick(1)
    assert world.listed(1) == [first.processid]
    assert world.statistics().failedprocesses == 100
    check(world.state)
