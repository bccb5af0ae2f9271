"""The life of a process: every transition there is, with what it sets (protocol: queue.md section 1).

Rules and timers decide; the functions here carry out. Each keeps listings, counts, attributes and the
workflow in step, and tells the facts. What a process keeps for good is in tuples: the garbage collector
looks at a million lists again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from colonyledger.wire import SECOND, ZERO_TIME, Executor, ProcessState, instant

from projections.event import Change, GraphChanged, ProcessChanged
from projections.process import FINAL, LiveProcess
from projections.timers import timer

if TYPE_CHECKING:
    from projections.graphs import LiveGraph
    from projections.state import Colony, State
    from projections.turn import Turn

__all__ = [
    "assign",
    "cancel",
    "close",
    "fail",
    "put_back",
    "put_back_all",
    "remove",
    "remove_graph",
    "submit",
]

WAIT_EXCEEDED = "Maximum waiting time limit exceeded"
EXECUTION_EXCEEDED = "Maximum execution time limit exceeded"

_WAITING, _RUNNING = ProcessState.WAITING.value, ProcessState.RUNNING.value
_SUCCESS, _FAILED = ProcessState.SUCCESS.value, ProcessState.FAILED.value


def submit(turn: Turn, colony: Colony, process: LiveProcess) -> None:
    """Let a new process into the queue; it becomes a candidate if it waits for no parent."""
    if not process.record.waitforparents:
        _start_waiting(turn, process)
    colony.processes.add(process)
    _tell(turn, process, Change.SUBMITTED)
    if not process.record.waitforparents:
        _tell(turn, process, Change.READY)


def assign(turn: Turn, colony: Colony, process: LiveProcess, executor: Executor) -> None:
    """Give a candidate to an executor (queue.md section 5)."""
    record = process.record
    colony.processes.leave(process)
    record.state = _RUNNING
    record.isassigned = True
    record.assignedexecutorid = executor.executorid
    record.starttime = turn.moment
    process.started = turn.now
    process.attempt += 1
    process.assigned_by = turn.event.offset
    if process.maxexectime > 0:
        process.execdeadline = turn.now + process.maxexectime * SECOND
        record.execdeadline = instant(process.execdeadline)
        turn.state.timers.set(
            process.execdeadline, "execution", record.processid, process.attempt, process.age
        )
    if record.parents:
        outputs = (colony.processes.by_id[parent].record.output for parent in record.parents)
        record.input = tuple(chain.from_iterable(outputs))
    colony.processes.enter(process)
    _moved(turn, colony, process, _WAITING)
    _tell(turn, process, Change.ASSIGNED, executor.executorname)


def put_back(turn: Turn, colony: Colony, process: LiveProcess, *, retry: bool) -> None:
    """Return a running process to the queue, at its old place; `retry` says whether it counts as one."""
    record = process.record
    executor = _executor_name(colony, process)
    colony.processes.leave(process)
    record.state = _WAITING
    record.isassigned = False
    record.assignedexecutorid = ""
    if retry:
        record.endtime = turn.moment
        record.retries += 1
    else:
        record.starttime = record.endtime = ZERO_TIME
    _start_waiting(turn, process)
    colony.processes.enter(process)
    _moved(turn, colony, process, _RUNNING)
    _tell(turn, process, Change.PUT_BACK, executor)
    _tell(turn, process, Change.READY)


def put_back_all(turn: Turn, colony: Colony, executor: Executor) -> None:
    """Return everything that an executor runs to the queue, without counting a retry."""
    for processid in list(colony.processes.running.get(executor.executorid, ())):
        put_back(turn, colony, colony.processes.by_id[processid], retry=False)


def close(turn: Turn, colony: Colony, process: LiveProcess, output: Sequence[Any]) -> None:
    """Finish a running process; a non-empty output replaces what was set before."""
    if output:
        process.record.output = tuple(output)
    _end(turn, colony, process, _SUCCESS)
    waited = (process.started - process.submitted) / SECOND
    executed = (turn.now - process.started) / SECOND
    colony.functions.count(_executor_name(colony, process), process.funcname, waited, executed)
    for childid in process.record.children:
        child = colony.processes.by_id[childid]
        child.unfinished_parents -= 1
        if child.unfinished_parents == 0 and child.record.state == _WAITING:
            _start_waiting(turn, child)
            colony.processes.ready(child)
            _tell(turn, child, Change.READY)


def fail(turn: Turn, colony: Colony, process: LiveProcess, errors: Sequence[str]) -> None:
    """Give a process up; if others wait for it, so is all of its workflow (workflows.md section 5)."""
    process.record.errors = tuple(errors)
    _end(turn, colony, process, _FAILED)
    graph = colony.graphs.by_id.get(process.record.processgraphid)
    if graph is None or not process.record.children:
        return
    reason = (f"Process {process.record.processid} in the same workflow failed",)
    for memberid in graph.members:
        member = colony.processes.by_id[memberid]
        if member.record.state not in FINAL:
            member.record.errors = reason
            _end(turn, colony, member, _FAILED)


def cancel(turn: Turn, colony: Colony, process: LiveProcess) -> None:
    """Cancel a waiting or running process."""
    _end(turn, colony, process, ProcessState.CANCELLED.value)


def remove(turn: Turn, colony: Colony, process: LiveProcess) -> None:
    """Forget a process with its attributes and log."""
    colony.processes.remove(process)
    colony.logs.forget_process(process.record.processid)
    _tell(turn, process, Change.REMOVED)


def remove_graph(turn: Turn, colony: Colony, graph: LiveGraph) -> None:
    """Forget a workflow with its processes."""
    colony.graphs.remove(graph)
    _release_cron(turn, colony, graph)
    for processid in graph.members:
        remove(turn, colony, colony.processes.by_id[processid])


def _overdue_waiting(state: State, processid: str, deadline: int) -> tuple[Colony, LiveProcess] | None:
    found = state.find_process(processid)
    return found if found and found[1].is_candidate and found[1].waitdeadline == deadline else None


@timer("waiting", _overdue_waiting)
def wait_is_over(turn: Turn, found: tuple[Colony, LiveProcess]) -> None:
    """Fail a process that has been waiting for longer than it may (queue.md section 7)."""
    fail(turn, *found, (WAIT_EXCEEDED,))


def _overdue_execution(state: State, processid: str, attempt: int) -> tuple[Colony, LiveProcess] | None:
    found = state.find_process(processid)
    return found if found and found[1].record.state == _RUNNING and found[1].attempt == attempt else None


@timer("execution", _overdue_execution)
def execution_is_over(turn: Turn, found: tuple[Colony, LiveProcess]) -> None:
    """Take a process back from an executor that took too long (queue.md section 7)."""
    colony, process = found
    if 0 <= process.maxretries <= process.record.retries:
        fail(turn, colony, process, (EXECUTION_EXCEEDED,))
    else:
        put_back(turn, colony, process, retry=True)


def _start_waiting(turn: Turn, process: LiveProcess) -> None:
    if process.maxwaittime > 0:
        process.waitdeadline = turn.now + process.maxwaittime * SECOND
        process.record.waitdeadline = instant(process.waitdeadline)
        turn.state.timers.set(
            process.waitdeadline, "waiting", process.record.processid, process.waitdeadline, process.age
        )


def _end(turn: Turn, colony: Colony, process: LiveProcess, state: int) -> None:
    record = process.record
    before = record.state
    colony.processes.leave(process)
    record.state = state
    record.endtime = turn.moment
    process.channels = None
    colony.processes.enter(process)
    _moved(turn, colony, process, before)
    colony.retention.process_ended(turn, process, colony.graphs.by_id.get(record.processgraphid))
    _tell(turn, process, Change.CLOSED, _executor_name(colony, process))


def _moved(turn: Turn, colony: Colony, process: LiveProcess, before: int) -> None:
    """Bring attributes and workflow in step with a process that has left state `before`."""
    record = process.record
    for attribute in record.attributes:
        attribute.state = record.state
    graph = colony.graphs.by_id.get(record.processgraphid)
    if graph is not None:
        graph.counts[before] -= 1
        graph.counts[record.state] += 1
        _derive(turn, colony, graph, put_back=record.state == _WAITING)


def _derive(turn: Turn, colony: Colony, graph: LiveGraph, *, put_back: bool) -> None:
    """Set the state that follows from the members'; an end is set anew but by a put-back (workflows.md section 4)."""
    record = graph.record
    state = graph.derived_state
    if state in FINAL and not put_back:
        record.endtime = turn.moment
    if state == record.state:
        return
    if record.state == _WAITING and state == _RUNNING:
        record.starttime = turn.moment
    if state in FINAL:
        _release_cron(turn, colony, graph)
    colony.graphs.set_state(graph, state)
    turn.tell(GraphChanged(colony.record.name, graph))


def _release_cron(turn: Turn, colony: Colony, graph: LiveGraph) -> None:
    """Let the cron run that waited until a workflow had finished or was gone, before the next record."""
    cron = colony.crons.finished(graph.record.processgraphid)
    if cron is not None:
        turn.state.timers.set(turn.now, "cron", cron.record.cronid, cron.due)


def _executor_name(colony: Colony, process: LiveProcess) -> str:
    executor = colony.executors.by_id.get(process.record.assignedexecutorid)
    return "" if executor is None else executor.executorname


def _tell(turn: Turn, process: LiveProcess, change: Change, executor: str = "") -> None:
    turn.tell(ProcessChanged(process.colony, change, process, executor))
