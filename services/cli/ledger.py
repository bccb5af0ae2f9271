"""`colony ledger`: look at the records of a ledger, and verify them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from colonyledger.cli import Session, command
from colonyledger.cli.session import group
from colonyledger.cli.tables import Table, ident, local_time_ns, moment, number, table, text
from colonyledger.wire import json_text

from services.cli import archives, epochs, snapshots
from services.cli.places import DataDirectory, LedgerPlace, progress_bar, reading, told
from services.cli.tailing import Line, Tail
from services.cli.verification import BadRecord, Verified, verify

__all__ = ["app"]

app = group("Look at the ledger itself: the signed requests that everything else is computed from.")
snapshots.add_to(app)
archives.add_to(app)
epochs.add_to(app)

_FOLDED_AT_MOST = 100_000
"""Records of a ledger that is folded to tell names and outcomes, unless it is asked for."""
_SHORT_ID = 12


@command(
    app,
    "tail",
    examples=[
        "colony ledger tail --data-dir data -n 40",
        "colony ledger tail --ledger kafka://broker:9092 --follow",
    ],
)
def tail_ledger(
    session: Session,
    *,
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="How many records")] = 20,
    following: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing as records come")] = False,
    fold: Annotated[
        bool | None,
        typer.Option(
            "--fold/--no-fold",
            help=f"Read everything before, to tell names and outcomes; done unless there are over {_FOLDED_AT_MOST} records",
        ),
    ] = None,
    data_dir: DataDirectory = None,
    ledger: LedgerPlace = "",
) -> None:
    """Show the last records: when they were appended, who signed them, and what they ask for."""
    with told():
        asyncio.run(_tail(session, count, data_dir, ledger, fold=fold, following=following))


@command(
    app,
    "verify",
    examples=[
        "colony ledger verify --data-dir data && echo not one byte was changed",
        "colony ledger verify --ledger s3://bucket/archive",
    ],
)
def verify_ledger(session: Session, *, data_dir: DataDirectory = None, ledger: LedgerPlace = "") -> None:
    """Compute everything again that the ledger claims: digests, signers, order, state. Exit with 1 if it is wrong."""
    with told(BadRecord):
        verified = asyncio.run(_verify(data_dir, ledger))
    records = sum(partition.records for partition in verified)
    session.show(verified, _verified_table(verified))
    session.say("Every record is what it claims to be", Records=records)


async def _tail(
    session: Session, count: int, data_dir: Path | None, ledger: str, *, fold: bool | None, following: bool
) -> None:
    async with reading(data_dir, ledger) as source:
        if fold is None:
            ends = [await source.end(partition) for partition in range(source.partitions)]
            fold = sum(ends) <= _FOLDED_AT_MOST
            if not fold:
                session.say(
                    "Names and outcomes are left out: telling them takes reading all records.",
                    Records=sum(ends),
                )
        end = Tail(source, fold=fold)
        lines = await end.last(count)
        several = source.partitions > 1
        if not following:
            session.show(lines, _table(lines, several=several, folded=fold))
            return
        for line in lines:
            _print(session, line, several=several)
        async for line in end.follow():
            _print(session, line, several=several)


async def _verify(data_dir: Path | None, ledger: str) -> list[Verified]:
    async with reading(data_dir, ledger) as source:
        with progress_bar() as progress:
            return await verify(source, progress)


def _table(lines: Sequence[Line], *, several: bool, folded: bool) -> Table:
    columns = [number("Offset"), moment("Time"), text("Signed by"), text("What")]
    rows: list[list[object]] = [
        [line.offset, local_time_ns(line.time), _signer(line), line.payloadtype] for line in lines
    ]
    if folded:
        columns += [text("Colony"), number("Status"), text("Refusal"), ident("Key")]
        for row, line in zip(rows, lines, strict=True):
            row += [line.colony, line.status, line.refusal, line.identity]
    if several:
        columns.append(number("Partition"))
        for row, line in zip(rows, lines, strict=True):
            row.append(line.partition)
    return table("Ledger", columns, rows)


def _verified_table(verified: Sequence[Verified]) -> Table:
    columns = [
        number("Partition"),
        number("Records"),
        number("Keys"),
        moment("First"),
        moment("Last"),
        number("Rules"),
        text("State digest"),
    ]
    rows = [
        (
            each.partition,
            each.records,
            each.signers,
            local_time_ns(each.first) if each.records else "",
            local_time_ns(each.last) if each.records else "",
            each.rules,
            each.digest,
        )
        for each in verified
    ]
    return table("Verified: digests, signatures, order, state", columns, rows)


def _print(session: Session, line: Line, *, several: bool) -> None:
    """One record as a line."""
    if session.wants_json:
        typer.echo(json_text(line))
        return
    place = f"{line.partition}/{line.offset}" if several else str(line.offset)
    outcome = "" if line.status is None else f"  {line.status} {line.refusal or ''}".rstrip()
    text_ = f"{place:>9}  {local_time_ns(line.time)}  {_signer(line):<20}  {line.payloadtype}{outcome}"
    typer.echo("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text_))


def _signer(line: Line) -> str:
    return f"…{line.identity[-_SHORT_ID:]}" if line.who is None else line.who
