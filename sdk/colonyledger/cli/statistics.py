"""Counts of executors, processes and workflows as a table."""

from __future__ import annotations

from colonyledger.cli.tables import Table, number, table, text
from colonyledger.wire import Statistics

__all__ = ["statistics_table"]


def statistics_table(title: str, counts: Statistics) -> Table:
    """One row for processes, one for workflows; executors in the title."""
    rows = [
        (
            "Processes",
            counts.waitingprocesses,
            counts.runningprocesses,
            counts.successfulprocesses,
            counts.failedprocesses,
            counts.cancelledprocesses,
        ),
        (
            "Workflows",
            counts.waitingworkflows,
            counts.runningworkflows,
            counts.successfulworkflows,
            counts.failedworkflows,
            counts.cancelledworkflows,
        ),
    ]
    states = [number(state) for state in ("Waiting", "Running", "Successful", "Failed", "Cancelled")]
    executors = (
        f"{counts.executors} executors, {counts.activeexecutors} active, "
        f"{counts.unregisteredexecutors} unregistered"
    )
    return table(f"{title}: {executors}", [text(""), *states], rows)
