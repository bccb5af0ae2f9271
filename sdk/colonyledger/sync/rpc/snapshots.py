# Written by sdk/generate_sync.py from colonyledger/rpc/snapshots.py; change that one.
"""Snapshots of files (protocol: files.md section 3)."""

from __future__ import annotations

from colonyledger.sync.rpc.caller import Caller
from colonyledger.wire import (
    CreateSnapshot,
    GetSnapshot,
    GetSnapshots,
    RemoveAllSnapshots,
    RemoveSnapshot,
    Snapshot,
)

__all__ = ["SnapshotCalls"]


class SnapshotCalls(Caller):
    """Calls about snapshots, for members."""

    def create_snapshot(self, label: str, name: str) -> Snapshot:
        """Keep the newest revisions of a label and all labels below it, as they are now.

        Raises:
            Conflict: the name is in use.
            TooLarge: there are more than 100,000 files.
        """
        return self.call(CreateSnapshot(colonyname=self.colony, label=label, name=name))

    def get_snapshot(self, snapshotid: str) -> Snapshot:
        """One snapshot by id."""
        return self.call(GetSnapshot(colonyname=self.colony, snapshotid=snapshotid))

    def get_snapshot_by_name(self, name: str) -> Snapshot:
        """One snapshot by name."""
        return self.call(GetSnapshot(colonyname=self.colony, name=name))

    def get_snapshots(self) -> list[Snapshot]:
        """All snapshots, newest first."""
        return self.call(GetSnapshots(colonyname=self.colony))

    def remove_snapshot(self, snapshotid: str) -> None:
        """Remove one snapshot by id; the files stay."""
        self.call(RemoveSnapshot(colonyname=self.colony, snapshotid=snapshotid))

    def remove_snapshot_by_name(self, name: str) -> None:
        """Remove one snapshot by name; the files stay."""
        self.call(RemoveSnapshot(colonyname=self.colony, name=name))

    def remove_all_snapshots(self) -> None:
        """Remove all snapshots of the colony; the files stay."""
        self.call(RemoveAllSnapshots(colonyname=self.colony))
