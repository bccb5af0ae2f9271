"""Log lines (logs-channels-realtime.md section 1)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddExecutorLog,
    AddLog,
    Empty,
    GetLogs,
    Log,
    Message,
    Process,
    RemoveExecutor,
    RemoveProcess,
    SearchLogs,
)
from hypothesis import given
from hypothesis import strategies as st

from projections import logs
from projections.event import LogAdded
from projections.logs import Lines
from tests.projections.world import World, identity

DAY = 86_400


def write(world: World, edge: Identity, process: Process, *messages: str) -> None:
    for message in messages:
        assert world.call(edge, AddLog(processid=process.processid, message=message)) == Empty()


def started(world: World, edge: Identity) -> Process:
    world.submit()
    return world.assign(edge)


def texts(found: list[Log]) -> list[str]:
    return [log.message for log in found]


def of_process(world: World, process: Process, count: int = 100, **options: Any) -> list[Log]:
    return world.call(world.user, GetLogs(processid=process.processid, count=count, **options))


def of_executor(world: World, name: str, count: int = 100, **options: Any) -> list[Log]:
    return world.call(world.user, GetLogs(colonyname="dev", executorname=name, count=count, **options))


def search(world: World, text: str, days: int = 1, count: int = 100) -> list[Log]:
    return world.call(world.user, SearchLogs(colonyname="dev", text=text, days=days, count=count))


def test_a_line_as_it_is_kept(world: World, edge: Identity) -> None:
    process = started(world, edge)
    world.advance(1)
    write(world, edge, process, "line 1\nline 2\0")
    line = Log(process.processid, "dev", "edge1", "line 1\nline 2\0", world.now)
    assert of_process(world, process) == of_executor(world, "edge1") == [line]
    assert world.outcome.facts == [LogAdded("dev", line)]
    assert of_executor(world, "edge1", 0) == []


def test_lines_of_executors_belong_to_no_process(world: World, edge: Identity) -> None:
    process = started(world, edge)
    write(world, edge, process, "a")
    adding = AddExecutorLog(colonyname="dev", executorname="edge1", message="b")
    assert world.call(edge, adding) == Empty()
    assert [(log.processid, log.message) for log in of_executor(world, "edge1")] == [
        (process.processid, "a"),
        ("", "b"),
    ]
    assert texts(of_process(world, process)) == ["a"]


def test_an_executor_given_with_a_process_wins(world: World, edge: Identity, other: Identity) -> None:
    first, second = started(world, edge), started(world, other)
    write(world, edge, first, "a")
    write(world, other, second, "b")
    assert texts(of_executor(world, "edge2", processid=first.processid)) == ["b"]


def test_timestamps_strictly_increase(world: World, edge: Identity, other: Identity) -> None:
    process = started(world, edge)
    write(world, edge, process, *"abc")
    world.call(other, AddExecutorLog(colonyname="dev", executorname="edge2", message="d"))
    stamps = [log.timestamp for log in search(world, "")]
    assert stamps == [world.now + more for more in range(4)]


def test_following_a_log(world: World, edge: Identity) -> None:
    process = started(world, edge)
    write(world, edge, process, *"abcdefg")
    seen: list[str] = []
    since = 0
    while new := of_process(world, process, 3, since=since):
        seen += texts(new)
        since = new[-1].timestamp
    assert seen == list("abcdefg")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"count": 2}, "ab"),
        ({"count": 0}, ""),
        ({"count": 2, "since": -1}, "ab"),
        ({"count": 2, "latest": True}, "de"),
        ({"count": 0, "latest": True}, ""),
        ({"count": 500, "latest": True}, "abcde"),
        ({"count": 2, "latest": True, "since": 1}, "de"),
    ],
)
def test_which_lines(world: World, edge: Identity, options: dict[str, Any], expected: str) -> None:
    process = started(world, edge)
    write(world, edge, process, *"abcde")
    assert texts(of_process(world, process, **options)) == list(expected)
    assert texts(of_executor(world, "edge1", **options)) == list(expected)


def test_lines_after_a_time(world: World, edge: Identity) -> None:
    process = started(world, edge)
    for message in "abc":
        write(world, edge, process, message)
        world.advance(1)
    second = of_process(world, process)[1].timestamp
    assert texts(of_process(world, process, since=second)) == ["c"]
    assert texts(of_process(world, process, since=second - 1)) == ["b", "c"]


def test_without_lines_the_list_is_empty(world: World, edge: Identity) -> None:
    assert of_process(world, started(world, edge)) == of_executor(world, "edge1") == search(world, "") == []


@pytest.mark.parametrize(
    ("caller", "message", "status", "text"),
    [
        ("edge1", AddLog(processid="x"), 500, "Failed to add log, process is nil"),
        ("user", AddExecutorLog(colonyname="dev"), 403, "Failed to add executor log, executor not found"),
        (
            "edge1",
            AddExecutorLog(colonyname="dev", executorname="edge2"),
            403,
            "Failed to add executor log, executor name mismatch",
        ),
        ("user", GetLogs(processid="x", count=1), 500, "Failed to get logs, process does not exist"),
        ("user", GetLogs(count=1), 500, "Failed to get logs, process does not exist"),
        (
            "user",
            GetLogs(colonyname="dev", executorname="x", count=1),
            500,
            "Failed to get logs, executor does not exist",
        ),
        (
            "user",
            GetLogs(colonyname="nowhere", executorname="edge1", count=1),
            403,
            "Colony with name <nowhere> does not exists",
        ),
        (
            "user",
            GetLogs(colonyname="dev", executorname="edge1", count=501),
            403,
            "Count exceeds max log count (500)",
        ),
        ("user", GetLogs(colonyname="dev", executorname="edge1", count=-1), 400, "Failed to get logs"),
        ("user", SearchLogs(colonyname="dev", count=101), 400, "Count exceeds max log count (100)"),
        ("user", SearchLogs(colonyname="dev", days=31), 400, "Count exceeds max day count (30)"),
        ("user", SearchLogs(colonyname="dev", count=-1), 400, "Failed to search logs"),
        ("user", SearchLogs(colonyname="dev", days=-1), 400, "Failed to search logs"),
    ],
)
@pytest.mark.usefixtures("edge")
def test_what_is_refused(world: World, caller: str, message: Message[Any], status: int, text: str) -> None:
    got = world.refused(identity(caller), message)
    assert got[0] == status
    assert got[1].startswith(text)


def test_only_the_executor_of_a_running_process_writes(world: World, edge: Identity, other: Identity) -> None:
    process = world.submit()
    adding = AddLog(processid=process.processid, message="x")
    status, text = world.refused(edge, adding)
    assert (status, text.rpartition(", ")[2]) == (403, "process is not running")
    world.assign(edge)
    for who in (other, world.user):
        status, text = world.refused(who, adding)
        assert status == 403
        assert text.startswith("Failed to add log, not allowed to add log")
    world.close(edge, process)
    assert world.refused(edge, adding)[0] == 403


def test_a_key_that_is_user_and_executor_writes_as_the_executor(world: World) -> None:
    both = world.executor("user")
    process = started(world, both)
    write(world, both, process, "x")
    assert of_process(world, process)[0].executorname == "user"


def test_searching(world: World, edge: Identity) -> None:
    process = started(world, edge)
    write(world, edge, process, "one two", "One", "50%_")
    world.call(edge, AddExecutorLog(colonyname="dev", executorname="edge1", message="two one"))
    assert texts(search(world, "one")) == ["one two", "two one"]
    assert texts(search(world, "")) == ["one two", "One", "50%_", "two one"]
    assert texts(search(world, "", count=2)) == ["50%_", "two one"]
    assert texts(search(world, "%_")) == ["50%_"]
    assert search(world, "0%-") == search(world, "", count=0) == []


def test_searching_the_last_days(world: World, edge: Identity) -> None:
    process = started(world, edge)
    write(world, edge, process, "old")
    world.advance(DAY)
    write(world, edge, process, "new")
    world.advance(1)
    assert texts(search(world, "", days=1)) == ["new"]
    assert texts(search(world, "", days=2)) == ["old", "new"]


def test_searching_no_days_finds_nothing(world: World, edge: Identity) -> None:
    """`days` 0: nothing (logs-channels-realtime.md section 1, searchlogsmsg)."""
    write(world, edge, started(world, edge), "now")
    assert search(world, "", days=0) == []


def test_other_colonies_lines_are_not_found(world: World, edge: Identity) -> None:
    world.colony("other")
    write(world, edge, started(world, edge), "x")
    assert world.call(world.user, SearchLogs(colonyname="other", days=1, count=9)) == []


def test_lines_outlive_their_process_and_executor(world: World, edge: Identity) -> None:
    process = started(world, edge)
    write(world, edge, process, "x")
    world.close(edge, process)
    world.call(world.user, RemoveProcess(processid=process.processid))
    world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="edge1"))
    assert texts(of_executor(world, "edge1")) == texts(search(world, "x")) == ["x"]
    assert world.state.colonies["dev"].logs.of_process == {}


def test_the_oldest_lines_leave_when_there_are_too_many(
    world: World, edge: Identity, other: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MAX_LOG_LINES", 4)
    first, second = started(world, edge), started(world, other)
    write(world, edge, first, "a", "b")
    world.close(edge, first)
    world.call(world.user, RemoveProcess(processid=first.processid))
    write(world, other, second, "c", "d", "e")
    assert texts(search(world, "")) == ["b", "c", "d", "e"]
    assert texts(of_executor(world, "edge1")) == ["b"]
    world.call(edge, AddExecutorLog(colonyname="dev", executorname="edge1", message="f"))
    write(world, other, second, *"ghi")
    assert texts(search(world, "")) == ["f", "g", "h", "i"]
    write(world, other, second, "j")
    assert of_executor(world, "edge1") == []
    assert texts(of_process(world, second)) == ["g", "h", "i", "j"]
    assert texts(of_executor(world, "edge2", 2, latest=True)) == ["i", "j"]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=40))
def test_lines_behave_like_a_list(steps: list[tuple[bool, int]]) -> None:
    lines = Lines()
    plain: list[Log] = []
    for time, (drop, number) in enumerate(steps):
        if drop and plain:
            assert lines.drop_oldest() is plain.pop(0)
        else:
            plain.append(Log(timestamp=2 * time))
            lines.add(plain[-1])
        assert list(lines) == plain
        assert list(reversed(lines)) == plain[::-1]
        assert len(lines) == len(plain)
        assert lines.newest(number) == (plain[-number:] if number else [])
        assert lines.after(number, 3) == [log for log in plain if log.timestamp > number][:3]
