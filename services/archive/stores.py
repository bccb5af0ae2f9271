"""Where archives are kept: a directory, or `s3://bucket/prefix`. Objects are there whole or not at all."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from services.archive.manifest import LABEL
from services.ledger import LedgerRefused, LedgerUnavailable
from services.ledger.embedded.directory import sync_directory

__all__ = ["ArchiveStore", "is_archive", "open_archive_store"]

_S3 = "s3://"
_DRAFT = ".draft"
_DRAFTS_KEPT_SECONDS = 86_400.0
"""Age from which a draft is what a crash has left behind."""


class ArchiveStore(Protocol):
    """Objects by name. All methods block, and raise LedgerUnavailable."""

    @property
    def place(self) -> str:
        """What people know it by."""

    def read(self, name: str) -> bytes | None:
        """An object; None if it is not there."""

    def write(self, name: str, data: bytes) -> None:
        """Keep an object, instead of one that has the name. It is durable when this returns."""


class DirectoryArchive:
    """Objects are files. Each is written beside its place, made durable, and then renamed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def place(self) -> str:
        """The directory."""
        return str(self._directory)

    def read(self, name: str) -> bytes | None:
        """A file; None if it is not there."""
        with self._told():
            try:
                return (self._directory / name).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        """Write a file."""
        path = self._directory / name
        draft = path.with_name(f"{path.name}.{uuid4().hex}{_DRAFT}")
        with self._told():
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                sync_directory(path.parent.parent)
            self._clear_drafts(path.parent)
            try:
                with draft.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
                sync_directory(path.parent)
            finally:
                draft.unlink(missing_ok=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LedgerUnavailable(f"the archive {self._directory} cannot be used: {error}") from error

    @staticmethod
    def _clear_drafts(directory: Path) -> None:
        for draft in directory.glob(f"*{_DRAFT}"):
            with suppress(FileNotFoundError):  # somebody else may just have renamed it
                if draft.stat().st_mtime < time.time() - _DRAFTS_KEPT_SECONDS:
                    draft.unlink()


def open_archive_store(place: str) -> ArchiveStore:
    """The store that `place` names. It blocks.

    Raises:
        LedgerRefused: the name is wrong.
        LedgerUnavailable: the environment does not say how to reach S3.
    """
    if place.startswith(_S3):
        from services.archive.s3 import BucketArchive  # noqa: PLC0415 (a directory does without its libraries)

        bucket, _, prefix = place.removeprefix(_S3).partition("/")
        if not bucket:
            raise LedgerRefused(f"{place!r} names no bucket: s3://bucket/prefix")
        return BucketArchive(bucket, prefix)
    if "://" in place or not place:
        raise LedgerRefused(f"an archive is kept in a directory or s3://bucket/prefix, not in {place!r}")
    return DirectoryArchive(Path(place))


def is_archive(place: str | Path) -> bool:
    """Whether a name stands for an archive, not for a ledger."""
    if isinstance(place, str) and "://" in place:
        return place.startswith(_S3)
    return (Path(place) / LABEL).is_file()
