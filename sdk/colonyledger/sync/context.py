# Written by sdk/generate_sync.py from colonyledger/context.py; change that one.
"""What a function of an executor sees of the process that it runs for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from colonyledger.sync.channel import SyncChannel
from colonyledger.sync.client import SyncClient
from colonyledger.wire import AttributeType, Process

__all__ = ["SyncCall"]


class SyncCall:
    """One run of a function for one process.

    A function gets it by annotating a parameter: `def square(call: SyncCall, x: int)`.
    """

    def __init__(self, client: SyncClient, process: Process) -> None:
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

    def channel(self, name: str) -> SyncChannel:
        """The executor's side of a channel that the spec declares, to talk with who submitted the process."""
        return self.client.channel(self.process.processid, name)

    def log(self, message: str) -> None:
        """Add a line to the process's log."""
        self.client.add_log(self.process.processid, message)

    def set_attribute(
        self, key: str, value: str, *, attributetype: AttributeType = AttributeType.OUT
    ) -> None:
        """Attach a small fact to the process; one per key and type."""
        self.client.add_attribute(self.process.processid, key, value, attributetype=attributetype)

    def set_output(self, *values: Any) -> None:
        """Set the output now; a return value other than None replaces it at the end."""
        self.client.set_output(self.process.processid, values)
