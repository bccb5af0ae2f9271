"""The assign call, and pausing (processes.md sections 7.2 and 7.12, queue.md sections 5 and 6)."""

from __future__ import annotations

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    ZERO_TIME,
    AssignProcess,
    CancelProcess,
    Empty,
    Executor,
    GetPauseStatus,
    PauseAssignments,
    PauseStatus,
    RejectExecutor,
    ResumeAssignments,
    instant,
)

from projections.assignment import read_demand
from projections.event import AssignmentsResumed, Change, ProcessChanged, Refusal
from projections.queue import UNLIMITED, Limits
from projections.registry import REGISTRY
from projections.roles import authorise
from projections.turn import View
from tests.projections.world import World


def pause(world: World, colony: str = "dev") -> None:
    assert world.call(world.owner, PauseAssignments(colonyname=colony)) == Empty()


def resume(world: World, colony: str = "dev") -> None:
    assert world.call(world.owner, ResumeAssignments(colonyname=colony)) == Empty()


def test_what_an_assignment_sets(world: World, edge: Identity) -> None:
    process = world.submit(maxexectime=20, maxwaittime=30, env={"A": "1"})
    world.advance(5)
    got = world.assign(edge)
    process.state = process.attributes[0].state = 1
    process.isassigned, process.assignedexecutorid = True, edge.id
    process.starttime = instant(world.now)
    process.execdeadline = instant(world.now + 20 * 10**9)
    assert got == process == world.get(process)
    (fact,) = world.outcome.facts
    assert isinstance(fact, ProcessChanged)
    assert (fact.change, fact.executor, fact.process.record.processid) == (
        Change.ASSIGNED,
        "edge1",
        got.processid,
    )


@pytest.mark.parametrize("maxexectime", [0, -1, -7])
def test_no_exec_limit(world: World, edge: Identity, maxexectime: int) -> None:
    world.submit(maxexectime=maxexectime)
    process = world.assign(edge)
    assert process.execdeadline == ZERO_TIME
    world.tick(10**9)
    assert world.get(process) == process


@pytest.mark.parametrize("timeout", [-100, -1, 1, 10**6])
def test_any_timeout_but_zero_asks_for_work(world: World, edge: Identity, timeout: int) -> None:
    asked = AssignProcess(colonyname="dev", timeout=timeout)
    assert world.refused(edge, asked) == (404, "No process available for assignment")
    process = world.submit()
    assert world.call(edge, asked).processid == process.processid


@pytest.mark.parametrize(
    ("message", "status", "text"),
    [
        (AssignProcess(colonyname="dev"), 400, "Invalid timeout value, timeout cannot be zero"),
        (
            AssignProcess(colonyname="dev", timeout=1, availablecpu="m"),
            400,
            "Error converting CPU to int",
        ),
        (
            AssignProcess(colonyname="dev", timeout=1, availablemem="1"),
            400,
            'error converting memory to int: strconv.ParseInt: parsing "1": invalid syntax',
        ),
    ],
)
def test_a_call_that_cannot_be_understood(
    world: World, edge: Identity, message: AssignProcess, status: int, text: str
) -> None:
    world.submit()
    got = world.refused(edge, message)
    assert got[0] == status
    assert got[1].startswith(text)


def test_a_user_is_no_executor(world: World) -> None:
    world.submit()
    asked = AssignProcess(colonyname="dev", timeout=-1)
    assert world.refused(world.user, asked) == (500, "Failed to assign process, executor not found")
    asked = AssignProcess(colonyname="dev")
    assert world.refused(world.user, asked) == (400, "Invalid timeout value, timeout cannot be zero")


def test_cancelled_processes_are_not_given(world: World, edge: Identity) -> None:
    world.call(world.user, CancelProcess(processid=world.submit().processid))
    assert world.nothing_for(edge)


def test_an_empty_poll_moves_the_sign_of_life(world: World, edge: Identity) -> None:
    world.advance(7)
    assert world.nothing_for(edge)
    executor = world.state.colonies["dev"].executors.by_name["edge1"]
    assert executor.lastheardfromtime == instant(world.now)


def test_a_paused_colony_hands_out_nothing(world: World, edge: Identity) -> None:
    pause(world)
    pause(world)
    process = world.submit()
    at_once = AssignProcess(colonyname="dev", timeout=-1)
    waited = AssignProcess(colonyname="dev", timeout=10)
    paused = "colony assignments are paused"
    assert world.refused(edge, at_once) == (503, f"No processes available: {paused}")
    assert world.refused(edge, waited) == (408, f"Assignment timeout: {paused}")
    resume(world)
    assert world.outcome.facts == [AssignmentsResumed("dev")]
    resume(world)
    assert world.outcome.facts == []
    assert world.call(edge, at_once).processid == process.processid


def test_a_pause_stops_assignment_only(world: World, edge: Identity) -> None:
    world.submit(maxexectime=100)
    process = world.assign(edge)
    late = world.submit(maxwaittime=5)
    pause(world)
    world.submit()
    world.close(edge, process)
    world.tick(5)
    assert world.get(late).errors == ["Maximum waiting time limit exceeded"]
    world.call(world.user, CancelProcess(processid=world.listed(0)[0]))
    assert world.statistics().successfulprocesses == world.statistics().cancelledprocesses == 1


def test_other_colonies_are_not_paused(world: World) -> None:
    world.colony("other")
    theirs = world.executor("theirs", colony="other")
    pause(world)
    process = world.submit(colony="other")
    assert world.assign(theirs, "other").processid == process.processid


def test_the_pause_status(world: World, edge: Identity) -> None:
    asked = GetPauseStatus(colonyname="dev")
    assert REGISTRY["getpausestatusmsg"].replytype == "pausestatusreplymsg"
    for change, expected in ((None, False), (pause, True), (resume, False)):
        if change is not None:
            change(world)
        for who in (world.user, edge):
            assert world.call(who, asked) == PauseStatus("dev", expected)


def demand(world: World, who: Identity, message: AssignProcess) -> tuple[Executor, Limits]:
    view = View(world.state, who.id)
    authorise(REGISTRY["assignprocessmsg"], view, message)
    return read_demand(view, message)


def test_a_demand_says_who_asks_and_what_is_free(world: World, edge: Identity) -> None:
    executor, limits = demand(world, edge, AssignProcess(colonyname="dev", timeout=5))
    assert (executor.executorname, limits) == ("edge1", Limits(UNLIMITED, UNLIMITED))
    asked = AssignProcess(colonyname="dev", timeout=5, availablecpu="500m", availablemem="1Ki")
    assert demand(world, edge, asked)[1] == Limits(500, 1024)


def test_a_demand_of_somebody_without_approval_is_refused(world: World, edge: Identity) -> None:
    world.call(world.owner, RejectExecutor(colonyname="dev", executorname="edge1"))
    with pytest.raises(Refusal, match="Access denied"):
        demand(world, edge, AssignProcess(colonyname="dev", timeout=5))
