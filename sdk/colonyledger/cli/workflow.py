"""Commands about workflows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from colonyledger.cli.session import Session, command, group
from colonyledger.cli.specfiles import read_specs
from colonyledger.cli.stateflags import confirm_removal, state_of
from colonyledger.cli.tables import (
    Table,
    details,
    ident,
    local_time,
    moment,
    number,
    seconds,
    table,
    text,
    values,
)
from colonyledger.errors import ColonyError
from colonyledger.states import state_name
from colonyledger.wire import Process, ProcessGraph, ProcessState

app = group("Submit and see graphs of functions that depend on each other.")

WorkflowId = Annotated[str, typer.Option("--workflowid", "-w", help="Id of the workflow")]

_LISTS = {
    "psw": (ProcessState.WAITING, "List waiting workflows, the latest first."),
    "ps": (ProcessState.RUNNING, "List running workflows, the latest first."),
    "pss": (ProcessState.SUCCESS, "List successful workflows, the latest first."),
    "psf": (ProcessState.FAILED, "List failed workflows, the latest first."),
    "psc": (ProcessState.CANCELLED, "List cancelled workflows, the latest first."),
}


class WorkflowNotSuccessful(ColonyError):
    """A workflow that was waited for failed or was cancelled."""


@command(app, "submit", examples=["colony workflow submit --spec diamond.json --wait"])
def submit_workflow(
    session: Session,
    *,
    spec: Annotated[str, typer.Option(help="JSON file with an array of function specifications")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended")] = False,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait at most")] = None,
) -> None:
    """Submit the workflow in a file."""
    graph = session.member.submit_workflow(read_specs(spec))
    session.say("Workflow submitted", None if wait else graph, WorkflowId=graph.processgraphid)
    if wait:
        graph = session.member.wait_for_workflow(graph.processgraphid, timeout)
        _show(session, graph)
        if graph.state != ProcessState.SUCCESS:
            raise WorkflowNotSuccessful(f"Workflow {graph.processgraphid} is {state_name(graph.state)}.")


def _listing(state: ProcessState, description: str) -> Callable[..., None]:
    def list_workflows(
        session: Session,
        *,
        count: Annotated[int, typer.Option(help="How many at most; the server gives up to 100")] = 20,
    ) -> None:
        graphs = session.member.get_workflows(state, count=count)
        columns = [moment("Submitted"), number("Processes"), number("Took"), text("Initiator")]
        rows = [
            (
                local_time(graph.submissiontime),
                len(graph.processids),
                seconds(graph.starttime, graph.endtime),
                graph.initiatorname,
                graph.processgraphid,
            )
            for graph in graphs
        ]
        title = f"{state_name(state).capitalize()} workflows"
        session.show(graphs, table(title, [*columns, ident("Workflow id")], rows))

    list_workflows.__doc__ = description
    return list_workflows


for _name, (_state, _description) in _LISTS.items():
    command(app, _name, examples=[f"colony workflow {_name} --count 5"])(_listing(_state, _description))


@command(app, "get", examples=["colony workflow get --workflowid 77ad…"])
def get_workflow(session: Session, workflowid: WorkflowId) -> None:
    """Show a workflow and its processes."""
    _show(session, session.member.get_workflow(workflowid))


@command(app, "cancel", examples=["colony workflow cancel --workflowid 77ad…"])
def cancel_workflow(session: Session, workflowid: WorkflowId) -> None:
    """Cancel what has not finished of a workflow."""
    session.member.cancel_workflow(workflowid)
    session.say("Workflow cancelled", WorkflowId=workflowid)


@command(app, "remove", examples=["colony workflow remove --workflowid 77ad…"])
def remove_workflow(session: Session, workflowid: WorkflowId) -> None:
    """Remove a workflow that is not running, with its processes."""
    session.member.remove_workflow(workflowid)
    session.say("Workflow removed", WorkflowId=workflowid)


@command(app, "removeall", examples=["colony workflow removeall --successful --yes"])
def remove_all_workflows(
    session: Session,
    *,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only waiting ones")] = False,
    successful: Annotated[bool, typer.Option("--successful", help="Only successful ones")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only failed ones")] = False,
    cancelled: Annotated[bool, typer.Option("--cancelled", help="Only cancelled ones")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
) -> None:
    """Remove all workflows, or those in one state, with their processes (colony owner)."""
    state = state_of(waiting=waiting, successful=successful, failed=failed, cancelled=cancelled)
    owner = session.colony_owner
    confirm_removal("workflows", state, owner.colony, yes=yes)
    owner.remove_all_workflows(state)
    session.say("Workflows removed", Colony=owner.colony)


def _show(session: Session, graph: ProcessGraph) -> None:
    if session.wants_json:
        session.show(graph)
        return
    processes = [session.member.get_process(processid) for processid in graph.processids]
    executors = {executor.executorid: executor.executorname for executor in session.member.get_executors()}
    rows = [
        ("Workflow id", graph.processgraphid),
        ("State", state_name(graph.state)),
        ("Initiator", graph.initiatorname),
        ("Submitted", local_time(graph.submissiontime)),
        ("Started", local_time(graph.starttime)),
        ("Ended", local_time(graph.endtime)),
    ]
    session.show(graph, details("Workflow", rows), _processes_table(processes, executors))


def _processes_table(processes: list[Process], executors: dict[str, str]) -> Table:
    columns = [text("Node"), text("Function"), text("State"), text("Waits for"), text("Executor")]
    columns += [text("Input"), text("Output"), text("Errors"), number("Took"), ident("Process id")]
    rows = [
        (
            process.spec.nodename,
            process.spec.funcname,
            state_name(process.state),
            " ".join(process.spec.conditions.dependencies),
            executors.get(process.assignedexecutorid, process.assignedexecutorid),
            values(process.input),
            values(process.output),
            "\n".join(process.errors),
            seconds(process.starttime, process.endtime),
            process.processid,
        )
        for process in processes
    ]
    return table("Processes", columns, rows)
