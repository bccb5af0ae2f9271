"""Waiting for processes, and showing their logs while they run."""

from __future__ import annotations

from collections.abc import Sequence
from time import sleep

import typer

from colonyledger.cli.session import Session
from colonyledger.cli.tables import values
from colonyledger.errors import ColonyError
from colonyledger.states import is_final
from colonyledger.wire import Log, Process, ProcessState

__all__ = ["ProcessNotSuccessful", "finish", "follow", "print_lines"]

_POLL_SECONDS = 0.5


class ProcessNotSuccessful(ColonyError):
    """A process that was waited for failed or was cancelled."""


def print_lines(lines: Sequence[Log]) -> None:
    """Print log messages as they were written, each ending its line."""
    for line in lines:
        typer.echo(line.message, nl=not line.message.endswith("\n"))


def follow(session: Session, processid: str, since: int = 0) -> Process:
    """Print the log of a process until it has ended, in whatever state; gives it as it is then."""
    while True:
        process = session.member.get_process(processid)
        while lines := session.member.get_logs(processid, since=since):
            print_lines(lines)
            since = lines[-1].timestamp
        if is_final(process.state):
            return process
        sleep(_POLL_SECONDS)


def finish(session: Session, process: Process, *, output_only: bool = False) -> None:
    """Say how a process ended, and print its output if wanted.

    Raises:
        ProcessNotSuccessful: it failed or was cancelled.
    """
    if process.state != ProcessState.SUCCESS:
        ended = "failed" if process.state == ProcessState.FAILED else "was cancelled"
        reasons = f": {'; '.join(process.errors)}" if process.errors else "."
        raise ProcessNotSuccessful(f"Process {process.processid} {ended}{reasons}")
    session.say("Process finished successfully", process, ProcessId=process.processid)
    if output_only and not session.wants_json:
        typer.echo(values(process.output))
