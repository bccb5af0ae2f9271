"""Snapshots: the newest revisions at and below a label, kept as they were (protocol: files.md section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonyledger.wire import (
    CreateSnapshot,
    Empty,
    GetSnapshot,
    GetSnapshots,
    RemoveAllSnapshots,
    RemoveSnapshot,
    Snapshot,
)

from projections.event import Refusal
from projections.initiators import caller_of
from projections.limits import MAX_SNAPSHOT_FILES, MAX_SNAPSHOT_FILES_OF_COLONY
from projections.locators import member_colony
from projections.registry import Role, command, query

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import Turn, View

__all__ = [
    "Snapshots",
    "create_snapshot",
    "get_snapshot",
    "get_snapshots",
    "remove_all_snapshots",
    "remove_snapshot",
]


class Snapshots:
    """The snapshots of one colony, oldest first. A name belongs to one of them."""

    __slots__ = ("by_id", "by_name", "files")

    def __init__(self) -> None:
        self.by_id: dict[str, Snapshot] = {}
        self.by_name: dict[str, Snapshot] = {}
        self.files = 0
        """How many files all of them list together."""

    def add(self, snapshot: Snapshot) -> None:
        """Keep a snapshot whose name is free."""
        self.by_id[snapshot.snapshotid] = snapshot
        self.by_name[snapshot.name] = snapshot
        self.files += len(snapshot.fileids)

    def remove(self, snapshot: Snapshot) -> None:
        """Forget a snapshot."""
        del self.by_id[snapshot.snapshotid], self.by_name[snapshot.name]
        self.files -= len(snapshot.fileids)


@command(CreateSnapshot, Role.MEMBER, member_colony(), "create snapshot")
def create_snapshot(turn: Turn, message: CreateSnapshot, colony: Colony) -> Snapshot:
    """Take a snapshot; a label without files gives one that lists none (files.md, createsnapshotmsg)."""
    name = colony.record.name
    if message.name in colony.snapshots.by_name:
        raise Refusal(409, f"Snapshot with name <{message.name}> in Colony <{name}> already exists")
    label = message.label.removesuffix("/")
    fileids = _newest_below(colony, label)
    snapshot = Snapshot(
        turn.new_id(colony), name, label, message.name, fileids, turn.moment, *caller_of(turn, colony)
    )
    colony.snapshots.add(snapshot)
    colony.files.hold(fileids)
    return snapshot


def _newest_below(colony: Colony, label: str) -> list[str]:
    labels = []
    count = 0
    for each in colony.files.labels_below(label):
        labels.append(each)
        count += colony.files.count(each)
        if count > MAX_SNAPSHOT_FILES:
            raise Refusal(
                413, f"Failed to create snapshot, the label has more than {MAX_SNAPSHOT_FILES} files"
            )
    if colony.snapshots.files + count > MAX_SNAPSHOT_FILES_OF_COLONY:
        raise Refusal(
            429,
            f"Failed to create snapshot, the snapshots of Colony <{colony.record.name}> would hold "
            f"more than {MAX_SNAPSHOT_FILES_OF_COLONY} files; remove some of them",
        )
    return [file.fileid for each in labels for file in colony.files.newest(each)]


@query(GetSnapshot, Role.MEMBER, member_colony(), "get snapshot")
def get_snapshot(view: View, message: GetSnapshot, colony: Colony) -> Snapshot:
    """One snapshot by id or name (files.md, getsnapshotmsg)."""
    if not message.snapshotid and not message.name:
        raise Refusal(400, "Failed to get snapshot, malformatted msg")
    snapshot = _selected(colony, message)
    if snapshot is None:
        which = f"Id <{message.snapshotid}>" if message.snapshotid else f"name <{message.name}>"
        raise Refusal(
            404, f"Snapshot not found with {which} in Colony <{colony.record.name}> does not exists"
        )
    return snapshot


@query(GetSnapshots, Role.MEMBER, member_colony(), "get snapshots")
def get_snapshots(view: View, message: GetSnapshots, colony: Colony) -> list[Snapshot]:
    """All snapshots, newest first (files.md, getsnapshotsmsg)."""
    return list(reversed(colony.snapshots.by_id.values()))


@command(RemoveSnapshot, Role.MEMBER, member_colony(), "remove snapshot")
def remove_snapshot(turn: Turn, message: RemoveSnapshot, colony: Colony) -> Empty:
    """Remove one snapshot; one that is not there is no error (files.md, removesnapshotmsg)."""
    if not message.snapshotid and not message.name:
        raise Refusal(400, "Failed to remove snapsnot, malformatted msg")
    snapshot = _selected(colony, message)
    if snapshot is not None:
        _remove(colony, snapshot)
    return Empty()


@command(RemoveAllSnapshots, Role.MEMBER, member_colony(), "remove all snapshots")
def remove_all_snapshots(turn: Turn, message: RemoveAllSnapshots, colony: Colony) -> Empty:
    """Remove all snapshots (files.md, removeallsnapshotmsg)."""
    for snapshot in list(colony.snapshots.by_id.values()):
        _remove(colony, snapshot)
    return Empty()


def _selected(colony: Colony, message: GetSnapshot | RemoveSnapshot) -> Snapshot | None:
    if message.snapshotid:
        return colony.snapshots.by_id.get(message.snapshotid)
    return colony.snapshots.by_name.get(message.name)


def _remove(colony: Colony, snapshot: Snapshot) -> None:
    colony.snapshots.remove(snapshot)
    colony.files.release(snapshot.fileids)
