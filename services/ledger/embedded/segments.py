"""The segment files of one partition as a reader sees them: which there are, and records by offset.

Nothing here writes. A reader opens a segment for each batch and closes it again, so a segment may be
sealed or dropped at any time, by this process or another.
"""

from __future__ import annotations

import os
import struct
import sys
from bisect import bisect_right
from pathlib import Path
from threading import Lock

from projections.event import Event
from services.ledger.base import Copied, LedgerCorrupt
from services.ledger.codec import CodecError, body_fault, decode
from services.ledger.embedded.segment import HEADER_BYTES, Frame, hop, read_frames, scan

__all__ = ["DURABLE_END", "Cursor", "Segments"]

_SUFFIX = ".segment"
DURABLE_END = struct.Struct(">Q")
_INDEX_EVERY_BYTES = 4 * 1024 * 1024
_INDEXED_SEGMENTS = 1024


class Cursor:
    """Where a reader is: at `offset`, and once it has read, at `position` of the segment `base`."""

    __slots__ = ("base", "offset", "position")

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.base = -1
        self.position = 0


class Segments:
    """The segments of partition number `partition` in `directory`. Used by several threads at once."""

    def __init__(self, directory: Path, partition: int) -> None:
        self.directory = directory
        self.partition = partition
        self.bases: tuple[int, ...] = ()
        self._index: dict[int, list[tuple[int, int]]] = {}
        self._index_lock = Lock()
        self.refresh()

    @property
    def durable_path(self) -> Path:
        """The file with the number of records known to be durable, 8 bytes, rewritten by each commit."""
        return self.directory / "durable"

    def path(self, base: int) -> Path:
        """The file of the segment whose first offset is `base`."""
        return self.directory / f"{base:020d}{_SUFFIX}"

    def refresh(self) -> None:
        """Look again which segments there are."""
        names = [path.name for path in self.directory.iterdir() if path.suffix == _SUFFIX]
        self.bases = tuple(sorted(int(name.removesuffix(_SUFFIX)) for name in names))

    def durable_end(self) -> int | None:
        """The offset after the last record known to be durable; None if that was never written."""
        try:
            content = self.durable_path.read_bytes()
        except FileNotFoundError:
            return None
        return int(DURABLE_END.unpack(content)[0]) if len(content) == DURABLE_END.size else None

    def first_time(self, base: int) -> int | None:
        """The time of the first record of a segment; None if it has none."""
        with self.path(base).open("rb") as file:
            header = file.read(HEADER_BYTES)
        time = int.from_bytes(header[8:], "big")
        return time or None

    def read(self, cursor: Cursor, end: int) -> list[Event]:
        """The next records from `cursor` on, about 1 MiB, none at or past `end`; moves the cursor.

        An empty list means that `end` is reached. Records that retention has dropped are skipped.

        Raises:
            LedgerCorrupt: the next record is damaged or missing.
        """
        data, frames = self._frames(cursor, end)
        events: list[Event] = []
        partition, offset = self.partition, cursor.offset
        try:
            for start, stop, time in frames:
                events.append(Event(partition, offset, time, decode(data[start + HEADER_BYTES : stop])))
                offset += 1
        except CodecError as error:
            if not events:
                raise LedgerCorrupt(partition, offset, str(error)) from error
        self._move(cursor, frames[: len(events)])
        return events

    def copy(self, cursor: Cursor, end: int) -> list[Copied]:
        """The same as `read`, as they lie there; their bodies are not decoded.

        Raises:
            LedgerCorrupt: the next record is damaged or missing, or has no body that can be one.
        """
        wanted = cursor.offset
        data, frames = self._frames(cursor, end)
        if frames and cursor.offset != wanted:
            raise LedgerCorrupt(self.partition, wanted, "it is not there any more")
        copied = [Copied(time, data[start + HEADER_BYTES : stop]) for start, stop, time in frames]
        for number, (_, body) in enumerate(copied):
            if fault := body_fault(body):
                raise LedgerCorrupt(self.partition, wanted + number, fault)
        self._move(cursor, frames)
        return copied

    def _frames(self, cursor: Cursor, end: int) -> tuple[bytes, list[Frame]]:
        """The next data from `cursor` on, and the frames in it that are before `end`; none if that is reached."""
        while cursor.offset < end:
            try:
                limit = min(end, self._enter(cursor))
                file = os.open(self.path(cursor.base), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                self.refresh()
                if not self.bases or cursor.offset >= self.bases[0]:
                    reason = f"{self.path(cursor.base).name} is missing"
                    raise LedgerCorrupt(self.partition, cursor.offset, reason) from None
                cursor.base = -1
                continue
            try:
                data, frames = read_frames(file, cursor.position)
                if not frames:
                    known = self.bases
                    self.refresh()
                    if self.bases != known:
                        continue
                    raise self._damage(file, cursor.base)
            finally:
                os.close(file)
            return data, frames[: limit - cursor.offset]
        return b"", []

    def _move(self, cursor: Cursor, frames: list[Frame]) -> None:
        """Move the cursor behind frames that were taken."""
        if frames:
            cursor.offset += len(frames)
            cursor.position += frames[-1][1]
            self.mark(cursor.base, cursor.offset, cursor.position)

    def mark(self, base: int, offset: int, position: int) -> None:
        """Remember where `offset` lies, if the last place remembered is far enough away."""
        with self._index_lock:
            marks = self._index.setdefault(base, [])
            if position >= (marks[-1][1] if marks else 0) + _INDEX_EVERY_BYTES:
                marks.append((offset, position))
            if len(self._index) > _INDEXED_SEGMENTS:
                del self._index[next(iter(self._index))]

    def _place(self, cursor: Cursor) -> None:
        """Find the cursor's offset, or the first record there is if retention has dropped that one."""
        if not self.bases:
            self.refresh()
        if not self.bases:
            raise LedgerCorrupt(self.partition, cursor.offset, "there is no segment file")
        cursor.base = self.bases[max(bisect_right(self.bases, cursor.offset) - 1, 0)]
        cursor.offset = max(cursor.offset, cursor.base)
        with self._index_lock:
            marks = self._index.get(cursor.base, [])
            known = bisect_right(marks, (cursor.offset, sys.maxsize)) - 1
            from_offset, from_position = marks[known] if known >= 0 else (cursor.base, 0)
        with self.path(cursor.base).open("rb", buffering=0) as file:
            position = hop(file.fileno(), from_position, cursor.offset - from_offset)
            if position is None:
                raise self._damage(file.fileno(), cursor.base)
        cursor.position = position

    def _enter(self, cursor: Cursor) -> int:
        """Move the cursor into the segment that holds its offset; the offset where that segment ends."""
        if cursor.base < 0:
            self._place(cursor)
        bases = self.bases
        following = bisect_right(bases, cursor.base)
        if following < len(bases) and bases[following] <= cursor.offset:
            cursor.base, cursor.position = bases[following], 0
            following += 1
        return bases[following] if following < len(bases) else sys.maxsize

    def _damage(self, file: int, base: int) -> LedgerCorrupt:
        return LedgerCorrupt(
            self.partition,
            base + scan(file).frames,
            f"the record in {self.path(base).name} fails its checksum or is cut short",
        )
