"""The life of a process: transitions, deadlines, retries, closing (queue.md sections 1, 7 and 8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    ZERO_TIME,
    AddAttribute,
    Attribute,
    CancelProcess,
    CloseFailed,
    CloseSuccessful,
    Empty,
    Message,
    PauseAssignments,
    Process,
    RemoveExecutor,
    RemoveProcess,
    SetOutput,
    instant,
)

from projections.event import Change, ProcessChanged, Refusal
from projections.system import Tick, Undelivered
from tests.projections.invariants import check
from tests.projections.world import World

SECOND = 10**9
WAITED = ["Maximum waiting time limit exceeded"]
EXECUTED = ["Maximum execution time limit exceeded"]


def changes(world: World) -> list[Change]:
    return [fact.change for fact in world.outcome.facts if isinstance(fact, ProcessChanged)]


# -- the table of queue.md section 1, row by row ----------------------------------------------------------


def test_close_successful_sets_state_end_and_output(world: World, edge: Identity) -> None:
    world.submit(env={"A": "1"}, maxexectime=9)
    process = world.assign(edge)
    world.advance(1)
    world.close(edge, process, [1, {"a": None}], "x", 1.5)
    process.state = process.attributes[0].state = 2
    process.endtime = instant(world.now)
    process.output = [[1, {"a": None}], "x", 1.5]
    assert world.get(process) == process
    assert changes(world) == [Change.CLOSED]


def test_close_failed_sets_state_end_and_errors(world: World, edge: Identity) -> None:
    world.submit(maxretries=5, maxexectime=9)
    process = world.assign(edge)
    world.advance(1)
    world.fail(edge, process, "one", "two")
    process.state, process.endtime, process.errors = 3, instant(world.now), ["one", "two"]
    assert world.get(process) == process
    assert changes(world) == [Change.CLOSED]
    assert world.nothing_for(edge)


def test_put_back_by_time(world: World, edge: Identity) -> None:
    world.submit(env={"A": "1"}, maxexectime=10, maxretries=1, maxwaittime=100)
    world.advance(3)
    process = world.assign(edge)
    world.call(edge, SetOutput(processid=process.processid, output=[1]))
    world.tick(10)
    process.state = process.attributes[0].state = 0
    process.isassigned, process.assignedexecutorid, process.retries = False, "", 1
    process.endtime, process.output = instant(world.now), [1]
    process.waitdeadline = instant(world.now + 100 * SECOND)
    got = world.get(process)
    got.execdeadline = process.execdeadline
    assert got == process
    assert changes(world) == [Change.PUT_BACK, Change.READY]


def test_put_back_by_time_keeps_the_times_of_the_attempt(world: World, edge: Identity) -> None:
    """starttime and execdeadline keep their values, or all three are cleared (queue.md sections 1 and 11, Q7)."""
    world.submit(maxexectime=10, maxretries=1)
    process = world.assign(edge)
    world.tick(10)
    got = world.get(process)
    kept = (process.starttime, instant(world.now), process.execdeadline)
    assert (got.starttime, got.endtime, got.execdeadline) in (kept, (ZERO_TIME,) * 3)


@pytest.mark.parametrize("why", ["removed", "undelivered"])
def test_put_back_without_fault(world: World, edge: Identity, why: str) -> None:
    world.submit(maxexectime=10, maxwaittime=100, maxretries=1)
    world.assign(edge)
    world.tick(10)
    process = world.assign(edge)
    assert process.endtime != ZERO_TIME
    world.advance(3)
    if why == "removed":
        world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="edge1"))
    else:
        world.system(Undelivered(processid=process.processid, offset=len(world.events) - 1))
    got = world.get(process)
    assert (got.state, got.isassigned, got.assignedexecutorid, got.retries) == (0, False, "", 1)
    assert (got.starttime, got.endtime) == (ZERO_TIME, ZERO_TIME)
    assert got.waitdeadline == instant(world.now + 100 * SECOND)
    assert changes(world) == [Change.PUT_BACK, Change.READY]
    world.tick(90)
    assert world.get(process).state == 0


def test_failed_by_waiting(world: World) -> None:
    process = world.submit(maxwaittime=10, maxretries=5)
    world.tick(10)
    process.state, process.endtime, process.errors = 3, instant(world.now), WAITED
    assert world.get(process) == process
    assert changes(world) == [Change.CLOSED]


def test_failed_by_executing(world: World, edge: Identity) -> None:
    world.submit(maxexectime=10)
    process = world.assign(edge)
    world.tick(10)
    process.state, process.endtime, process.errors = 3, instant(world.now), EXECUTED
    assert world.get(process) == process
    assert changes(world) == [Change.CLOSED]


def test_a_reassigned_process_keeps_output_and_attributes(
    world: World, edge: Identity, other: Identity
) -> None:
    world.submit(maxexectime=10, maxretries=1)
    process = world.assign(edge)
    world.call(edge, SetOutput(processid=process.processid, output=[7]))
    added = world.call(edge, AddAttribute(attribute=Attribute(targetid=process.processid, key="k")))
    world.advance(10)
    again = world.assign(other)
    assert (again.processid, again.output, again.retries) == (process.processid, [7], 1)
    assert again.attributes == [added]
    assert again.execdeadline == instant(world.now + 10 * SECOND)


# -- deadlines ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("nanoseconds", "state"), [(-1, 0), (0, 3), (1, 3)])
def test_the_wait_deadline_to_the_nanosecond(world: World, nanoseconds: int, state: int) -> None:
    process = world.submit(maxwaittime=10)
    world.now += 10 * SECOND + nanoseconds
    world.tick()
    assert world.get(process).state == state


@pytest.mark.parametrize(("nanoseconds", "state"), [(-1, 2), (0, 3), (1, 3)])
def test_a_close_at_the_deadline_comes_too_late(
    world: World, edge: Identity, nanoseconds: int, state: int
) -> None:
    world.submit(maxexectime=10)
    process = world.assign(edge)
    world.now += 10 * SECOND + nanoseconds
    outcome = world.append(world.record(edge, CloseSuccessful(processid=process.processid)))
    assert world.get(process).state == state
    if state == 3:
        assert outcome.refusal is not None
        assert (outcome.refusal.status, outcome.refusal.message) == (
            400,
            "Tried to set failed process as successful",
        )
        assert changes(world) == [Change.CLOSED]


def test_a_late_close_meets_a_process_that_was_put_back(world: World, edge: Identity) -> None:
    world.submit(maxexectime=10, maxretries=1)
    process = world.assign(edge)
    world.advance(10)
    status, text = world.refused(edge, CloseSuccessful(processid=process.processid))
    assert (status, text) == (403, "Failed to close process as successful, process is not assigned")
    assert world.get(process).retries == 1


def test_a_deadline_fires_before_the_event_that_moved_the_clock(world: World, edge: Identity) -> None:
    process = world.submit(maxwaittime=10)
    world.advance(10)
    assert world.nothing_for(edge)
    assert world.get(process).errors == WAITED


@pytest.mark.parametrize("maxretries", [0, 1, 3, -1, -9])
def test_retries(world: World, edge: Identity, maxretries: int) -> None:
    process = world.submit(maxexectime=1, maxretries=maxretries)
    runs = maxretries + 1 if maxretries >= 0 else 6
    for run in range(runs):
        got = world.assign(edge)
        assert (got.processid, got.retries) == (process.processid, run)
        world.tick(1)
    end = world.get(process)
    if maxretries < 0:
        assert (end.state, end.retries) == (0, runs)
    else:
        assert (end.state, end.retries, end.errors) == (3, maxretries, EXECUTED)


def test_ten_processes_fail_after_their_second_overrun(world: World, edge: Identity) -> None:
    for _ in range(10):
        world.submit(maxexectime=1, maxretries=1)
    for waiting, failed in ((10, 0), (0, 10)):
        for _ in range(10):
            world.assign(edge)
        world.tick(1)
        assert (world.statistics().waitingprocesses, world.statistics().failedprocesses) == (waiting, failed)


def test_the_wait_deadline_is_renewed_at_every_put_back(world: World, edge: Identity) -> None:
    process = world.submit(maxexectime=4, maxretries=-1, maxwaittime=10)
    for _ in range(3):
        world.advance(9)
        world.assign(edge)
        world.tick(4)
        assert world.get(process).waitdeadline == instant(world.now + 10 * SECOND)
    world.tick(10)
    assert (world.get(process).state, world.get(process).errors) == (3, WAITED)


def test_a_wait_deadline_that_was_renewed_means_nothing(world: World, edge: Identity) -> None:
    process = world.submit(maxexectime=2, maxretries=-1, maxwaittime=10)
    world.advance(7)
    world.assign(edge)
    world.tick(2)
    world.tick(9)
    assert world.get(process).state == 0
    world.tick(1)
    assert world.get(process).state == 3


def test_waiting_time_does_not_run_while_a_process_is_running(world: World, edge: Identity) -> None:
    process = world.submit(maxwaittime=10)
    world.assign(edge)
    world.tick(50)
    assert world.get(process).state == 1


def test_the_deadline_of_an_earlier_attempt_means_nothing(
    world: World, edge: Identity, other: Identity
) -> None:
    world.submit(maxexectime=10)
    process = world.assign(edge)
    world.advance(6)
    world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="edge1"))
    world.advance(1)
    world.assign(other)
    world.tick(9)
    assert world.get(process).state == 1
    world.tick(1)
    assert world.get(process).state == 3


def test_a_process_that_is_put_back_keeps_its_place(world: World, edge: Identity, other: Identity) -> None:
    first = world.submit("first", maxexectime=10, maxretries=1)
    world.submit("second")
    world.assign(edge)
    world.advance(10)
    assert world.assign(other).processid == first.processid


def test_deadlines_fire_in_their_order(world: World) -> None:
    made = [world.submit(maxwaittime=seconds) for seconds in (30, 10, 20, 10)]
    world.tick(100)
    ended = [
        fact.process.record.processid for fact in world.outcome.facts if isinstance(fact, ProcessChanged)
    ]
    assert ended == [made[each].processid for each in (1, 3, 2, 0)]


def test_a_deadline_fires_at_the_time_of_the_event_that_let_it(world: World) -> None:
    process = world.submit(maxwaittime=10)
    world.tick(500)
    assert world.get(process).endtime == instant(world.now)


# -- the old executor after its time is over (queue.md section 7) ------------------------------------------


@pytest.mark.parametrize(("message", "word"), [(CloseSuccessful, "successful"), (CloseFailed, "failed")])
def test_the_executor_that_was_too_slow(
    world: World, edge: Identity, other: Identity, message: type[CloseSuccessful], word: str
) -> None:
    world.submit(maxexectime=10, maxretries=2)
    process = world.assign(edge)
    close = message(processid=process.processid)
    world.tick(10)
    assert world.refused(edge, close) == (403, f"Failed to close process as {word}, process is not assigned")
    world.assign(other)
    not_allowed = f"Failed to close process as {word}, not allowed to close process as {word}"
    assert world.refused(edge, close) == (403, not_allowed)
    world.tick(10)
    world.assign(edge)
    assert world.call(edge, close) == Empty()


# -- the close matrix of queue.md section 8 ----------------------------------------------------------------

OK = 200


def build(world: World, edge: Identity, situation: str) -> Process:
    """A process in the situation that a row of the matrix names; `edge` is the caller."""
    process = world.submit(maxwaittime=50, maxexectime=50)
    if situation.endswith("while waiting") or situation == "waiting":
        if situation == "failed while waiting":
            world.tick(50)
        elif situation == "cancelled while waiting":
            world.call(world.user, CancelProcess(processid=process.processid))
        return process
    world.assign(world.executor("holder") if situation == "running, other's" else edge)
    if situation == "success":
        world.close(edge, process)
    elif situation == "failed while running":
        world.tick(50)
    elif situation == "cancelled while running":
        world.call(world.user, CancelProcess(processid=process.processid))
    return process


MATRIX = {
    "waiting": (403, 403, 403, 403, OK, OK),
    "running": (OK, OK, OK, OK, OK, 400),
    "running, other's": (403, 403, 403, 403, OK, 400),
    "success": (OK, 400, 403, 403, 400, OK),
    "failed while running": (400, 400, 403, 403, 400, OK),
    "failed while waiting": (403, 403, 403, 403, 400, OK),
    "cancelled while running": (400, 400, 403, 403, 400, OK),
    "cancelled while waiting": (403, 403, 403, 403, 400, OK),
}
COLUMNS: list[Callable[[str], Message[Any]]] = [
    lambda key: CloseSuccessful(processid=key, output=[1]),
    lambda key: CloseFailed(processid=key, errors=["no"]),
    lambda key: SetOutput(processid=key, output=[1]),
    lambda key: AddAttribute(attribute=Attribute(targetid=key, key="k")),
    lambda key: CancelProcess(processid=key),
    lambda key: RemoveProcess(processid=key),
]
TEXTS = {
    ("waiting", 0): "Failed to close process as successful, process is not assigned",
    ("waiting", 1): "Failed to close process as failed, process is not assigned",
    (
        "running, other's",
        0,
    ): "Failed to close process as successful, not allowed to close process as successful",
    ("running, other's", 1): "Failed to close process as failed, not allowed to close process as failed",
    ("running, other's", 3): "Failed to add attribute, only executor with id <",
    ("running", 5): "Failed to remove process, cannot remove a running process",
    ("success", 1): "Tried to set successful process as failed",
    ("success", 3): "Failed to add attribute, process is not running",
    ("success", 2): "Failed to set output, process is not running",
    ("success", 4): "Tried to cancel successful process",
    ("failed while running", 0): "Tried to set failed process as successful",
    ("failed while running", 1): "Tried to set failed process as failed",
    ("failed while running", 4): "Tried to cancel failed process",
    ("cancelled while running", 0): "Tried to set cancelled process as successful",
    ("cancelled while running", 1): "Tried to set cancelled process as failed",
    ("cancelled while running", 4): "Tried to cancel already cancelled process",
}


@pytest.mark.parametrize("column", range(len(COLUMNS)))
@pytest.mark.parametrize("situation", MATRIX)
def test_close_matrix(world: World, edge: Identity, situation: str, column: int) -> None:
    process = build(world, edge, situation)
    message = COLUMNS[column](process.processid)
    expected = MATRIX[situation][column]
    if expected == OK:
        world.call(edge, message)
    else:
        status, text = world.refused(edge, message)
        assert status == expected
        assert text.startswith(TEXTS.get((situation, column), ""))
    check(world.state)


def test_a_successful_close_can_be_repeated_and_changes_nothing(world: World, edge: Identity) -> None:
    world.submit()
    process = world.assign(edge)
    world.close(edge, process, 1)
    first = world.get(process)
    world.advance(5)
    world.close(edge, process, 2)
    assert world.get(process) == first
    assert world.outcome.facts == []


def test_a_failed_close_can_be_repeated_and_changes_nothing(world: World, edge: Identity) -> None:
    """The same outcome again from the same executor succeeds as a no-op (decisions 7)."""
    world.submit()
    process = world.assign(edge)
    world.fail(edge, process, "first")
    first = world.get(process)
    world.advance(5)
    world.fail(edge, process, "second")
    assert world.get(process) == first


def test_the_first_of_two_different_closes_stands(world: World, edge: Identity) -> None:
    world.submit()
    process = world.assign(edge)
    world.fail(edge, process, "no")
    refusal = world.refused(edge, CloseSuccessful(processid=process.processid, output=[1]))
    assert refusal == (400, "Tried to set failed process as successful")


def test_an_empty_close_keeps_the_output_that_was_set(world: World, edge: Identity) -> None:
    for closing, expected in (((), [1, 2]), ((3,), [3])):
        world.submit()
        process = world.assign(edge)
        for output in ([1], [1, 2], []):
            world.call(edge, SetOutput(processid=process.processid, output=output))
        assert world.get(process).output == [1, 2]
        world.close(edge, process, *closing)
        assert world.get(process).output == expected


def test_a_failure_without_errors(world: World, edge: Identity) -> None:
    world.submit()
    process = world.assign(edge)
    world.send(edge, "closefailedmsg", {"processid": process.processid, "errors": None})
    assert (world.get(process).state, world.get(process).errors) == (3, [])


def test_deadlines_run_while_assignments_are_paused(world: World, edge: Identity) -> None:
    process = world.submit(maxexectime=5)
    world.assign(edge)
    world.call(world.owner, PauseAssignments(colonyname="dev"))
    world.tick(5)
    assert world.get(process).errors == EXECUTED


def test_an_event_from_the_past_does_not_turn_the_clock_back(world: World) -> None:
    process = world.submit(maxwaittime=10)
    clock = world.state.clock
    world.now -= 100 * SECOND
    assert world.system(Tick()).refusal is None
    assert world.state.clock == clock
    later = world.submit()
    assert later.submissiontime == process.submissiontime
    with pytest.raises(Refusal):
        world.call(world.user, CloseSuccessful(processid=process.processid))
