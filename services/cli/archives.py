"""`colony ledger archive` and `colony ledger restore`: keep a ledger elsewhere, and make a ledger of that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from colonyledger.cli import Session, command
from colonyledger.cli.tables import Table, number, table, text
from colonyledger.errors import ConfigurationError, InvalidArgument

from services.archive import Archive, Archived, archive, is_archive, open_archive_store, restore
from services.cli.places import DataDirectory, LedgerPlace, progress_bar, told
from services.ledger import LedgerUnavailable
from services.ledger.copying import CopySource, copy_source

__all__ = ["Restored", "add_to"]

_EVERY_SECONDS = 60
_NANOSECONDS = 1_000_000_000


class Restored(msgspec.Struct):
    """One partition of a ledger that was restored."""

    partition: int
    records: int


def add_to(app: typer.Typer) -> None:
    """Add the commands to a group."""
    command(
        app,
        "archive",
        examples=[
            "colony ledger archive --data-dir data --to /mnt/backup/ledger",
            "colony ledger archive --ledger kafka://broker:9092 --to s3://bucket/archive --follow",
        ],
    )(archive_ledger)
    command(
        app,
        "restore",
        examples=[
            "colony ledger restore --from s3://bucket/archive --to kafka://broker:9092",
            "colony ledger restore --from /mnt/backup/ledger --to data/ledger --until 2026-03-01T12:00:00Z",
        ],
    )(restore_ledger)


def archive_ledger(
    session: Session,
    *,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="Where the archive is or shall be: a directory or s3://bucket/prefix",
            rich_help_panel="Where to look",
        ),
    ],
    data_dir: DataDirectory = None,
    ledger: LedgerPlace = "",
    following: Annotated[bool, typer.Option("--follow", "-f", help="Go on as records come")] = False,
    every: Annotated[
        int, typer.Option(min=1, help="Seconds between two looks for new records, with --follow")
    ] = _EVERY_SECONDS,
) -> None:
    """Add to an archive what it does not have yet. A server may be running, and may be archiving too."""
    if not ledger and data_dir is None:
        raise ConfigurationError("Say which ledger: --data-dir DIRECTORY of a server, or --ledger PLACE.")
    place = ledger or str(Path(data_dir or "") / "ledger")
    with told():
        if following:
            asyncio.run(_follow(session, place, to, every))
        else:
            archived = asyncio.run(_archive(place, to))
            session.show(archived, _archived_table(archived))


def restore_ledger(
    session: Session,
    *,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            help="What to make a ledger of: an archive, in a directory or s3://bucket/prefix, or another ledger "
            "that nobody writes",
            rich_help_panel="Where to look",
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="The new ledger: a directory, or kafka://host:port, with /topic if it shall not be called ledger",
            rich_help_panel="Where to look",
        ),
    ],
    until: Annotated[
        str,
        typer.Option(
            help="Leave out what was appended after this time, such as 2026-03-01T12:00:00Z; without a zone it is UTC"
        ),
    ] = "",
) -> None:
    """Make a ledger: the same records at the same offsets with the same times. A run that was cut off is gone on with."""
    with told():
        restored = asyncio.run(_restore(source, to, _nanoseconds(until) if until else None))
    session.show(restored, _restored_table(restored))
    session.say("The ledger is restored", Records=sum(each.records for each in restored))


async def _archive(place: str, to: str) -> list[Archived]:
    store = await asyncio.to_thread(open_archive_store, to)
    async with _source(place) as source:
        return await archive(source, store)


async def _follow(session: Session, place: str, to: str, every: int) -> None:
    """Archive for ever; what is away is waited for, what is wrong ends it."""
    while True:
        try:
            added = sum(each.records for each in await _archive(place, to))
        except LedgerUnavailable as error:
            session.say(f"Trying again in {every} s: {error}")
        else:
            if added:
                session.say("Archived", Records=added)
        await asyncio.sleep(every)


async def _restore(place: str, to: str, until: int | None) -> list[Restored]:
    async with _source(place) as source:
        with progress_bar() as progress:
            ends = await restore(source, to, until=until, progress=progress)
    return [Restored(partition, end) for partition, end in enumerate(ends)]


@asynccontextmanager
async def _source(place: str) -> AsyncIterator[CopySource]:
    if is_archive(place):
        yield await Archive.open(place)
    else:
        async with copy_source(place) as source:
            yield source


def _nanoseconds(text_: str) -> int:
    """The time that a text names, in nanoseconds since 1970."""
    try:
        moment = datetime.fromisoformat(text_)
    except ValueError:
        raise InvalidArgument(f"{text_!r} is no time such as 2026-03-01T12:00:00Z.") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * _NANOSECONDS + moment.microsecond * 1000


def _archived_table(archived: Sequence[Archived]) -> Table:
    columns = [
        number("Partition"),
        number("Archived"),
        number("Added"),
        number("Objects"),
        number("Bytes"),
        text("Digest"),
    ]
    rows = [
        (each.partition, each.end, each.records, each.objects, each.size, each.digest) for each in archived
    ]
    return table("Archive", columns, rows)


def _restored_table(restored: Sequence[Restored]) -> Table:
    rows = [(each.partition, each.records) for each in restored]
    return table("Restored", [number("Partition"), number("Records")], rows)
