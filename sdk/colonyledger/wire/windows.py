"""Rates and times of calls in windows of time: an RPC of our own, in the common envelope (docs/streams.md)."""

from __future__ import annotations

import msgspec

from colonyledger.wire.envelope import Message
from colonyledger.wire.integers import Int64

__all__ = ["Durations", "FunctionWindow", "GetWindows"]


class Durations(msgspec.Struct, gc=False):
    """A distribution of times in seconds; percentiles are right to within five per cent, 0 if `count` is 0."""

    count: int = 0
    mean: float = 0.0
    p50: float = 0.0
    p90: float = 0.0
    p95: float = 0.0
    p99: float = 0.0


class FunctionWindow(msgspec.Struct, gc=False):
    """What happened to the calls of one function on one executor in one window of the ledger's time."""

    start: int = 0
    """When it begins, nanoseconds since 1970."""
    seconds: int = 0
    """How long it is. What the newest window holds may still grow."""
    functionname: str = ""
    executorname: str = ""
    assigned: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    putback: int = 0
    """Assignments that were taken back, to be given to another executor."""
    rate: float = 0.0
    """Assignments per second, over the whole length of the window."""
    waiting: Durations = msgspec.field(default_factory=Durations)
    """From ready to assigned, of the assignments."""
    execution: Durations = msgspec.field(default_factory=Durations)
    """From assigned to finished, of those that succeeded or failed."""


class GetWindows(Message[list[FunctionWindow]], tag="getwindowsmsg", frozen=True, gc=False):
    """Member: the newest windows of the colony, newest first, each by function and executor.

    `functionname` and `executorname` choose if they are not empty. Only windows that begin at `since`
    (nanoseconds since 1970) or later are given, at most `count` of them; 0 means the server's default.
    """

    colonyname: str = ""
    functionname: str = ""
    executorname: str = ""
    since: Int64 = 0
    count: int = 0
