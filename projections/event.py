"""What goes into the fold (an Event), and what comes out (an Outcome: a reply or a Refusal, and Facts)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec
from colonyledger.record import Record
from colonyledger.wire import ChannelEntry, Executor, Log, Message

if TYPE_CHECKING:
    from projections.graphs import LiveGraph
    from projections.process import LiveProcess

__all__ = [
    "AssignmentsResumed",
    "Change",
    "ColonyRemoved",
    "Event",
    "ExecutorChanged",
    "Fact",
    "GraphChanged",
    "LogAdded",
    "MemberLeft",
    "MessageAppended",
    "Outcome",
    "ProcessChanged",
    "Refusal",
]


class Event(msgspec.Struct, gc=False):
    """A record with the position and time that the ledger gave it.

    `message` is the decoded payload if the node has it already; the fold decodes it otherwise. It
    is never changed.
    """

    partition: int
    offset: int
    time: int
    """Append time in nanoseconds since 1970; the fold never lets it run backwards."""
    record: Record
    message: Message[Any] | None = None

    @property
    def origin(self) -> int:
        """The partition in which the record was first appended: what the fold does may depend on that one only."""
        return self.partition if self.record.origin < 0 else self.record.origin


class Refusal(Exception):
    """Why an RPC was not done: an HTTP status and a sentence a person can act on.

    `passing` means that the same message may well be done a moment later, so it is not held
    against a repeat with the same nonce.
    """

    def __init__(self, status: int, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.passing = passing


class Change(StrEnum):
    """What happened to a process."""

    SUBMITTED = "submitted"
    READY = "ready"
    """It became a candidate: submitted without parents, its last parent succeeded, or it was put back."""
    ASSIGNED = "assigned"
    PUT_BACK = "put back"
    CLOSED = "closed"
    """It reached a final state."""
    REMOVED = "removed"


class ProcessChanged(msgspec.Struct, frozen=True, gc=False):
    """A process changed state. `executor` is the name of the one that has, or had, it."""

    colony: str
    change: Change
    process: LiveProcess
    executor: str = ""


class GraphChanged(msgspec.Struct, frozen=True, gc=False):
    """A workflow was submitted or changed state."""

    colony: str
    graph: LiveGraph


class LogAdded(msgspec.Struct, frozen=True, gc=False):
    """A log line was written."""

    colony: str
    log: Log


class MessageAppended(msgspec.Struct, frozen=True, gc=False):
    """A message was put into a channel, at a position that is counted from 0."""

    colony: str
    process: LiveProcess
    channel: str
    position: int
    entry: ChannelEntry


class MemberLeft(msgspec.Struct, frozen=True, gc=False):
    """A key is no longer that of a user, or of an executor: the user was removed, or somebody has another key."""

    colony: str
    identity: str


class ExecutorChanged(msgspec.Struct, frozen=True, gc=False):
    """An executor was added, approved, rejected or removed."""

    colony: str
    executor: Executor


class AssignmentsResumed(msgspec.Struct, frozen=True, gc=False):
    """A colony hands out work again."""

    colony: str


class ColonyRemoved(msgspec.Struct, frozen=True, gc=False):
    """A colony and everything in it is gone."""

    colony: str


Fact = (
    ProcessChanged
    | GraphChanged
    | LogAdded
    | MessageAppended
    | ExecutorChanged
    | MemberLeft
    | AssignmentsResumed
    | ColonyRemoved
)
"""One thing that an event made true; named by (partition, offset, index in the outcome's list)."""


class Outcome(msgspec.Struct, gc=False):
    """What an event came to: a reply or a refusal (neither for system events), and the facts in order.

    `failures` are errors of ours that the rule or a timer ran into. Every replica meets the same ones
    and is left in the same state, so the log goes on; they are to be logged and mended.
    """

    reply: Any
    refusal: Refusal | None
    facts: Sequence[Fact]
    failures: Sequence[Exception] = ()
