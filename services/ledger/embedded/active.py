"""The one segment file of a partition that is written to."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from services.ledger.embedded.directory import sync_directory

__all__ = ["ActiveSegment"]

_AHEAD_BYTES = 1024 * 1024
_STEP = bytes(64 * 1024)


class ActiveSegment:
    """A segment file that is valid up to `position`.

    Behind `position` lie zeros, written ahead while there is nothing else to do: a sync of bytes that
    replace others needs no entry in the file system's journal and takes half the time. They reach up to
    `prepare_to` at most; 0 if nothing is to be written ahead.

    Raises:
        OSError: from every method, when the disk does not do what is asked.
    """

    def __init__(self, path: Path, base: int, position: int, *, prepare_to: int) -> None:
        self.path = path
        self.base = base
        self.position = position
        self._prepare_to = prepare_to
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._zeroed_to = position
        self._prepares = True
        try:
            self.restore(0)
            sync_directory(path.parent)
        except OSError:
            os.close(self._file)
            raise

    def write(self, group: bytes, *, durable: bool) -> None:
        """Write `group` at `position` and move `position` behind it; `durable`: not before it is synced."""
        _write_all(self._file, group, self.position)
        if durable:
            os.fdatasync(self._file)
        self.position += len(group)
        self._zeroed_to = max(self._zeroed_to, self.position)

    def prepare(self) -> bool:
        """Write 64 KiB of zeros ahead if there is less than 1 MiB of them; whether it did."""
        if not self._prepares or self._zeroed_to >= min(self.position + _AHEAD_BYTES, self._prepare_to):
            return False
        try:
            _write_all(self._file, _STEP, self._zeroed_to)
            os.fdatasync(self._file)
        except OSError:
            # No harm: the file grows as it is written. A real fault shows at the next write.
            self._prepares = False
            with suppress(OSError):
                os.ftruncate(self._file, self._zeroed_to)
            return False
        self._zeroed_to += len(_STEP)
        return True

    def restore(self, room: int) -> None:
        """Cut the file back to `position`, durably, and see that `room` bytes can be written there."""
        os.ftruncate(self._file, self.position)
        self._zeroed_to = self.position
        self._prepares = True
        for start in range(0, room, len(_STEP)):
            _write_all(self._file, _STEP[: room - start], self.position + start)
        os.fsync(self._file)

    def sync(self) -> None:
        """Make durable what was written."""
        os.fdatasync(self._file)

    def seal(self) -> None:
        """Cut off the zeros, make everything durable and close the file."""
        try:
            os.ftruncate(self._file, self.position)
            os.fsync(self._file)
        finally:
            os.close(self._file)


def _write_all(file: int, data: bytes, position: int) -> None:
    written = os.pwrite(file, data, position)
    while written < len(data):
        written += os.pwrite(file, memoryview(data)[written:], position + written)
