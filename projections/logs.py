"""Log lines of processes and executors (protocol: logs-channels-realtime.md section 1)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from colonyledger.wire import SECOND, AddExecutorLog, AddLog, Empty, GetLogs, Log, ProcessState, SearchLogs

from projections.event import LogAdded, Refusal
from projections.limits import MAX_LOG_COUNT, MAX_LOG_LINES, MAX_SEARCH_COUNT, MAX_SEARCH_DAYS
from projections.locators import member_colony
from projections.registry import Locator, Role, command, query

if TYPE_CHECKING:
    from projections.process import LiveProcess
    from projections.state import Colony, State
    from projections.turn import Turn, View

__all__ = ["Lines", "Logs", "add_executor_log", "add_log", "get_logs", "search_logs"]

_DAY = 86_400 * SECOND


_CUT_AT = 4096
"""Lines that are gone before a long list is cut: often enough for no cut to take long."""


class Lines:
    """Lines in the order of their timestamps, of which the oldest may go."""

    __slots__ = ("_gone", "_lines")

    def __init__(self) -> None:
        self._lines: list[Log] = []
        self._gone = 0
        """How many at the start of the list are gone; they are cut off when they are many."""

    def add(self, log: Log) -> None:
        """Put a line at the end."""
        self._lines.append(log)

    def drop_oldest(self) -> Log:
        """Take the oldest line away."""
        oldest = self._lines[self._gone]
        self._gone += 1
        if self._gone > min(len(self._lines) // 2, _CUT_AT):
            del self._lines[: self._gone]
            self._gone = 0
        return oldest

    def after(self, since: int, count: int) -> list[Log]:
        """The oldest `count` lines later than `since`, in nanoseconds since 1970."""
        start = bisect_right(self._lines, since, lo=self._gone, key=lambda log: log.timestamp)
        return self._lines[start : start + count]

    def newest(self, count: int) -> list[Log]:
        """The newest `count` lines, oldest first."""
        return self._lines[max(len(self._lines) - count, self._gone) :]

    def __reversed__(self) -> Iterator[Log]:
        return islice(reversed(self._lines), len(self))

    def __iter__(self) -> Iterator[Log]:
        return islice(self._lines, self._gone, None)

    def __len__(self) -> int:
        return len(self._lines) - self._gone


class Logs:
    """The lines of one colony, oldest first, and those of each process and executor."""

    __slots__ = ("_latest", "lines", "of_executor", "of_process")

    def __init__(self) -> None:
        self.lines = Lines()
        self.of_process: dict[str, Lines] = {}
        self.of_executor: dict[str, Lines] = {}
        self._latest = 0

    def add(self, now: int, processid: str, colonyname: str, executorname: str, message: str) -> Log:
        """Write a line; its timestamp is later than that of every line before it."""
        self._latest = max(now, self._latest + 1)
        log = Log(processid, colonyname, executorname, message, self._latest)
        self.lines.add(log)
        if processid:
            self.of_process.setdefault(processid, Lines()).add(log)
        self.of_executor.setdefault(executorname, Lines()).add(log)
        if len(self.lines) > MAX_LOG_LINES:
            self.drop_oldest()
        return log

    def forget_process(self, processid: str) -> None:
        """Let a removed process's lines be found by executor and search only."""
        self.of_process.pop(processid, None)

    def drop_oldest(self) -> None:
        """Let the oldest line go."""
        oldest = self.lines.drop_oldest()
        for table, key in ((self.of_process, oldest.processid), (self.of_executor, oldest.executorname)):
            own = table.get(key)
            if own is not None:
                own.drop_oldest()
                if not own:
                    del table[key]


def _running_process(state: State, message: AddLog) -> tuple[Colony, tuple[Colony, LiveProcess]] | None:
    found = state.find_process(message.processid)
    return None if found is None else (found[0], found)


_PROCESS = Locator["AddLog", "tuple[Colony, LiveProcess]"](
    _running_process,
    lambda _: Refusal(500, "Failed to add log, process is nil"),
    lambda message: message.processid,
    by_id=True,
)


