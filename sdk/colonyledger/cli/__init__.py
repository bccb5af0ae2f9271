"""The command line `colony`.

Other distributions add commands by an entry point in the group `colonyledger.commands`: its name is
a command group, its value a `typer.Typer` app. If the group exists, the commands are merged into it.
`command` and `Session` give such a command the connection and output options that all others have;
they are imported when first used, for a program that has no terminal needs neither typer nor rich.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colonyledger.cli.session import Session, command

__all__ = ["Session", "command", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with `arguments`, else with those of the program, and exit."""
    if find_spec("typer") is None or find_spec("rich") is None:
        sys.exit("Error: the command line needs more packages; install colonyledger[cli].")
    import_module("colonyledger.cli.app").run(sys.argv[1:] if arguments is None else list(arguments))


def __getattr__(name: str) -> object:
    if name not in {"Session", "command"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module("colonyledger.cli.session"), name)
    return value
