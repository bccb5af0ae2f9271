"""Registered functions, and windows of calls, as tables."""

from __future__ import annotations

from collections.abc import Iterable

from colonyledger.cli.tables import Table, local_time_ns, moment, number, table, text
from colonyledger.wire import Durations, Function, FunctionWindow

__all__ = ["functions_table", "windows_table"]


def functions_table(functions: Iterable[Function]) -> Table:
    """One row per function and executor, with the times it took in seconds: average (least to most)."""
    columns = [
        text("Function"),
        text("Arguments"),
        text("Executor"),
        text("Type"),
        number("Calls"),
        number("Waiting, s"),
        number("Running, s"),
        text("Description"),
    ]
    rows = [
        (
            function.funcname,
            ", ".join(argument.name for argument in function.args),
            function.executorname,
            function.executortype,
            function.counter,
            _spread(function.avgwaittime, function.minwaittime, function.maxwaittime),
            _spread(function.avgexectime, function.minexectime, function.maxexectime),
            function.description,
        )
        for function in sorted(functions, key=lambda function: (function.funcname, function.executorname))
    ]
    return table("Functions", columns, rows)


def _spread(average: float, least: float, most: float) -> str:
    return f"{average:.3f} ({least:.3f} to {most:.3f})" if most > 0 else ""


def windows_table(windows: Iterable[FunctionWindow]) -> Table:
    """One row per window, function and executor, with the median and the 99th percentile of times in seconds."""
    columns = [
        moment("From"),
        text("Function"),
        text("Executor"),
        number("Calls/s"),
        number("Assigned"),
        number("Succeeded"),
        number("Failed"),
        number("Cancelled"),
        number("Put back"),
        number("Waiting, s"),
        number("Running, s"),
    ]
    rows = [
        (
            local_time_ns(window.start),
            window.functionname,
            window.executorname,
            f"{window.rate:.3f}",
            window.assigned,
            window.succeeded,
            window.failed,
            window.cancelled,
            window.putback,
            _percentiles(window.waiting),
            _percentiles(window.execution),
        )
        for window in windows
    ]
    return table("Calls: times are median (99th percentile)", columns, rows)


def _percentiles(durations: Durations) -> str:
    return f"{durations.p50:.3f} ({durations.p99:.3f})" if durations.count else ""
