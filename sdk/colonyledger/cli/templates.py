"""How the workflow of a cron or generator looks to people."""

from __future__ import annotations

from colonyledger.cli.tables import Table, pairs, table, text, values
from colonyledger.wire import WorkflowSpec, decode

__all__ = ["functions_of"]


def functions_of(workflowspec: str) -> Table:
    """The functions of a workflow that is kept as text."""
    columns = [text("Node"), text("Function"), text("Arguments"), text("Executor type"), text("Waits for")]
    specs = decode(workflowspec.encode(), WorkflowSpec).functionspecs
    rows = [
        (
            spec.nodename,
            spec.funcname,
            " ".join(filter(None, [values(spec.args), pairs(spec.kwargs)])),
            spec.conditions.executortype,
            " ".join(spec.conditions.dependencies),
        )
        for spec in specs
    ]
    return table("Functions", columns, rows)
