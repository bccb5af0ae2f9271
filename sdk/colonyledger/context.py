"""What a function of an executor sees of the process that it runs for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from colonyledger.channel import Channel
from colonyledger.client import Client
from colonyledger.wire import AttributeType, Process

__all__ = ["Call"]


class Call:
    """One run of a function for one process.

    A function gets it by annotating a parameter: `async def square(call: Call, x: int)`.
    """

    def __init__(self, client: Client, process: Process) -> None:
        self.client = client
        """Calls signed by the executor."""
        self.process = process
        """The process as it was assigned."""

    @property
    def args(self) -> Sequence[Any]:
        """The positional arguments that were submitted."""
        return self.process.spec.args

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """The keyword arguments that were submitted."""
        return self.process.spec.kwargs

    @property
    def input(self) -> Sequence[Any]:
        """The outputs of the parents, one after the other (protocol: workflows.md section 3)."""
        return self.process.input

    def channel(self, name: str) -> Channel:
        """The executor's side of a channel that the spec declares, to talk with who submitted the process."""
        return self.client.channel(self.process.processid, name)

    async def log(self, message: str) -> None:
        """Add a line to the process's log."""
        await self.client.add_log(self.process.processid, message)

    async def set_attribute(
        self, key: str, value: str, *, attributetype: AttributeType = AttributeType.OUT
    ) -> None:
        """Attach a small fact to the process; one per key and type."""
        await self.client.add_attribute(self.process.processid, key, value, attributetype=attributetype)

    async def set_output(self, *values: Any) -> None:
        """Set the output now; a return value other than None replaces it at the end."""
        await self.client.set_output(self.process.processid, values)
