"""Snapshots in a directory."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from services.snapshots.base import SnapshotName, Stored, StoreUnavailable, Write

__all__ = ["DirectoryStore"]

_DRAFT = ".draft"
_DRAFTS_KEPT_SECONDS = 86_400.0
"""Age from which a draft is what a crash has left behind."""


class DirectoryStore:
    """A snapshot is written beside its place, made durable, and then renamed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def place(self) -> str:
        """The directory."""
        return str(self._directory)

    def list(self, partition: int | None = None) -> list[Stored]:
        """The snapshots that are there, newest position first."""
        pattern = "partition-*" if partition is None else f"partition-{partition:05d}"
        found = []
        with self._told():
            for path in self._directory.glob(f"{pattern}/*.snapshot"):
                name = SnapshotName.read(path.relative_to(self._directory).as_posix())
                if name is not None:
                    status = path.stat()
                    found.append(Stored(name, status.st_size, status.st_mtime))
        return sorted(found, key=lambda each: each.name[1:], reverse=True)

    @contextmanager
    def open(self, name: SnapshotName) -> Iterator[BinaryIO]:
        """A snapshot, to be read."""
        with self._told(), (self._directory / name.path).open("rb") as file:
            yield file

    def put(self, name: SnapshotName, write: Write, check: Write) -> int:
        """Keep a snapshot."""
        path = self._directory / name.path
        draft = path.with_name(f"{path.name}.{os.getpid()}{_DRAFT}")
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._clear_drafts(path.parent)
            try:
                with draft.open("xb") as file:
                    write(file)
                    file.flush()
                    os.fsync(file.fileno())
                with draft.open("rb") as written:
                    check(written)
                size = draft.stat().st_size
                draft.replace(path)
                _make_durable(path.parent)
            finally:
                draft.unlink(missing_ok=True)
        return size

    def remove(self, name: SnapshotName) -> None:
        """Let one go."""
        with self._told():
            (self._directory / name.path).unlink(missing_ok=True)

    def keep(self, name: SnapshotName) -> str:
        """Copy one to the directory `evidence`."""
        kept = self._directory / "evidence" / name.path
        with self._told():
            kept.parent.mkdir(parents=True, exist_ok=True)
            if not kept.exists():
                shutil.copyfile(self._directory / name.path, kept)
        return str(kept.parent.parent)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnavailable(f"the snapshots in {self._directory} cannot be used: {error}") from error

    @staticmethod
    def _clear_drafts(directory: Path) -> None:
        for draft in directory.glob(f"*{_DRAFT}"):
            if draft.stat().st_mtime < time.time() - _DRAFTS_KEPT_SECONDS:
                draft.unlink(missing_ok=True)


def _make_durable(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