@command(AddLog, Role.MEMBER, _PROCESS, "add log")
def add_log(turn: Turn, message: AddLog, found: tuple[Colony, LiveProcess]) -> Empty:
    """Add a line to a running process of the caller."""
    colony, process = found
    if process.record.state != ProcessState.RUNNING:
        raise Refusal(403, "Failed to add log, process is not running")
    if process.record.assignedexecutorid != turn.caller or turn.executor is None:
        raise Refusal(
            403, "Failed to add log, not allowed to add log, only the assigned Executor may add logs"
        )
    _write(turn, colony, message.processid, turn.executor.executorname, message.message)
    return Empty()


@command(AddExecutorLog, Role.MEMBER, member_colony(), "add executor log")
def add_executor_log(turn: Turn, message: AddExecutorLog, colony: Colony) -> Empty:
    """Add a line of the caller that belongs to no process."""
    if turn.executor is None:
        raise Refusal(403, "Failed to add executor log, executor not found")
    if turn.executor.executorname != message.executorname:
        raise Refusal(403, "Failed to add executor log, executor name mismatch")
    _write(turn, colony, "", message.executorname, message.message)
    return Empty()


def _write(turn: Turn, colony: Colony, processid: str, executorname: str, message: str) -> None:
    log = colony.logs.add(turn.now, processid, colony.record.name, executorname, message)
    colony.retention.look(turn.state, colony.record.name, log.timestamp)
    turn.tell(LogAdded(colony.record.name, log))


def _find_logs(state: State, message: GetLogs) -> tuple[Colony, Lines | None] | None:
    if message.executorname:
        colony = state.colonies.get(message.colonyname)
        if colony is None:
            return None
        known = message.executorname in colony.executors.by_name
        return colony, colony.logs.of_executor.get(message.executorname, Lines()) if known else None
    found = state.find_process(message.processid)
    return found and (found[0], found[0].logs.of_process.get(message.processid, Lines()))


def _not_found(message: GetLogs) -> Refusal:
    if message.executorname:
        return Refusal(403, f"Colony with name <{message.colonyname}> does not exists")
    return Refusal(500, "Failed to get logs, process does not exist")


def _no_executor(message: GetLogs) -> Refusal:
    return Refusal(500, "Failed to get logs, executor does not exist")


_LINES = Locator[GetLogs, Lines](
    _find_logs,
    _not_found,
    lambda message: message.colonyname if message.executorname else message.processid,
    by_id=True,
    absent=_no_executor,
)


@query(GetLogs, Role.MEMBER, _LINES, "get logs")
def get_logs(view: View, message: GetLogs, lines: Lines) -> list[Log]:
    """Lines of a process or an executor, oldest first: the newest `count`, or the oldest after `since`."""
    if message.count > MAX_LOG_COUNT:
        raise Refusal(403, f"Count exceeds max log count ({MAX_LOG_COUNT})")
    if message.count < 0:
        raise Refusal(400, "Failed to get logs, count is negative")
    if message.latest:
        return lines.newest(message.count)
    return lines.after(max(message.since, 0), message.count)


@query(SearchLogs, Role.MEMBER, member_colony(), "search logs")
def search_logs(view: View, message: SearchLogs, colony: Colony) -> list[Log]:
    """The newest lines of the last days that contain the text, oldest first."""
    if message.count > MAX_SEARCH_COUNT:
        raise Refusal(400, f"Count exceeds max log count ({MAX_SEARCH_COUNT})")
    if message.days > MAX_SEARCH_DAYS:
        raise Refusal(400, f"Count exceeds max day count ({MAX_SEARCH_DAYS})")
    if message.count < 0 or message.days < 0:
        raise Refusal(400, "Failed to search logs, count or days is negative")
    start = view.now - message.days * _DAY
    found: list[Log] = []
    for log in reversed(colony.logs.lines):
        if log.timestamp <= start or len(found) == message.count:
            break
        if message.text in log.message:
            found.append(log)
    return found[::-1]
