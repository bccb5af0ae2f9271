"""Asking before something cannot be undone."""

from __future__ import annotations

import sys

import typer

from colonyledger.errors import InvalidArgument

__all__ = ["confirm"]


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless the answer is `yes` already.

    Raises:
        InvalidArgument: nobody can be asked.
        typer.Abort: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise InvalidArgument(f"{question} Nobody can be asked here; say --yes.")
    typer.confirm(question, abort=True, err=True)
