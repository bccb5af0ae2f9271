# Written by sdk/generate_sync.py from colonyledger/rpc/logs.py; change that one.
"""Log lines of processes and executors (protocol: logs-channels-realtime.md section 1)."""

from __future__ import annotations

from colonyledger.sync.rpc.caller import Caller
from colonyledger.wire import AddExecutorLog, AddLog, GetLogs, Log, SearchLogs

__all__ = ["LogCalls"]

MOST_LINES = 500
"""The most lines that one `get_logs` gives (protocol: constants.md section 2)."""


class LogCalls(Caller):
    """Calls about log lines."""

    def add_log(self, processid: str, message: str) -> None:
        """The assigned executor: add a line to its running process."""
        self.call(AddLog(processid=processid, message=message))

    def add_executor_log(self, executorname: str, message: str) -> None:
        """The executor itself: add a line that belongs to no process."""
        self.call(AddExecutorLog(colonyname=self.colony, executorname=executorname, message=message))

    def get_logs(
        self, processid: str, *, count: int = MOST_LINES, since: int = 0, latest: bool = False
    ) -> list[Log]:
        """Member: lines of a process, oldest first: the first `count` (at most 500), or the latest.

        `since` gives only lines with a later timestamp, in nanoseconds since 1970.
        """
        return self.call(
            GetLogs(colonyname=self.colony, processid=processid, count=count, since=since, latest=latest)
        )

    def get_executor_logs(
        self, executorname: str, *, count: int = MOST_LINES, since: int = 0, latest: bool = False
    ) -> list[Log]:
        """Member: lines of an executor and of the processes that it ran; as `get_logs`."""
        return self.call(
            GetLogs(
                colonyname=self.colony, executorname=executorname, count=count, since=since, latest=latest
            )
        )

    def search_logs(self, text: str, *, days: int = 1, count: int = 10) -> list[Log]:
        """Member: the newest `count` (at most 100) lines with `text`, of at most 30 days, oldest first."""
        return self.call(SearchLogs(colonyname=self.colony, text=text, days=days, count=count))
