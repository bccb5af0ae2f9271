"""Submitting, reading and finishing processes (protocol: processes.md section 7)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

from colonyledger.wire import (
    SECOND,
    CancelProcess,
    CloseFailed,
    CloseSuccessful,
    Empty,
    FunctionSpec,
    GetProcess,
    GetProcesses,
    GetProcessHistory,
    Message,
    ProcessOf,
    ProcessState,
    RemoveAllProcesses,
    RemoveProcess,
    SetOutput,
    SubmitFunctionSpec,
)

from projections import lifecycle
from projections.channel import Channels
from projections.event import Refusal
from projections.initiators import Initiator, caller_of
from projections.limits import MAX_LIST_COUNT
from projections.listings import Filter
from projections.locators import member_colony, owned_colony, required
from projections.process import LiveProcess, StoredProcess
from projections.registry import Locator, Role, command, query
from projections.specs import check_priority, environment, read_spec

if TYPE_CHECKING:
    from projections.state import Colony, State
    from projections.turn import Turn, View

__all__ = [
    "cancel_process",
    "close_failed",
    "close_successful",
    "get_process",
    "get_process_history",
    "get_processes",
    "located_process",
    "new_process",
    "remove_all_processes",
    "remove_process",
    "set_output",
    "submit_function_spec",
]

_STATE_NAMES = ("waiting", "running", "successful", "failed", "cancelled")
_WAITING, _RUNNING, _SUCCESS, _FAILED, _CANCELLED = range(5)

Found = tuple["Colony", LiveProcess]


def located_process(
    status: int, missing: str, processid: Callable[[Any], str] = lambda message: message.processid
) -> Locator[Any, Found]:
    """The process that a message names by id; `status` and `missing` are said if there is none."""

    def find(state: State, message: Message[Any]) -> tuple[Colony, Found] | None:
        found = state.find_process(processid(message))
        return None if found is None else (found[0], found)

    return Locator(find, lambda _: Refusal(status, missing), processid, by_id=True)


def new_process(
    turn: Turn,
    colony: Colony,
    spec: FunctionSpec,
    initiator: Initiator,
    *,
    graphid: str = "",
    nodename: str = "",
) -> LiveProcess:
    """A process of `initiator` for `spec`, in no listing yet.

    Raises:
        Refusal: 400, an amount of processor or memory cannot be read.

    """
    raw, needs = read_spec(spec, colony.record.name, in_workflow=bool(graphid))
    index = turn.next_index()
    processid = turn.new_id(colony)
    record = ProcessOf(
        processid,
        initiator.id,
        initiator.name,
        raw,
        prioritytime=turn.now - spec.priority * 86_400 * SECOND if spec.priority else turn.now,
        submissiontime=turn.moment,
        attributes=environment(spec, processid, colony.record.name, graphid),
        processgraphid=graphid,
    )
    return LiveProcess(
        record,
        colony.record.name,
        colony.processes.shared(needs),
        spec.funcname,
        nodename or spec.nodename,
        spec.label,
        spec.maxwaittime,
        spec.maxexectime,
        spec.maxretries,
        turn.now,
        turn.event.offset,
        index,
        channels=Channels.declared(spec.channels),
    )


def _colony_of_spec(message: SubmitFunctionSpec) -> str:
    spec = required(message.spec, "Failed to submit process spec, msg.FunctionSpec is nil")
    return spec.conditions.colonyname


@command(SubmitFunctionSpec, Role.MEMBER, member_colony(_colony_of_spec), "submit process")
def submit_function_spec(turn: Turn, message: SubmitFunctionSpec, colony: Colony) -> StoredProcess:
    """Queue one process (processes.md section 7.1)."""
    spec = required(message.spec, "Failed to submit process spec, msg.FunctionSpec is nil")
    check_priority(spec)
    process = new_process(turn, colony, spec, caller_of(turn, colony))
    lifecycle.submit(turn, colony, process)
    return process.record


@query(
    GetProcess, Role.MEMBER, located_process(404, "Failed to get process, process not found"), "get process"
)
def get_process(view: View, message: GetProcess, found: Found) -> StoredProcess:
    """One process (processes.md section 7.3)."""
    return found[1].record


@query(GetProcesses, Role.MEMBER, member_colony(), "get processes")
def get_processes(view: View, message: GetProcesses, colony: Colony) -> list[StoredProcess]:
    """The first `count` processes in one state that pass all filters given (processes.md section 7.4)."""
    if message.count > MAX_LIST_COUNT:
        raise Refusal(400, f"Count is larger than MaxCount limit <{MAX_LIST_COUNT}>")
    if message.count < 0:
        raise Refusal(400, "Failed to get processes, count is negative")
    if message.initiator and not _is_initiator(colony, message.initiator):
        raise Refusal(400, f"User <{message.initiator}> does not exist")
    if message.processgraphid and message.state == ProcessState.NOTSET:
        return _of_graph(colony, message)
    if not _WAITING <= message.state <= _CANCELLED:
        raise Refusal(400, "Failed to get processes, invalid msg.State")
    if message.processgraphid:
        return _of_graph(colony, message)
    wanted = Filter(message.executortype, message.initiator, message.label)
    return colony.processes.listed(message.state, message.count, wanted)


def _is_initiator(colony: Colony, name: str) -> bool:
    return name in colony.users.by_name or name in colony.executors.by_name


def _of_graph(colony: Colony, message: GetProcesses) -> list[StoredProcess]:
    graph = colony.graphs.by_id.get(message.processgraphid)
    members = (colony.processes.by_id[member] for member in ([] if graph is None else graph.members))
    passing = (
        process.record
        for process in members
        if message.state in (ProcessState.NOTSET, process.record.state)
        and message.executortype in ("", process.needs.executortype)
        and message.initiator in ("", process.record.initiatorname)
        and message.label in ("", process.label)
    )
    return list(islice(passing, message.count))


@query(GetProcessHistory, Role.MEMBER, member_colony(), "get process history")
def get_process_history(view: View, message: GetProcessHistory, colony: Colony) -> list[StoredProcess]:
    """The processes in one state submitted in the last seconds (section 7.5)."""
    start = view.now - message.seconds * SECOND
    return colony.processes.submitted_since(start, message.state, message.executorid)


@command(
    RemoveProcess,
    Role.MEMBER,
    located_process(500, "Failed to remove process, process is nil"),
    "remove process",
)
def remove_process(turn: Turn, message: RemoveProcess, found: Found) -> Empty:
    """Forget a process (processes.md section 7.6)."""
    colony, process = found
    if process.record.processgraphid:
        raise Refusal(
            400,
            "Failed to remove, cannot remove a process part of a workflow, "
            "delete the entire workflow instead",
        )
    if process.record.state == _RUNNING:
        raise Refusal(400, "Failed to remove process, cannot remove a running process")
    lifecycle.remove(turn, colony, process)
    return Empty()


@command(RemoveAllProcesses, Role.COLONY_OWNER, owned_colony(), "remove all processes")
def remove_all_processes(turn: Turn, message: RemoveAllProcesses, colony: Colony) -> Empty:
    """Forget the processes in a state that are in no workflow (processes.md section 7.7)."""
    if message.state == _RUNNING:
        raise Refusal(400, "Not possible to remove running processes")
    if not ProcessState.NOTSET <= message.state <= _CANCELLED:
        raise Refusal(400, "Invalid state when deleting all processes")
    everything = message.state == ProcessState.NOTSET
    processes = colony.processes
    for process in list(processes.by_id.values() if everything else processes.in_state(message.state)):
        if not process.record.processgraphid:
            lifecycle.remove(turn, colony, process)
    return Empty()


@command(
    CancelProcess,
    Role.MEMBER,
    located_process(500, "Failed to cancel process, process is nil"),
    "cancel process",
)
def cancel_process(turn: Turn, message: CancelProcess, found: Found) -> Empty:
    """Cancel a process that has not finished (processes.md section 7.8)."""
    colony, process = found
    if process.record.processgraphid:
        raise Refusal(
            400,
            "Failed to cancel, cannot cancel a process part of a workflow, "
            "cancel the entire workflow instead",
        )
    state = process.record.state
    if state >= _SUCCESS:
        already = "already " if state == _CANCELLED else ""
        raise Refusal(400, f"Tried to cancel {already}{_STATE_NAMES[state]} process")
    lifecycle.cancel(turn, colony, process)
    return Empty()


def _check_closer(turn: Turn, process: LiveProcess, outcome: str) -> None:
    """Only the executor that has, or had, the process may finish it."""
    if not process.record.assignedexecutorid:
        raise Refusal(403, f"Failed to close process as {outcome}, process is not assigned")
    if process.record.assignedexecutorid != turn.caller:
        raise Refusal(403, f"Failed to close process as {outcome}, not allowed to close process as {outcome}")


@command(
    CloseSuccessful,
    Role.MEMBER,
    located_process(500, "Failed to close process as successful, process is nil"),
    "close process as successful",
)
def close_successful(turn: Turn, message: CloseSuccessful, found: Found) -> Empty:
    """Finish a process; doing so again changes nothing (processes.md section 7.9, quirk P11)."""
    colony, process = found
    _check_closer(turn, process, "successful")
    state = process.record.state
    if state in (_FAILED, _CANCELLED):
        raise Refusal(400, f"Tried to set {_STATE_NAMES[state]} process as successful")
    if state == _RUNNING:
        lifecycle.close(turn, colony, process, message.output)
    return Empty()


@command(
    CloseFailed,
    Role.MEMBER,
    located_process(500, "Failed to close process as failed, process is nil"),
    "close process as failed",
)
def close_failed(turn: Turn, message: CloseFailed, found: Found) -> Empty:
    """Give a process up for good; doing so again changes nothing (processes.md section 7.10)."""
    colony, process = found
    _check_closer(turn, process, "failed")
    state = process.record.state
    if state == _FAILED and process.closed:
        return Empty()
    if state != _RUNNING:
        raise Refusal(400, f"Tried to set {_STATE_NAMES[state]} process as failed")
    lifecycle.fail(turn, colony, process, message.errors)
    process.closed = True
    return Empty()


@command(SetOutput, Role.MEMBER, located_process(500, "Failed to set output, process is nil"), "set output")
def set_output(turn: Turn, message: SetOutput, found: Found) -> Empty:
    """Set the output of a running process; an empty one changes nothing (processes.md section 7.11)."""
    process = found[1]
    if process.record.assignedexecutorid != turn.caller:
        raise Refusal(
            403, "Failed to set output, not allowed to set the output of another executor's process"
        )
    if process.record.state != _RUNNING:
        raise Refusal(403, "Failed to set output, process is not running")
    if message.output:
        process.record.output = tuple(message.output)
    return Empty()
