"""Processes: submit, look, cancel, remove (protocol: processes.md section 7)."""

from __future__ import annotations

from colonyledger.rpc.caller import Caller
from colonyledger.spec import in_colony
from colonyledger.wire import (
    Attribute,
    CancelProcess,
    FunctionSpec,
    GetAttribute,
    GetPauseStatus,
    GetProcess,
    GetProcesses,
    GetProcessHistory,
    PauseAssignments,
    Process,
    ProcessState,
    RemoveAllProcesses,
    RemoveProcess,
    ResumeAssignments,
    SubmitFunctionSpec,
)

__all__ = ["ProcessCalls"]

MOST_PROCESSES = 100
"""The most processes that one `get_processes` gives (protocol: constants.md section 2)."""


class ProcessCalls(Caller):
    """Calls about processes, for those who submit them."""

    async def submit(self, spec: FunctionSpec) -> Process:
        """Member: submit a function specification; an empty colony name means this client's colony."""
        if not spec.conditions.colonyname:
            spec = in_colony(spec, self.colony)
        return await self.call(SubmitFunctionSpec(spec=spec))

    async def get_process(self, processid: str) -> Process:
        """Member: one process."""
        return await self.call(GetProcess(processid=processid))

    async def get_processes(
        self,
        state: ProcessState,
        *,
        count: int = MOST_PROCESSES,
        executortype: str = "",
        label: str = "",
        initiator: str = "",
        processgraphid: str = "",
    ) -> list[Process]:
        """Member: up to `count` (at most 100) processes in one state, filtered by whatever is not empty.

        Waiting ones come in the order of the queue, running ones by their start, others newest end
        first. With `processgraphid`, `state` may be NOTSET for all states.
        """
        return await self.call(
            GetProcesses(
                colonyname=self.colony,
                count=count,
                state=state,
                executortype=executortype,
                label=label,
                initiator=initiator,
                processgraphid=processgraphid,
            )
        )

    async def get_process_history(
        self, state: ProcessState, *, seconds: int, executorid: str = ""
    ) -> list[Process]:
        """Member: the processes in one state that were submitted in the last `seconds`, oldest first."""
        return await self.call(
            GetProcessHistory(colonyname=self.colony, executorid=executorid, seconds=seconds, state=state)
        )

    async def cancel(self, processid: str) -> None:
        """Member: cancel a waiting or running process that is in no workflow."""
        await self.call(CancelProcess(processid=processid))

    async def remove_process(self, processid: str) -> None:
        """Member: remove a process that is not running and in no workflow."""
        await self.call(RemoveProcess(processid=processid))

    async def remove_all_processes(self, state: ProcessState) -> None:
        """Colony owner: remove the processes in one state (NOTSET: in any) that are in no workflow."""
        await self.call(RemoveAllProcesses(colonyname=self.colony, state=state))

    async def get_attribute(self, attributeid: str) -> Attribute:
        """Member: one attribute of a process."""
        return await self.call(GetAttribute(attributeid=attributeid))

    async def pause_assignments(self) -> None:
        """Colony owner: hand out no work until resumed."""
        await self.call(PauseAssignments(colonyname=self.colony))

    async def resume_assignments(self) -> None:
        """Colony owner: hand out work again."""
        await self.call(ResumeAssignments(colonyname=self.colony))

    async def are_assignments_paused(self) -> bool:
        """Member: whether the colony's assignments are paused."""
        return (await self.call(GetPauseStatus(colonyname=self.colony))).ispaused
