"""Handing out work, and pausing it (protocol: processes.md sections 7.2 and 7.12, queue.md section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from colonyledger.wire import (
    AssignProcess,
    Empty,
    Executor,
    ExecutorState,
    GetPauseStatus,
    PauseAssignments,
    PauseStatus,
    ResumeAssignments,
    decode,
)

from projections import lifecycle
from projections.event import AssignmentsResumed, Refusal
from projections.locators import member_colony, owned_colony
from projections.process import StoredProcess
from projections.queue import UNLIMITED, Limits
from projections.registry import Role, command, query
from projections.units import memory_bytes, millicores

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import Turn, View

__all__ = [
    "assign_process",
    "get_pause_status",
    "nothing_to_assign",
    "pause_assignments",
    "paused",
    "read_demand",
    "resume_assignments",
]


def nothing_to_assign() -> Refusal:
    """What an executor is told when there is nothing for it."""
    return Refusal(404, "No process available for assignment", passing=True)


def paused(*, waited: bool) -> Refusal:
    """What an executor of a paused colony is told, at once or after having waited."""
    if waited:
        return Refusal(408, "Assignment timeout: colony assignments are paused", passing=True)
    return Refusal(503, "No processes available: colony assignments are paused", passing=True)


def read_demand(view: View, message: AssignProcess) -> tuple[Executor, Limits]:
    """Who asks for work, and what it has free.

    Raises:
        Refusal: the caller is no executor that may work, or the request cannot be understood.

    """
    if message.timeout == 0:
        raise Refusal(400, "Invalid timeout value, timeout cannot be zero")
    executor = view.executor
    if executor is None or executor.state != ExecutorState.APPROVED:
        raise Refusal(500, "Failed to assign process, executor not found")
    cpu = millicores(message.availablecpu) if message.availablecpu else UNLIMITED
    mem = memory_bytes(message.availablemem) if message.availablemem else UNLIMITED
    return executor, Limits(cpu, mem)


def take_over(turn: Turn, message: AssignProcess, reply: bytes) -> None:
    """Leave the assignment with an executor that has asked for it again.

    One of the answers may have reached it, and no node knows of more than its own: what any of them finds
    undeliverable is not given back any more.
    """
    found = turn.state.find_process(decode(reply, _Assigned).processid)
    if found is None:
        return
    process = found[1]
    if process.nonce == message.nonce and process.record.assignedexecutorid == turn.caller:
        process.assigned_by = -1


class _Assigned(msgspec.Struct):
    processid: str


@command(AssignProcess, Role.MEMBER, member_colony(), "assign process", repeated=take_over)
def assign_process(turn: Turn, message: AssignProcess, colony: Colony) -> StoredProcess:
    """Give the caller the first candidate that fits it (queue.md sections 4 and 5).

    Waiting is the ingress's business: a request is recorded when there is something to give.
    """
    executor, limits = read_demand(turn, message)
    if colony.paused:
        raise paused(waited=message.timeout > 0)
    processid = colony.processes.queue.best(executor, limits)
    if processid is None:
        raise nothing_to_assign()
    process = colony.processes.by_id[processid]
    lifecycle.assign(turn, colony, process, executor)
    process.nonce = message.nonce
    return process.record


@command(PauseAssignments, Role.COLONY_OWNER, owned_colony(), "pause assignments")
def pause_assignments(turn: Turn, message: PauseAssignments, colony: Colony) -> Empty:
    """Hand out no work until resumed."""
    colony.paused = True
    return Empty()


@command(ResumeAssignments, Role.COLONY_OWNER, owned_colony(), "resume assignments")
def resume_assignments(turn: Turn, message: ResumeAssignments, colony: Colony) -> Empty:
    """Hand out work again."""
    if colony.paused:
        colony.paused = False
        turn.tell(AssignmentsResumed(colony.record.name))
    return Empty()


@query(GetPauseStatus, Role.ANY_MEMBER, member_colony(), "get pause status", replytype="pausestatusreplymsg")
def get_pause_status(view: View, message: GetPauseStatus, colony: Colony) -> PauseStatus:
    """Whether assignments are paused."""
    return PauseStatus(colony.record.name, colony.paused)
