"""Assignments: take a process, work on it, close it (protocol: queue.md, processes.md sections 7 and 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from colonyledger.errors import ServerRefused
from colonyledger.rpc.caller import Caller
from colonyledger.wire import (
    AddAttribute,
    AssignProcess,
    Attribute,
    AttributeType,
    CloseFailed,
    CloseSuccessful,
    Process,
    SetOutput,
)

__all__ = ["AssignmentCalls"]

_NOTHING_TO_DO = frozenset({404, 408})
"""No process came in time; 408 if that was because the colony's assignments are paused."""


class AssignmentCalls(Caller):
    """Calls about processes, for the executors that run them."""

    async def assign(
        self,
        *,
        timeout: int = 60,  # noqa: ASYNC109
        availablecpu: str = "",
        availablemem: str = "",
    ) -> Process | None:
        """Executor: take the next process that fits; None if none came within `timeout` seconds.

        A negative `timeout` takes what is there and does not wait. `availablecpu` ("2000m") and
        `availablemem` ("4Gi") limit what is given.

        Raises:
            NotReady: assignments are paused and `timeout` is negative.
        """
        message = AssignProcess(
            colonyname=self.colony, timeout=timeout, availablecpu=availablecpu, availablemem=availablemem
        )
        try:
            return await self.call(message, timeout=max(timeout, 0), retry_not_ready=timeout > 0)
        except ServerRefused as refusal:
            if refusal.status in _NOTHING_TO_DO:
                return None
            raise

    async def close(self, processid: str, output: Sequence[Any] = ()) -> None:
        """The assigned executor: finish a process; a non-empty `output` replaces the one set before."""
        await self.call(CloseSuccessful(processid=processid, output=list(output)))

    async def fail(self, processid: str, errors: Sequence[str]) -> None:
        """The assigned executor: give a process up for good, and say why."""
        await self.call(CloseFailed(processid=processid, errors=list(errors)))

    async def set_output(self, processid: str, output: Sequence[Any]) -> None:
        """The assigned executor: set the output of its running process."""
        await self.call(SetOutput(processid=processid, output=list(output)))

    async def add_attribute(
        self, processid: str, key: str, value: str, *, attributetype: AttributeType = AttributeType.OUT
    ) -> Attribute:
        """The assigned executor: attach a small fact to its running process."""
        attribute = Attribute(targetid=processid, attributetype=attributetype, key=key, value=value)
        return await self.call(AddAttribute(attribute=attribute))
