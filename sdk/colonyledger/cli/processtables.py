"""Processes as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from colonyledger.cli.tables import (
    Table,
    details,
    ident,
    local_time,
    moment,
    number,
    pairs,
    seconds,
    table,
    text,
    values,
)
from colonyledger.states import state_name
from colonyledger.wire import AttributeType, Process, ProcessState

__all__ = ["process_tables", "processes_table"]

_TIMES = {
    ProcessState.WAITING: "Submitted",
    ProcessState.RUNNING: "Started",
    ProcessState.SUCCESS: "Ended",
    ProcessState.FAILED: "Ended",
    ProcessState.CANCELLED: "Ended",
}
_ASSIGNED = {ProcessState.RUNNING, ProcessState.SUCCESS, ProcessState.FAILED}


def processes_table(processes: Sequence[Process], state: ProcessState, executors: Mapping[str, str]) -> Table:
    """Processes that are all in `state`; `executors` are names by id."""
    assigned = state in _ASSIGNED
    columns = [text("Function"), text("Args"), text("KwArgs"), moment(_TIMES[state])]
    columns += [number("Took")] if assigned else []
    columns += [text("Executor")] if assigned else [number("Priority")]
    columns += [text("Executor type"), text("Initiator"), text("Label"), ident("Process id")]
    rows = []
    for process in processes:
        spec = process.spec
        times = {"Submitted": process.submissiontime, "Started": process.starttime, "Ended": process.endtime}
        executor = executors.get(process.assignedexecutorid, process.assignedexecutorid)
        row: list[object] = [spec.funcname, values(spec.args), pairs(spec.kwargs)]
        row += [local_time(times[_TIMES[state]])]
        row += [seconds(process.starttime, process.endtime), executor] if assigned else [spec.priority]
        row += [spec.conditions.executortype, process.initiatorname, spec.label, process.processid]
        rows.append(row)
    return table(f"{state_name(state).capitalize()} processes", columns, rows)


def process_tables(process: Process, executor: str) -> list[Table]:
    """Everything about one process; `executor` is the name of the one that it is assigned to."""
    tables = [
        details("Process", _run(process, executor)),
        details("Function specification", _function(process)),
        details("Conditions", _conditions(process)),
    ]
    if process.attributes:
        rows = [
            (attribute.key, attribute.value, AttributeType(attribute.attributetype).name.lower())
            for attribute in sorted(process.attributes, key=lambda attribute: attribute.key)
        ]
        tables.append(table("Attributes", [text("Key"), text("Value"), text("Type")], rows))
    return tables


def _run(process: Process, executor: str) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("Process id", process.processid),
        ("State", state_name(process.state)),
        ("Executor", executor),
        ("Input", values(process.input)),
        ("Output", values(process.output)),
        ("Errors", "\n".join(process.errors)),
        ("Retries", process.retries),
        ("Initiator", process.initiatorname),
        ("Submitted", local_time(process.submissiontime)),
        ("Started", local_time(process.starttime)),
        ("Ended", local_time(process.endtime)),
        ("Took", seconds(process.starttime, process.endtime)),
        ("Must start by", local_time(process.waitdeadline)),
        ("Must end by", local_time(process.execdeadline)),
        ("Priority time", process.prioritytime),
    ]
    if process.processgraphid:
        rows += [
            ("Workflow id", process.processgraphid),
            ("Waits for parents", process.waitforparents),
            ("Parents", "\n".join(process.parents)),
            ("Children", "\n".join(process.children)),
        ]
    return rows


def _function(process: Process) -> list[tuple[str, object]]:
    spec = process.spec
    return [
        ("Function", spec.funcname),
        ("Args", values(spec.args)),
        ("KwArgs", pairs(spec.kwargs)),
        ("Node name", spec.nodename),
        ("Priority", spec.priority),
        ("Most seconds waiting", spec.maxwaittime),
        ("Most seconds running", spec.maxexectime),
        ("Most retries", spec.maxretries),
        ("Label", spec.label),
        ("Environment", pairs(spec.env)),
    ]


def _conditions(process: Process) -> list[tuple[str, object]]:
    conditions = process.spec.conditions
    return [
        ("Colony", conditions.colonyname),
        ("Executor type", conditions.executortype),
        ("Executor names", " ".join(conditions.executornames or ["any"])),
        ("Location", conditions.locationname),
        ("Dependencies", " ".join(conditions.dependencies)),
        ("Nodes", conditions.nodes),
        ("CPU", conditions.cpu),
        ("Memory", conditions.mem),
        ("Storage", conditions.storage),
        ("Processes", conditions.processes),
        ("Processes per node", conditions.processespernode),
        ("GPUs", f"{conditions.gpu.count} {conditions.gpu.name}".strip()),
        ("Wall time, s", conditions.walltime),
    ]
