"""What a snapshot is called, and the seam between snapshots and where they are kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import BinaryIO, NamedTuple, Protocol

__all__ = [
    "ORIGIN_DIGITS",
    "SnapshotDamaged",
    "SnapshotName",
    "SnapshotStore",
    "StoreUnavailable",
    "Stored",
    "Write",
]

ORIGIN_DIGITS = 16
"""How much of a ledger's origin is in the names of its snapshots."""

_NAME = re.compile(r"partition-([0-9]{5})/([0-9]{20})-([0-9a-f]{16})-([0-9a-f]{64})\.snapshot", re.ASCII)

Write = Callable[[BinaryIO], None]
"""Writes a whole snapshot to a file."""


class SnapshotDamaged(Exception):
    """A snapshot cannot be used: its bytes are not those that were written, or another version wrote it."""


class StoreUnavailable(Exception):
    """The place of the snapshots cannot be read or written now."""


class SnapshotName(NamedTuple):
    """Which snapshot it is; names in order are snapshots in order."""

    partition: int
    position: int
    """All records with a smaller offset are folded in it."""
    origin: str
    """The first digits of the digest of the partition's first record: no two ledgers have the same."""
    digest: str
    """The digest of the state (projections/digest.py)."""

    @property
    def path(self) -> str:
        """Where it is below the place of all snapshots."""
        return (
            f"partition-{self.partition:05d}/{self.position:020d}-{self.origin[:ORIGIN_DIGITS]}-"
            f"{self.digest}.snapshot"
        )

    @classmethod
    def read(cls, path: str) -> SnapshotName | None:
        """The name that a path stands for, None if it is none."""
        match = _NAME.fullmatch(path)
        if match is None:
            return None
        return cls(int(match[1]), int(match[2]), match[3], match[4])

    def is_of(self, origin: str) -> bool:
        """Whether it is of the ledger that starts with a record of this digest."""
        return bool(origin) and self.origin == origin[:ORIGIN_DIGITS]


class Stored(NamedTuple):
    """A snapshot as it is kept."""

    name: SnapshotName
    size: int
    """Bytes."""
    time: float
    """When it was put there, in seconds since 1970."""


class SnapshotStore(Protocol):
    """Where snapshots are kept. A snapshot is there whole or not at all. All methods block.

    Raises, all of them: StoreUnavailable.
    """

    @property
    def place(self) -> str:
        """What people know it by."""

    def list(self, partition: int | None = None) -> list[Stored]:
        """The snapshots of one partition, or of all, newest position first."""

    def open(self, name: SnapshotName) -> AbstractContextManager[BinaryIO]:
        """A snapshot, to be read from its start."""

    def put(self, name: SnapshotName, write: Write, check: Write) -> int:
        """Keep what `write` writes if `check` reads it without an error; gives its size in bytes."""

    def remove(self, name: SnapshotName) -> None:
        """Let one go; it need not be there."""

    def keep(self, name: SnapshotName) -> str:
        """Copy one to where nothing is ever removed, as evidence; gives that place."""
