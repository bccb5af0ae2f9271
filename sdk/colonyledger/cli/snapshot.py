"""Commands about snapshots of files."""

from __future__ import annotations

from typing import Annotated

import typer

from colonyledger.cli.confirming import confirm
from colonyledger.cli.labels import normalised
from colonyledger.cli.session import Session, command, group
from colonyledger.cli.tables import Table, details, ident, local_time, moment, number, table, text
from colonyledger.errors import InvalidArgument
from colonyledger.wire import Snapshot

app = group("Labels as they were at one moment.")

SnapshotId = Annotated[str, typer.Option("--snapshotid", "-i", help="Id of the snapshot")]
Name = Annotated[str, typer.Option("--snapshotname", "-n", help="Name of the snapshot")]


@command(app, "create", examples=["colony fs snapshot create --label /src --snapshotname v1"])
def create_snapshot(
    session: Session,
    *,
    label: Annotated[str, typer.Option("--label", "-l", help="Label")],
    snapshotname: Name,
) -> None:
    """Keep a label and all labels below it as they are now."""
    snapshot = session.member.create_snapshot(normalised(label), snapshotname)
    _show(session, snapshot)


@command(app, "ls", examples=["colony fs snapshot ls"])
def list_snapshots(session: Session) -> None:
    """List the snapshots, newest first."""
    snapshots = session.member.get_snapshots()
    columns = [text("Name"), text("Label"), number("Files"), moment("Added"), ident("Snapshot id")]
    rows = [
        (each.name, each.label, len(each.fileids), local_time(each.added), each.snapshotid)
        for each in snapshots
    ]
    session.show(snapshots, table("Snapshots", columns, rows))


@command(app, "info", examples=["colony fs snapshot info --snapshotname v1"])
def show_snapshot(session: Session, *, snapshotid: SnapshotId = "", snapshotname: Name = "") -> None:
    """Show a snapshot and its files."""
    _show(session, _selected(session, snapshotid, snapshotname))


@command(app, "remove", examples=["colony fs snapshot remove --snapshotname v1"])
def remove_snapshot(session: Session, *, snapshotid: SnapshotId = "", snapshotname: Name = "") -> None:
    """Remove a snapshot; the files stay."""
    snapshot = _selected(session, snapshotid, snapshotname)
    session.member.remove_snapshot(snapshot.snapshotid)
    session.say("Snapshot removed", Name=snapshot.name, SnapshotId=snapshot.snapshotid)


@command(app, "removeall", examples=["colony fs snapshot removeall --yes"])
def remove_all_snapshots(
    session: Session, *, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False
) -> None:
    """Remove all snapshots of the colony; the files stay."""
    colony = session.member.colony
    confirm(f"Remove all snapshots of {colony}?", yes=yes)
    session.member.remove_all_snapshots()
    session.say("Snapshots removed", Colony=colony)


def _selected(session: Session, snapshotid: str, name: str) -> Snapshot:
    if bool(snapshotid) == bool(name):
        raise InvalidArgument("Name a snapshot with --snapshotid or --snapshotname.")
    if snapshotid:
        return session.member.get_snapshot(snapshotid)
    return session.member.get_snapshot_by_name(name)


def _show(session: Session, snapshot: Snapshot) -> None:
    tables: list[Table] = []
    if not session.wants_json:
        files = [session.member.get_file(fileid) for fileid in snapshot.fileids]
        columns = [text("Label"), text("Name"), moment("Added"), ident("File id")]
        rows = [(file.label, file.name, local_time(file.added), file.fileid) for file in files]
        properties = [
            ("Name", snapshot.name),
            ("Label", snapshot.label),
            ("Added", local_time(snapshot.added)),
            ("Added by", snapshot.initiatorname),
            ("Snapshot id", snapshot.snapshotid),
            ("Colony", snapshot.colonyname),
        ]
        tables = [details("Snapshot", properties), table("Files", columns, rows)]
    session.show(snapshot, *tables)
