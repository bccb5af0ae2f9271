"""Tables of the demo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from colonyledger.wire import Process, ProcessState
from rich.table import Table

__all__ = ["inputs_and_outputs", "processes_table"]


def processes_table(processes: Sequence[Process], executors: Mapping[str, str]) -> Table:
    """Who ran what, in the order of the queue's priority times."""
    names = {process.processid: process.spec.nodename for process in processes}
    table = Table(title="Processes", title_justify="left")
    for column in ("Function", "Waits for parents", "Executor", "State", "Retries", "Priority time"):
        numeric = column in ("Retries", "Priority time")
        table.add_column(column, justify="right" if numeric else "left", no_wrap=column == "Priority time")
    for process in processes:
        parents = ", ".join(names[parent] for parent in process.parents)
        table.add_row(
            process.spec.nodename or process.spec.funcname,
            f"{'yes' if process.waitforparents else 'no longer'}: {parents}" if parents else "no",
            executors.get(process.assignedexecutorid, ""),
            ProcessState(process.state).name.lower(),
            str(process.retries),
            str(process.prioritytime),
        )
    return table


def inputs_and_outputs(processes: Sequence[Process]) -> Table:
    """What each process was given, and what it gave."""
    table = Table(title="Inputs and outputs", title_justify="left")
    for column in ("Function", "Arguments", "Input from parents", "Output"):
        table.add_column(column)
    for process in processes:
        arguments = [
            *map(str, process.spec.args),
            *(f"{key}={value}" for key, value in process.spec.kwargs.items()),
        ]
        table.add_row(
            process.spec.nodename or process.spec.funcname,
            ", ".join(arguments),
            _values(process.input),
            _values(process.output),
        )
    return table


def _values(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))
