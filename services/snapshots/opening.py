"""Opens the place of snapshots that a name stands for: a directory, or `s3://bucket/prefix`."""

from __future__ import annotations

from pathlib import Path

from services.snapshots.base import SnapshotStore
from services.snapshots.directory import DirectoryStore

__all__ = ["open_store"]

_S3 = "s3://"


def open_store(place: str) -> SnapshotStore:
    """The store that `place` names. It blocks.

    Raises:
        StoreUnavailable: the environment does not say how to reach S3.
        ValueError: the name is wrong.
    """
    if place.startswith(_S3):
        from services.snapshots.s3 import S3Store  # noqa: PLC0415 (a directory does without its libraries)

        bucket, _, prefix = place.removeprefix(_S3).partition("/")
        if not bucket:
            raise ValueError(f"{place!r} names no bucket: s3://bucket/prefix")
        return S3Store(bucket, prefix)
    if "://" in place:
        raise ValueError(f"snapshots are kept in a directory or s3://bucket/prefix, not in {place!r}")
    return DirectoryStore(Path(place))
