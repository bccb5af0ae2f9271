"""Commands about log lines."""

from __future__ import annotations

from datetime import timedelta
from time import sleep, time_ns
from typing import Annotated

import typer

from colonyledger.cli.following import follow, print_lines
from colonyledger.cli.process import ProcessId
from colonyledger.cli.session import Session, command, group
from colonyledger.cli.tables import ident, local_time_ns, moment, table, text
from colonyledger.errors import InvalidArgument
from colonyledger.wire import SECOND, Log

app = group("What executors wrote while they worked.")

_POLL_SECONDS = 0.5
_DAY = timedelta(days=1)


@command(app, "add", examples=['colony log add -p 4b1f… --msg "half of it is done"'])
def add_log(
    session: Session,
    *,
    processid: ProcessId,
    msg: Annotated[str, typer.Option(help="The line")],
) -> None:
    """Add a line to the log of a running process (the executor that runs it)."""
    session.member.add_log(processid, msg)
    session.say("Line added", ProcessId=processid)


@command(
    app, "get", examples=["colony log get -p 4b1f… --follow", "colony log get -e edge-1 --latest --count 10"]
)
def get_logs(
    session: Session,
    *,
    processid: Annotated[str, typer.Option("--processid", "-p", help="Id of a process")] = "",
    executorname: Annotated[str, typer.Option("--executorname", "-e", help="Name of an executor")] = "",
    since: Annotated[int, typer.Option(help="Only later lines; nanoseconds since 1970")] = 0,
    count: Annotated[int, typer.Option(help="How many at most; the server gives up to 500")] = 100,
    latest: Annotated[bool, typer.Option("--latest/--first", help="The latest lines, or the first")] = False,
    following: Annotated[bool, typer.Option("--follow", help="Go on printing as lines come")] = False,
) -> None:
    """Print the lines of a process or of an executor."""
    if bool(processid) == bool(executorname):
        raise InvalidArgument("Name a process with --processid or an executor with --executorname.")
    if following:
        if processid:
            follow(session, processid, since)
        else:
            _follow_executor(session, executorname, since)
    elif processid:
        lines = session.member.get_logs(processid, count=count, since=since, latest=latest)
        _print(session, lines)
    else:
        lines = session.member.get_executor_logs(executorname, count=count, since=since, latest=latest)
        _print(session, lines)


@command(
    app, "search", examples=["colony log search --text hello", "colony log search --text error --days 7"]
)
def search_logs(
    session: Session,
    *,
    text_: Annotated[str, typer.Option("--text", help="What to look for")],
    days: Annotated[int, typer.Option("--days", "-d", help="How far to look back, at most 30")] = 1,
    seconds: Annotated[int, typer.Option(help="How far to look back, in seconds instead of days")] = 0,
    count: Annotated[int, typer.Option(help="How many at most; the server gives up to 100")] = 10,
    print_only: Annotated[bool, typer.Option("--print", help="Print only the lines themselves")] = False,
) -> None:
    """Find lines of all the colony's processes and executors, the latest last."""
    if seconds:
        days = -(-timedelta(seconds=seconds) // _DAY)
    oldest = time_ns() - seconds * SECOND if seconds else 0
    lines = session.member.search_logs(text_, days=days, count=count)
    lines = [line for line in lines if line.timestamp >= oldest]
    if print_only and not session.wants_json:
        print_lines(lines)
        return
    columns = [moment("Time"), text("Executor"), text("Line"), ident("Process id")]
    rows = [
        (local_time_ns(line.timestamp), line.executorname, line.message, line.processid) for line in lines
    ]
    session.show(lines, table("Log", columns, rows))


def _print(session: Session, lines: list[Log]) -> None:
    if session.wants_json:
        session.show(lines)
    else:
        print_lines(lines)


def _follow_executor(session: Session, executorname: str, since: int) -> None:
    while True:
        while lines := session.member.get_executor_logs(executorname, since=since):
            print_lines(lines)
            since = lines[-1].timestamp
        sleep(_POLL_SECONDS)
