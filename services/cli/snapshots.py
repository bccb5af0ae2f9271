"""`colony ledger snapshot` and `colony ledger snapshots`: make snapshots of the state, and look at them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from colonyledger.cli import Session, command
from colonyledger.cli.tables import Table, moment, number, table, text
from colonyledger.errors import ColonyError, ConfigurationError

from services.cli.places import DataDirectory, LedgerPlace, reading, told
from services.snapshots import SnapshotDamaged, SnapshotName, SnapshotStore, StoreUnavailable, open_store
from services.snapshots.loading import fault_of
from services.snapshots.making import Made, check_snapshot, make_snapshot

__all__ = ["Listed", "add_to"]

_Place = Annotated[
    str,
    typer.Option(
        "--snapshots",
        help="Where snapshots are: a directory or s3://bucket/prefix. Default: DATA_DIR/snapshots",
        rich_help_panel="Where to look",
    ),
]


class Listed(msgspec.Struct):
    """A snapshot as it is listed."""

    partition: int
    position: int
    made: str
    size: int
    """Bytes."""
    digest: str
    fault: str
    """Why a server cannot start from it; empty if it can."""


def add_to(app: typer.Typer) -> None:
    """Add the commands to a group."""
    command(
        app,
        "snapshot",
        examples=[
            "colony ledger snapshot --data-dir data",
            "colony ledger snapshot --ledger kafka://broker:9092 --snapshots s3://bucket/colony",
        ],
    )(make)
    command(app, "snapshots", examples=["colony ledger snapshots --data-dir data --check"])(show)


def make(
    session: Session,
    *,
    data_dir: DataDirectory = None,
    ledger: LedgerPlace = "",
    snapshots: _Place = "",
    despite: Annotated[
        bool,
        typer.Option(
            "--despite-checkpoints", help="Make it also if a node has said something else in a checkpoint"
        ),
    ] = False,
) -> None:
    """Make a snapshot of the state of every partition as of now. A server may be running meanwhile."""
    with told(StoreUnavailable, SnapshotDamaged, ValueError):
        store = _store(data_dir, snapshots)
        made = asyncio.run(_make(store, data_dir, ledger, compare=not despite))
    for each in made:
        if each.disagreement is not None:
            raise ColonyError(
                f"Partition {each.partition}: a node said that the records before offset {each.position} come to "
                f"{each.disagreement.theirs}, here they come to {each.digest}; "
                f"the evidence is in {each.disagreement.evidence}."
            )
    session.show(made, _made_table(made))


def show(
    session: Session,
    *,
    data_dir: DataDirectory = None,
    ledger: LedgerPlace = "",
    snapshots: _Place = "",
    check: Annotated[
        bool, typer.Option("--check", help="Read each snapshot whole and compute its digest again")
    ] = False,
) -> None:
    """Show the snapshots there are, newest first, and whether a server can start from them."""
    with told(StoreUnavailable, ValueError):
        store = _store(data_dir, snapshots)
        listed = asyncio.run(_list(store, data_dir, ledger, check=check))
    session.show(listed, _table(listed))


def _store(data_dir: Path | None, place: str) -> SnapshotStore:
    if not place and data_dir is None:
        raise ConfigurationError(
            "Say where the snapshots are: --data-dir DIRECTORY of a server, or --snapshots."
        )
    return open_store(place or str(Path(data_dir or "") / "snapshots"))


async def _make(store: SnapshotStore, data_dir: Path | None, ledger: str, *, compare: bool) -> list[Made]:
    async with reading(data_dir, ledger) as source:
        made = [
            await make_snapshot(source, store, partition, compare=compare)
            for partition in range(source.partitions)
        ]
    return [each for each in made if each is not None]


async def _list(store: SnapshotStore, data_dir: Path | None, ledger: str, *, check: bool) -> list[Listed]:
    async with reading(data_dir, ledger) as source:
        found = []
        for stored in await asyncio.to_thread(store.list):
            name = stored.name
            fault = await fault_of(source, store, name) or (await _digest_fault(store, name) if check else "")
            made = datetime.fromtimestamp(stored.time, UTC).isoformat(timespec="seconds")
            found.append(Listed(name.partition, name.position, made, stored.size, name.digest, fault))
        return found


async def _digest_fault(store: SnapshotStore, name: SnapshotName) -> str:
    def check() -> None:
        with store.open(name) as file:
            check_snapshot(file)

    try:
        await asyncio.to_thread(check)
    except (SnapshotDamaged, StoreUnavailable) as error:
        return str(error)
    return ""


def _made_table(made: Sequence[Made]) -> Table:
    columns = [
        number("Partition"),
        number("Position"),
        number("Bytes"),
        number("Seconds"),
        text("State digest"),
    ]
    rows = [
        (each.partition, each.position, each.size or "there already", round(each.seconds, 1), each.digest)
        for each in made
    ]
    return table("Snapshots made", columns, rows)


def _table(listed: Sequence[Listed]) -> Table:
    columns = [
        number("Partition"),
        number("Position"),
        moment("Made"),
        number("Bytes"),
        text("State digest"),
        text("Fit to start from"),
    ]
    rows = [
        (each.partition, each.position, each.made, each.size, each.digest, each.fault or "yes")
        for each in listed
    ]
    return table("Snapshots", columns, rows)
