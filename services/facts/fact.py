"""One fact as others receive it: a position, and what is told, copied out of the state.

The Avro schema is `schemas/avro/fact.avsc`; the two are kept equal by a test.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import msgspec

__all__ = [
    "NO_POSITION",
    "Body",
    "ExecutorBody",
    "Fact",
    "GraphBody",
    "LogBody",
    "MemberBody",
    "MessageBody",
    "Position",
    "ProcessBody",
]


class Position(NamedTuple):
    """Which fact of a partition: the offset of the ledger's record, and the place among its facts."""

    offset: int
    place: int


NO_POSITION = Position(-1, -1)
"""Before the first fact."""


class ProcessBody(msgspec.Struct, frozen=True, gc=False):
    """A process changed. Times are nanoseconds since 1970, 0 for none; values are as the record left them."""

    change: str
    """submitted, ready, assigned, put_back, closed or removed."""
    processid: str
    state: str
    """The state that this change led to: waiting, running, successful, failed or cancelled."""
    attempt: int
    """Number of the assignment that it belongs to, from 1; 0 before the first one may begin."""
    executorname: str
    """The executor that has, or had, it; empty if none."""
    executorid: str
    executortype: str
    funcname: str
    nodename: str
    label: str
    initiatorname: str
    priority: int
    submitted: int
    started: int
    ended: int
    waitdeadline: int
    execdeadline: int
    retries: int
    graphid: str
    errors: list[str]


class GraphBody(msgspec.Struct, frozen=True, gc=False):
    """A workflow was submitted or changed state."""

    graphid: str
    state: str
    initiatorname: str
    submitted: int
    counts: list[int]
    """How many of its processes are waiting, running, successful, failed and cancelled."""


class LogBody(msgspec.Struct, frozen=True, gc=False):
    """A log line was written."""

    processid: str
    executorname: str
    message: str
    timestamp: int


class MessageBody(msgspec.Struct, frozen=True, gc=False):
    """A message was put into a channel; what it says is not told."""

    processid: str
    channel: str
    position: int
    senderid: str
    type: str
    size: int
    """Bytes of its payload."""


class ExecutorBody(msgspec.Struct, frozen=True, gc=False):
    """An executor as it is now; `state` is pending, approved, rejected or unregistered."""

    executorid: str
    executortype: str
    executorname: str
    state: str
    locationname: str


class MemberBody(msgspec.Struct, frozen=True, gc=False):
    """A key that is no longer that of a user or executor."""

    identity: str


Body: TypeAlias = ProcessBody | GraphBody | LogBody | MessageBody | ExecutorBody | MemberBody


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One thing that an event of the ledger made true."""

    partition: int
    offset: int
    index: int
    time: int
    """The ledger's time, nanoseconds since 1970."""
    rules: int
    colony: str
    kind: str
    """process, graph, log, message, executor, member_left, assignments_resumed or colony_removed."""
    body: Body | None
    """None for the last two kinds."""

    @property
    def at(self) -> Position:
        """Its position in its partition."""
        return Position(self.offset, self.index)
