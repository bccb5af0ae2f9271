# Written by sdk/generate_sync.py from colonyledger/rpc/workflows.py; change that one.
"""Workflows (protocol: workflows.md)."""

from __future__ import annotations

from collections.abc import Sequence
from time import sleep

from colonyledger.retries import Patience
from colonyledger.spec import in_colony
from colonyledger.states import is_final
from colonyledger.sync.rpc.caller import Caller
from colonyledger.wire import (
    AddChild,
    CancelProcessGraph,
    FunctionSpec,
    GetProcessGraph,
    GetProcessGraphs,
    Process,
    ProcessGraph,
    ProcessState,
    RemoveAllProcessGraphs,
    RemoveProcessGraph,
    SubmitWorkflow,
    WorkflowSpec,
)

__all__ = ["WorkflowCalls"]

MOST_WORKFLOWS = 100
"""The most workflows that one `get_workflows` gives (protocol: constants.md section 2)."""


class WorkflowCalls(Caller):
    """Calls about workflows."""

    def submit_workflow(self, specs: Sequence[FunctionSpec]) -> ProcessGraph:
        """Member: submit functions whose `conditions.dependencies` name their parents' `nodename`."""
        functionspecs = [in_colony(spec, self.colony) for spec in specs]
        return self.call(
            SubmitWorkflow(spec=WorkflowSpec(colonyname=self.colony, functionspecs=functionspecs))
        )

    def wait_for_workflow(
        self,
        processgraphid: str,
        timeout: float | None = None,
    ) -> ProcessGraph:
        """Member: wait until a workflow has ended, and give it as it is then, whatever its state.

        Raises:
            WaitTimedOut: it did not end within `timeout` seconds. It goes on all the same.
        """
        patience = Patience(timeout, f"SyncWorkflow {processgraphid}")
        while True:
            graph = self.get_workflow(processgraphid)
            if is_final(graph.state):
                return graph
            sleep(patience.next())

    def get_workflow(self, processgraphid: str) -> ProcessGraph:
        """Member: one workflow, with what is needed to draw it."""
        return self.call(GetProcessGraph(processgraphid=processgraphid))

    def get_workflows(self, state: ProcessState, *, count: int = MOST_WORKFLOWS) -> list[ProcessGraph]:
        """Member: up to `count` (at most 100) workflows in one state, newest first."""
        return self.call(GetProcessGraphs(colonyname=self.colony, count=count, state=state))

    def cancel_workflow(self, processgraphid: str) -> None:
        """Member: cancel what has not finished of a workflow."""
        self.call(CancelProcessGraph(processgraphid=processgraphid))

    def remove_workflow(self, processgraphid: str) -> None:
        """Member: remove a workflow that is not running, with its processes."""
        self.call(RemoveProcessGraph(processgraphid=processgraphid))

    def remove_all_workflows(self, state: ProcessState) -> None:
        """Colony owner: remove the workflows in one state (NOTSET: in any), with their processes."""
        self.call(RemoveAllProcessGraphs(colonyname=self.colony, state=state))

    def add_child(
        self,
        parent: Process,
        spec: FunctionSpec,
        *,
        childprocessid: str = "",
        insert: bool = False,
    ) -> Process:
        """The executor that runs `parent`: grow its workflow by one process (workflows.md section 6).

        The new process becomes one more child of `parent`. With `childprocessid` it also becomes
        one more parent of that process; with `insert` it comes between `parent` and all the
        children that `parent` has.
        """
        message = AddChild(
            processgraphid=parent.processgraphid,
            parentprocessid=parent.processid,
            childprocessid=childprocessid,
            spec=in_colony(spec, self.colony),
            insert=insert,
        )
        return self.call(message)
