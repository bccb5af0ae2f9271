"""The work of the demo: a workflow that makes two numbers, squares them, and adds the squares."""

from __future__ import annotations

from typing import NamedTuple

from colonyledger import Client, Task, Workflow

__all__ = ["WorkflowPlan", "plan"]


class WorkflowPlan(NamedTuple):
    """A drawn workflow and the tasks whose results are looked at."""

    workflow: Workflow
    squares: list[Task]
    total: Task


def plan(client: Client) -> WorkflowPlan:
    """Draw the workflow: edge → cloud and cloud → browser."""
    workflow = Workflow(client)
    gen_nums = workflow.call("gen_nums", executortype="edge", priority=3, maxexectime=200, maxretries=5)
    squares = [
        workflow.call(
            "square",
            kwargs={"which": which},
            executortype="cloud",
            priority=2 - which,
            maxexectime=200,
            maxretries=5,
        )
        for which in (0, 1)
    ]
    total = workflow.call("sum", executortype="browser", priority=1, maxexectime=200, maxretries=5)
    gen_nums >> squares >> total
    return WorkflowPlan(workflow, squares, total)
