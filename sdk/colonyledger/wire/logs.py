"""Log lines of processes and executors (protocol: logs-channels-realtime.md section 1)."""

from __future__ import annotations

import msgspec

from colonyledger.wire.envelope import Empty, Message
from colonyledger.wire.integers import Int64

__all__ = ["AddExecutorLog", "AddLog", "GetLogs", "Log", "SearchLogs"]


class Log(msgspec.Struct, gc=False):
    """One line; `timestamp` is nanoseconds since 1970, strictly increasing within a colony."""

    processid: str = ""
    colonyname: str = ""
    executorname: str = ""
    message: str = ""
    timestamp: int = 0


class AddLog(Message[Empty], tag="addlogmsg", frozen=True, gc=False):
    """The assigned executor: add a line to its running process."""

    processid: str = ""
    message: str = ""


class AddExecutorLog(Message[Empty], tag="addexecutorlogmsg", frozen=True, gc=False):
    """The executor itself: add a line that belongs to no process."""

    colonyname: str = ""
    executorname: str = ""
    message: str = ""


class GetLogs(Message[list[Log]], tag="getlogsmsg", frozen=True, gc=False):
    """Member: lines of an executor or, if `executorname` is empty, of a process; oldest first.

    `since` is in nanoseconds and counts only if positive; `latest` asks for the newest `count` lines.
    """

    colonyname: str = ""
    processid: str = ""
    executorname: str = ""
    count: int = 0
    since: Int64 = 0
    latest: bool = False


class SearchLogs(Message[list[Log]], tag="searchlogsmsg", frozen=True, gc=False):
    """Member: the newest lines of the last `days` that contain `text`, oldest first."""

    colonyname: str = ""
    text: str = ""
    days: int = 0
    count: int = 0
