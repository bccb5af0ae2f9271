"""Retention: what has ended leaves memory after a time (queue.md section 8, quirks Q11 and Q12)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddAttribute,
    AddExecutorLog,
    AddLog,
    Attribute,
    CancelProcess,
    GetAttribute,
    GetLogs,
    GetProcess,
    GetProcessGraph,
    Process,
    RemoveColony,
    RemoveProcess,
    RemoveProcessGraph,
    SearchLogs,
)

from projections import expiry
from projections.event import Change, ProcessChanged
from projections.limits import MAX_SEARCH_COUNT, MAX_SEARCH_DAYS
from projections.state import Settings
from projections.system import Rules
from tests.projections.invariants import check
from tests.projections.world import World

WEEK = 7 * 86_400
CHAIN: dict[str, Any] = {"a": (), "b": ["a"]}
PAIR: dict[str, Any] = {"a": (), "b": ()}


@pytest.fixture
def world() -> World:
    """What has ended successfully stays for a week."""
    world = World()
    settle(world)
    world.colony()
    return world


def settle(world: World, seconds: int = WEEK, *, everything: bool = False) -> None:
    world.system(Rules(settings=Settings(retention_seconds=seconds, retention_all=everything)))


def is_there(world: World, process: Process | str) -> bool:
    processid = process if isinstance(process, str) else process.processid
    return processid in world.state.colonies["dev"].processes.by_id


def lines(world: World) -> list[str]:
    asked = SearchLogs(colonyname="dev", text="", days=MAX_SEARCH_DAYS, count=MAX_SEARCH_COUNT)
    return [log.message for log in world.call(world.user, asked)]


def done(world: World, edge: Identity, **spec: Any) -> Process:
    """A process that has just succeeded."""
    world.submit(**spec)
    process = world.assign(edge)
    world.close(edge, process)
    return process


def test_a_process_leaves_after_its_time_with_all_that_belongs_to_it(world: World, edge: Identity) -> None:
    world.submit()
    process = world.assign(edge)
    attribute = Attribute(targetid=process.processid, targetcolonyname="dev", key="k", value="v")
    attributeid = world.call(edge, AddAttribute(attribute=attribute)).attributeid
    world.call(edge, AddLog(processid=process.processid, message="line"))
    world.close(edge, process)
    world.tick(WEEK - 0.001)
    assert is_there(world, process)
    assert lines(world) == ["line"]
    world.tick(0.001)
    facts = [fact.change for fact in world.outcome.facts if isinstance(fact, ProcessChanged)]
    assert facts == [Change.REMOVED]
    for message in (
        GetProcess(processid=process.processid),
        GetAttribute(attributeid=attributeid),
        GetLogs(processid=process.processid, colonyname="dev", count=1),
    ):
        assert world.refused(world.user, message)[0] in (400, 404, 500)
    assert lines(world) == []
    assert world.statistics().successfulprocesses == 0
    check(world.state)


def test_the_time_counts_from_the_end(world: World, edge: Identity) -> None:
    world.submit()
    process = world.assign(edge)
    world.tick(10 * WEEK)
    world.close(edge, process)
    world.tick(WEEK - 1)
    assert is_there(world, process)
    world.tick(1)
    assert not is_there(world, process)


def test_each_leaves_at_its_own_time(world: World, edge: Identity) -> None:
    processes = []
    for _ in range(4):
        processes.append(done(world, edge))
        world.tick(100)
    world.tick(WEEK - 400)
    for left in range(4):
        assert [is_there(world, process) for process in processes] == [place > left for place in range(4)]
        world.tick(100)


@pytest.mark.parametrize("ending", ["fails", "is cancelled", "is cancelled while it waits", "times out"])
@pytest.mark.parametrize("everything", [False, True])
def test_only_success_leaves_unless_everything_is_to(
    world: World, edge: Identity, ending: str, everything: bool
) -> None:
    settle(world, everything=everything)
    process = world.submit(maxwaittime=60)
    if ending == "times out":
        world.tick(60)
    elif ending == "is cancelled while it waits":
        world.call(world.user, CancelProcess(processid=process.processid))
    elif ending == "is cancelled":
        world.assign(edge)
        world.call(world.user, CancelProcess(processid=process.processid))
    else:
        world.assign(edge)
        world.fail(edge, process)
    assert is_there(world, process)
    world.tick(WEEK)
    assert is_there(world, process) is not everything
    check(world.state)


@pytest.mark.parametrize("everything", [False, True])
def test_what_has_not_ended_never_leaves(world: World, edge: Identity, everything: bool) -> None:
    settle(world, everything=everything)
    waiting, running = world.submit(), world.submit()
    world.assign(edge)
    world.tick(10 * WEEK)
    assert is_there(world, waiting)
    assert is_there(world, running)


def test_a_workflow_leaves_as_a_whole(world: World, edge: Identity) -> None:
    graph = world.workflow(CHAIN)
    world.close(edge, world.assign(edge))
    world.tick(WEEK)
    second = world.assign(edge)
    assert all(is_there(world, each) for each in graph.processids)
    world.close(edge, second)
    world.tick(WEEK - 1)
    assert all(is_there(world, each) for each in graph.processids)
    world.tick(1)
    assert not any(is_there(world, each) for each in graph.processids)
    assert world.refused(world.user, GetProcessGraph(processgraphid=graph.processgraphid))[0] == 500
    statistics = world.statistics()
    assert (statistics.successfulprocesses, statistics.successfulworkflows) == (0, 0)
    check(world.state)


@pytest.mark.parametrize(("everything", "stays"), [(False, True), (True, False)])
def test_a_failed_workflow_leaves_when_nothing_of_it_runs_any_more(
    world: World, edge: Identity, everything: bool, stays: bool
) -> None:
    settle(world, everything=everything)
    graph = world.workflow(PAIR)
    first, second = world.assign(edge), world.assign(edge)
    world.fail(edge, first)
    world.tick(2 * WEEK)
    assert all(is_there(world, each) for each in graph.processids)
    world.close(edge, second)
    world.tick(WEEK - 1)
    assert all(is_there(world, each) for each in graph.processids)
    world.tick(1)
    assert [is_there(world, each) for each in graph.processids] == [stays, stays]
    check(world.state)


def test_a_workflow_that_fails_as_a_whole_leaves_once(world: World, edge: Identity) -> None:
    settle(world, everything=True)
    graph = world.workflow({"a": (), "b": ["a"], "c": ["b"], "d": ()})
    world.fail(edge, world.assign(edge))
    world.tick(WEEK)
    assert not any(is_there(world, each) for each in graph.processids)
    assert [fact.change for fact in world.outcome.facts if isinstance(fact, ProcessChanged)] == [
        Change.REMOVED
    ] * 4
    check(world.state)


def test_what_was_removed_by_hand_is_gone_already(world: World, edge: Identity) -> None:
    process = done(world, edge)
    graph = world.workflow({"a": ()})
    world.close(edge, world.assign(edge))
    kept = done(world, edge)
    world.call(world.user, RemoveProcess(processid=process.processid))
    world.call(world.user, RemoveProcessGraph(processgraphid=graph.processgraphid))
    world.tick(WEEK)
    assert not is_there(world, kept)
    check(world.state)


def test_lines_leave_by_their_own_time_but_not_before_their_process_has_ended(
    world: World, edge: Identity
) -> None:
    world.call(edge, AddExecutorLog(colonyname="dev", executorname="edge1", message="first"))
    world.advance(100)
    world.submit()
    process = world.assign(edge)
    world.call(edge, AddLog(processid=process.processid, message="second"))
    world.call(edge, AddExecutorLog(colonyname="dev", executorname="edge1", message="third"))
    world.tick(WEEK - 101)
    assert lines(world) == ["first", "second", "third"]
    world.tick(1)
    assert lines(world) == ["second", "third"]
    world.tick(WEEK)
    assert lines(world) == ["second", "third"]
    world.fail(edge, process)
    world.tick(WEEK - 1)
    assert lines(world) == ["second", "third"]
    world.tick(1)
    assert lines(world) == []
    assert is_there(world, process)


def test_what_ended_before_the_oldest_line_leaves_first(world: World, edge: Identity) -> None:
    process = done(world, edge)
    world.advance(50)
    world.call(edge, AddExecutorLog(colonyname="dev", executorname="edge1", message="later"))
    world.tick(WEEK - 50)
    assert (is_there(world, process), lines(world)) == (False, ["later"])
    world.tick(50)
    assert lines(world) == []


def test_what_was_due_while_the_server_was_away_leaves_on_return(world: World, edge: Identity) -> None:
    processes = [done(world, edge) for _ in range(3)]
    world.tick(100 * WEEK)
    assert [is_there(world, process) for process in processes] == [False] * 3


def test_a_great_many_leave_in_steps(world: World, edge: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "EXPIRED_AT_ONCE", 3)
    processes = [done(world, edge) for _ in range(4)]
    graph = world.workflow(CHAIN)
    world.close(edge, world.assign(edge))
    world.close(edge, world.assign(edge))
    for word in ("x", "y", "z"):
        world.call(edge, AddExecutorLog(colonyname="dev", executorname="edge1", message=word))
    world.advance(WEEK + 1)
    left = []
    for _ in range(4):
        world.tick(0.001)
        everything: list[Process | str] = [*processes, *graph.processids]
        left.append((sum(is_there(world, each) for each in everything), len(lines(world))))
    assert left == [(3, 3), (0, 3), (0, 0), (0, 0)]


@pytest.mark.parametrize("seconds", [0, WEEK])
def test_retention_is_off_unless_the_settings_say_how_long(seconds: int) -> None:
    world = World()
    world.colony()
    edge = world.executor("edge1")
    settle(world, seconds)
    process = done(world, edge)
    world.call(edge, AddExecutorLog(colonyname="dev", executorname="edge1", message="line"))
    world.tick(WEEK)
    assert is_there(world, process) is not bool(seconds)
    assert len(world.state.colonies["dev"].logs.lines) == (0 if seconds else 1)


def test_changed_settings_hold_for_what_has_ended_before(world: World, edge: Identity) -> None:
    settle(world, 0)
    old = done(world, edge)
    world.call(edge, AddExecutorLog(colonyname="dev", executorname="edge1", message="line"))
    graph = world.workflow(PAIR)
    first, second = world.assign(edge), world.assign(edge)
    world.close(edge, first)
    world.advance(50)
    world.close(edge, second)
    world.submit()
    world.fail(edge, failed := world.assign(edge))
    waiting = world.submit(executortype="nobody")
    unfinished = world.workflow(PAIR, executortype="nobody")
    world.advance(50)
    settle(world, 100)
    world.tick()
    assert not is_there(world, old)
    assert lines(world) == []
    assert all(is_there(world, each) for each in graph.processids)
    world.tick(50)
    assert not any(is_there(world, each) for each in graph.processids)
    assert is_there(world, failed)
    settle(world, 100, everything=True)
    world.tick()
    assert not is_there(world, failed)
    young = done(world, edge)
    settle(world, 0)
    world.tick(10 * WEEK)
    assert is_there(world, young)
    assert is_there(world, waiting)
    assert all(is_there(world, each) for each in unfinished.processids)
    check(world.state)


def test_with_nothing_to_leave_nothing_is_looked_at(world: World) -> None:
    settle(world, 100)
    assert world.state.timers.earliest is None


def test_a_colony_that_is_gone_has_nothing_to_leave(world: World, edge: Identity) -> None:
    done(world, edge)
    world.call(world.server, RemoveColony(colonyname="dev"))
    world.tick(WEEK)
    world.colony()
    edge = world.executor("edge1")
    process = done(world, edge)
    world.tick(WEEK - 1)
    assert is_there(world, process)
