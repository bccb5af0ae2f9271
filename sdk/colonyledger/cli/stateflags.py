"""What the commands that remove many things at once have in common: the state, and the question."""

from __future__ import annotations

import sys

import typer

from colonyledger.errors import InvalidArgument
from colonyledger.states import state_name
from colonyledger.wire import ProcessState

__all__ = ["confirm_removal", "state_of"]


def state_of(*, waiting: bool, successful: bool, failed: bool, cancelled: bool) -> ProcessState:
    """The state that the flags name, NOTSET if none is given.

    Raises:
        InvalidArgument: more than one is given.
    """
    flags = {
        ProcessState.WAITING: waiting,
        ProcessState.SUCCESS: successful,
        ProcessState.FAILED: failed,
        ProcessState.CANCELLED: cancelled,
    }
    given = [state for state, flag in flags.items() if flag]
    if len(given) > 1:
        raise InvalidArgument("Give one of --waiting, --successful, --failed, --cancelled, or none for all.")
    return given[0] if given else ProcessState.NOTSET


def confirm_removal(things: str, state: ProcessState, colony: str, *, yes: bool) -> None:
    """Ask before everything in `state` is removed, unless `yes`.

    Raises:
        InvalidArgument: nobody can be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidArgument("Nobody can be asked whether to remove them; say --yes.")
    which = "all" if state is ProcessState.NOTSET else f"the {state_name(state)}"
    typer.confirm(f"Remove {which} {things} of {colony}?", abort=True, err=True)
