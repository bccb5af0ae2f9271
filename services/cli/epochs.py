"""`colony ledger extend`: let a ledger go on in one that has more partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from colonyledger.cli import Session, command
from colonyledger.cli.tables import Table, number, table, text

from services.cli.extending import Extended, extend
from services.cli.places import progress_bar, told

__all__ = ["add_to"]

_PLACE = "a directory, or kafka://host:port, with /topic if that is not called ledger"


def add_to(app: typer.Typer) -> None:
    """Add the command to a group."""
    command(
        app,
        "extend",
        examples=[
            "colony ledger extend --from kafka://broker:9092 --to kafka://broker:9092/ledger-2 --partitions 128",
            "colony ledger extend --from data/ledger --to data/ledger-2 --partitions 4",
        ],
    )(extend_ledger)


def extend_ledger(
    session: Session,
    *,
    old: Annotated[str, typer.Option("--from", help=f"The ledger that is closed: {_PLACE}")],
    new: Annotated[str, typer.Option("--to", help=f"Where it goes on: {_PLACE}")],
    partitions: Annotated[
        int, typer.Option("--partitions", min=1, help="Of the new ledger: a multiple of those of the old one")
    ],
) -> None:
    """Copy a ledger into one with more partitions, close it, compare the two, and let the new one go on.

    It may be interrupted at any moment and done again: it goes on where it was.
    """
    with told(ValueError), progress_bar() as progress:
        extended = asyncio.run(extend(old, new, partitions, session.say, progress))
    session.show(extended, _table(extended))
    session.say(
        f"{old} is closed and goes on as {new}. Point LEDGER_URL (--ledger) of all servers and workers at it and "
        "start them anew; give the history a place of its own, or write it with colony history replay --afresh. "
        "Keep the old ledger until you have checked the new one with colony ledger verify."
    )


def _table(extended: Sequence[Extended]) -> Table:
    columns = [
        number("Partition"),
        number("Continues"),
        number("Records"),
        number("Colonies"),
        text("Digest of both"),
    ]
    rows = [(each.partition, each.former, each.records, each.colonies, each.digest) for each in extended]
    return table("Extended", columns, rows)
