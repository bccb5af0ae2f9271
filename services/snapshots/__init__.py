"""Snapshots of state: a node starts from the newest one and folds what came after it (docs/snapshots.md)."""

from services.snapshots.base import SnapshotDamaged, SnapshotName, SnapshotStore, StoreUnavailable
from services.snapshots.keeper import SnapshotKeeper
from services.snapshots.loading import Loading, StateBefore, from_nothing, state_before
from services.snapshots.opening import open_store

__all__ = [
    "Loading",
    "SnapshotDamaged",
    "SnapshotKeeper",
    "SnapshotName",
    "SnapshotStore",
    "StateBefore",
    "StoreUnavailable",
    "from_nothing",
    "open_store",
    "state_before",
]
