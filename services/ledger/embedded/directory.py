"""The directory of an embedded ledger: its number of partitions, and the lock of the one who writes."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from services.ledger.base import LedgerRefused

__all__ = ["DirectoryLock", "copy_directories", "finish_copy", "partition_directories", "sync_directory"]

_FORMAT = 1
_UNFINISHED = "unfinished copy"
"""Stands where the format does, so that no version takes such a directory for a ledger."""
_META = "ledger.json"
_LOCK = "lock"


class DirectoryLock:
    """Keeps other processes from writing to `directory` until it is released or the process ends.

    Raises:
        LedgerRefused: another process, or another ledger of this one, holds it.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._file = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode("ascii"), 0)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode("ascii", "replace").strip()
            os.close(self._file)
            raise LedgerRefused(f"the ledger {directory} is already in use by process {holder}") from None
        except OSError:
            os.close(self._file)
            raise

    def release(self) -> None:
        """Let others write."""
        os.close(self._file)


def partition_directories(directory: Path, partitions: int | None, *, create: bool) -> list[Path]:
    """The directories of the partitions, made if `create` and there is no ledger yet.

    Raises:
        LedgerRefused: there is no ledger, it has another format or another number of partitions.
    """
    meta = directory / _META
    if meta.exists():
        recorded = _recorded_partitions(meta, _FORMAT)
        if partitions is not None and partitions != recorded:
            raise LedgerRefused(
                f"the ledger {directory} was made with {recorded} partitions, not {partitions}"
            )
    elif create:
        recorded = 1 if partitions is None else partitions
        if recorded < 1:
            raise LedgerRefused(f"a ledger has at least 1 partition, not {recorded}")
    else:
        raise LedgerRefused(f"{directory} holds no ledger")
    folders = [directory / str(number) for number in range(recorded)]
    if create and not meta.exists():
        for folder in folders:
            folder.mkdir(exist_ok=True)
        _write_durably(meta, json.dumps({"format": _FORMAT, "partitions": recorded}) + "\n")
    return folders


def copy_directories(directory: Path, partitions: int) -> list[Path]:
    """The directories of the partitions of an unfinished copy, made if there is nothing in `directory`.

    Raises:
        LedgerRefused: it holds something else, or a copy with another number of partitions.
    """
    meta = directory / _META
    if meta.exists():
        recorded = _recorded_partitions(meta, _UNFINISHED)
        if recorded != partitions:
            raise LedgerRefused(
                f"the copy in {directory} was begun with {recorded} partitions, not {partitions}"
            )
    elif any(path.name != _LOCK for path in directory.iterdir()):
        raise LedgerRefused(f"{directory} is not empty, so nothing is copied into it")
    elif partitions < 1:
        raise LedgerRefused(f"a ledger has at least 1 partition, not {partitions}")
    else:
        _write_durably(meta, json.dumps({"format": _UNFINISHED, "partitions": partitions}) + "\n")
    folders = [directory / str(number) for number in range(partitions)]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    sync_directory(directory)
    return folders


def finish_copy(directory: Path, partitions: int) -> None:
    """Make a ledger of a copy that is complete and durable."""
    _write_durably(directory / _META, json.dumps({"format": _FORMAT, "partitions": partitions}) + "\n")


def _recorded_partitions(meta: Path, wanted: object) -> int:
    try:
        content = json.loads(meta.read_text("utf-8"))
        format_number, partitions = content["format"], int(content["partitions"])
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerRefused(f"{meta} cannot be understood: {error}") from error
    if format_number == _UNFINISHED != wanted:
        raise LedgerRefused(
            f"{meta.parent} is a copy of a ledger that is not finished: "
            "go on with the command that began it, or delete it"
        )
    if format_number == _FORMAT != wanted:
        raise LedgerRefused(f"{meta.parent} is a ledger already, so nothing is copied into it")
    if format_number != wanted:
        raise LedgerRefused(f"{meta} names format {format_number}; this version reads format {_FORMAT}")
    return partitions


def _write_durably(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
