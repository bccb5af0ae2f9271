"""Where the ledger and the history are that a command is about, and what is said if they cannot be used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from colonyledger.errors import ColonyError, ConfigurationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from services.archive import Archive, ArchiveLedger, is_archive
from services.ledger import Ledger, LedgerError, open_ledger

__all__ = ["DataDirectory", "LedgerPlace", "history_place", "progress_bar", "reading", "told"]

_PANEL = "Where to look"

DataDirectory = Annotated[
    Path | None,
    typer.Option(
        help="Data directory of a server: its ledger is in DATA_DIR/ledger, its history in DATA_DIR/history",
        rich_help_panel=_PANEL,
    ),
]
LedgerPlace = Annotated[
    str,
    typer.Option(
        help="The ledger: a directory, or kafka://host:port, with /topic if that is not called ledger; "
        "or an archive of it, in a directory or s3://bucket/prefix",
        rich_help_panel=_PANEL,
    ),
]


@contextmanager
def told(*errors: type[Exception]) -> Iterator[None]:
    """Turn errors, and those of the ledger, into a line for who runs the command."""
    expected: tuple[type[Exception], ...] = (LedgerError, *errors)
    try:
        yield
    except expected as error:
        raise ColonyError(f"{str(error).removesuffix('.')}.") from error


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, if that is a terminal; called with the records done and the records there are."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Records", total=None)
        yield lambda done, all_: progress.update(task, completed=done, total=all_)


@asynccontextmanager
async def reading(data_dir: Path | None, ledger: str) -> AsyncIterator[Ledger]:
    """The ledger that the options name, or an archive as a ledger, to be read; a server may be writing it.

    Raises:
        ConfigurationError: neither option is given.
        LedgerError: it cannot be opened.
    """
    if not ledger and data_dir is None:
        raise ConfigurationError("Say which ledger: --data-dir DIRECTORY of a server, or --ledger PLACE.")
    opened: Ledger
    if ledger and is_archive(ledger):
        opened = ArchiveLedger(await Archive.open(ledger))
    else:
        opened = await open_ledger(ledger or Path(data_dir or "") / "ledger", read_only=True)
    try:
        yield opened
    finally:
        await opened.close()


def history_place(data_dir: Path | None, history: str) -> str:
    """The place of the history that the options name; empty if they name none."""
    if history:
        return history
    return "" if data_dir is None else str(data_dir / "history")
