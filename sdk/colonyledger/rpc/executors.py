"""Executors (protocol: members.md section 3)."""

from __future__ import annotations

from msgspec.structs import replace

from colonyledger.rpc.caller import Caller
from colonyledger.wire import (
    AddExecutor,
    Allocations,
    ApproveExecutor,
    Capabilities,
    Executor,
    GetExecutor,
    GetExecutorById,
    GetExecutors,
    RejectExecutor,
    RemoveExecutor,
    ReportAllocation,
    UpdateExecutor,
)

__all__ = ["ExecutorCalls"]


class ExecutorCalls(Caller):
    """Calls about executors."""

    async def add_executor(self, executor: Executor) -> Executor:
        """Colony owner: add an executor; it is pending until it is approved."""
        if not executor.colonyname:
            executor = replace(executor, colonyname=self.colony)
        return await self.call(AddExecutor(executor=executor))

    async def approve_executor(self, name: str) -> None:
        """Colony owner: let an executor work."""
        await self.call(ApproveExecutor(colonyname=self.colony, executorname=name))

    async def reject_executor(self, name: str) -> None:
        """Colony owner: stop an executor from working."""
        await self.call(RejectExecutor(colonyname=self.colony, executorname=name))

    async def remove_executor(self, name: str) -> None:
        """Colony owner: remove an executor; what it was running goes back to the queue."""
        await self.call(RemoveExecutor(colonyname=self.colony, executorname=name))

    async def get_executors(self) -> list[Executor]:
        """Member, also an executor that is not approved: the colony's executors in all states."""
        return await self.call(GetExecutors(colonyname=self.colony))

    async def get_executor(self, name: str) -> Executor:
        """Member: one executor by name."""
        return await self.call(GetExecutor(colonyname=self.colony, executorname=name))

    async def get_executor_by_id(self, executorid: str) -> Executor:
        """Member: one executor by id."""
        return await self.call(GetExecutorById(colonyname=self.colony, executorid=executorid))

    async def update_capabilities(self, name: str, capabilities: Capabilities) -> None:
        """The executor itself: replace its capabilities."""
        await self.call(UpdateExecutor(colonyname=self.colony, executorname=name, capabilities=capabilities))

    async def report_allocations(self, name: str, allocations: Allocations) -> None:
        """The executor itself: replace its allocations."""
        await self.call(ReportAllocation(colonyname=self.colony, executorname=name, allocations=allocations))
