"""Registered functions as a table."""

from __future__ import annotations

from collections.abc import Iterable

from colonyledger.cli.tables import Table, number, table, text
from colonyledger.wire import Function

__all__ = ["functions_table"]


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
