"""Commands about processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from colonyledger.cli.processtables import process_tables, processes_table
from colonyledger.cli.session import Session, command, group
from colonyledger.cli.specfiles import split_values
from colonyledger.cli.stateflags import confirm_removal, state_of
from colonyledger.cli.tables import values
from colonyledger.errors import NotFound
from colonyledger.wire import Process, ProcessState

app = group("See what waits, runs and ended, and act on it.")

ProcessId = Annotated[str, typer.Option("--processid", "-p", help="Id of the process")]
Count = Annotated[int, typer.Option(help="How many at most; the server gives up to 100")]
Filter = Annotated[str, typer.Option(help="Only these")]

_LISTS = {
    "psw": (ProcessState.WAITING, "List waiting processes in the order of the queue."),
    "ps": (ProcessState.RUNNING, "List running processes, the longest first."),
    "pss": (ProcessState.SUCCESS, "List successful processes, the latest first."),
    "psf": (ProcessState.FAILED, "List failed processes, the latest first."),
    "psc": (ProcessState.CANCELLED, "List cancelled processes, the latest first."),
}


def _listing(state: ProcessState, description: str) -> Callable[..., None]:
    def list_processes(
        session: Session,
        *,
        count: Count = 20,
        ids: Annotated[bool, typer.Option("--ids", "-i", help="Print only the ids, one a line")] = False,
        executortype: Filter = "",
        label: Filter = "",
        initiator: Filter = "",
    ) -> None:
        processes = session.member.get_processes(
            state, count=count, executortype=executortype, label=label, initiator=initiator
        )
        if ids and not session.wants_json:
            for process in processes:
                typer.echo(process.processid)
            return
        names = {} if session.wants_json else _executor_names(session, processes)
        session.show(processes, processes_table(processes, state, names))

    list_processes.__doc__ = description
    return list_processes


for _name, (_state, _description) in _LISTS.items():
    command(app, _name, examples=[f"colony process {_name}", f"colony process {_name} --ids --label night"])(
        _listing(_state, _description)
    )


@command(app, "get", examples=["colony process get -p 4b1f…", "colony process get -p 4b1f… --out"])
def get_process(
    session: Session,
    *,
    processid: ProcessId,
    out: Annotated[bool, typer.Option("--out", help="Print only the output, separated by spaces")] = False,
) -> None:
    """Show everything about a process."""
    process = session.member.get_process(processid)
    if out and not session.wants_json:
        typer.echo(values(process.output))
        return
    names = {} if session.wants_json else _executor_names(session, [process])
    executor = names.get(process.assignedexecutorid, process.assignedexecutorid)
    session.show(process, *process_tables(process, executor))


@command(app, "assign", examples=["colony process assign --timeout 10"])
def assign_process(
    session: Session,
    *,
    timeout: Annotated[int, typer.Option(help="Seconds to wait; negative not to wait at all")] = 100,
) -> None:
    """Take the next process, as the executor whose key signs."""
    process = session.member.assign(timeout=timeout)
    if process is None:
        raise NotFound(404, "No process available for assignment", "assignprocessmsg")
    session.say("Process assigned", process, ProcessId=process.processid, Function=process.spec.funcname)


@command(app, "close", examples=["colony process close -p 4b1f… --out 4,9"])
def close_process(
    session: Session,
    *,
    processid: ProcessId,
    out: Annotated[list[str] | None, typer.Option(help="Output: a,b,c")] = None,
) -> None:
    """Close a process as successful (the executor that runs it)."""
    session.member.close(processid, split_values(out or []))
    session.say("Process closed as successful", ProcessId=processid)


@command(app, "fail", examples=['colony process fail -p 4b1f… --errors "no such file"'])
def fail_process(
    session: Session,
    *,
    processid: ProcessId,
    errors: Annotated[list[str] | None, typer.Option(help="What went wrong; may be repeated")] = None,
) -> None:
    """Close a process as failed (the executor that runs it)."""
    session.member.fail(processid, errors or [])
    session.say("Process closed as failed", ProcessId=processid)


@command(app, "cancel", examples=["colony process cancel -p 4b1f…"])
def cancel_process(session: Session, processid: ProcessId) -> None:
    """Cancel a waiting or running process."""
    session.member.cancel(processid)
    session.say("Process cancelled", ProcessId=processid)


@command(app, "remove", examples=["colony process remove -p 4b1f…"])
def remove_process(session: Session, processid: ProcessId) -> None:
    """Remove a process that is not running."""
    session.member.remove_process(processid)
    session.say("Process removed", ProcessId=processid)


@command(app, "removeall", examples=["colony process removeall --failed --yes"])
def remove_all_processes(
    session: Session,
    *,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only waiting ones")] = False,
    successful: Annotated[bool, typer.Option("--successful", help="Only successful ones")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only failed ones")] = False,
    cancelled: Annotated[bool, typer.Option("--cancelled", help="Only cancelled ones")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
) -> None:
    """Remove all processes, or those in one state, that are in no workflow (colony owner)."""
    state = state_of(waiting=waiting, successful=successful, failed=failed, cancelled=cancelled)
    owner = session.colony_owner
    confirm_removal("processes", state, owner.colony, yes=yes)
    owner.remove_all_processes(state)
    session.say("Processes removed", Colony=owner.colony)


@command(app, "pause", examples=["colony process pause"])
def pause_assignments(session: Session) -> None:
    """Hand out no more processes of the colony (colony owner)."""
    session.colony_owner.pause_assignments()
    session.say("Assignments paused", Colony=session.colony_name)


@command(app, "resume", examples=["colony process resume"])
def resume_assignments(session: Session) -> None:
    """Hand out processes again (colony owner)."""
    session.colony_owner.resume_assignments()
    session.say("Assignments resumed", Colony=session.colony_name)


@command(app, "status", examples=["colony process status"])
def show_assignment_status(session: Session) -> None:
    """Say whether the colony's assignments are paused."""
    paused = session.member.are_assignments_paused()
    if session.wants_json:
        session.show({"colonyname": session.colony_name, "ispaused": paused})
    else:
        typer.echo("paused" if paused else "active")


def _executor_names(session: Session, processes: list[Process]) -> dict[str, str]:
    """The names of the executors that `processes` are assigned to, by id."""
    if not any(process.assignedexecutorid for process in processes):
        return {}
    return {executor.executorid: executor.executorname for executor in session.member.get_executors()}
