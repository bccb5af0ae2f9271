"""Copies of ledgers in directories: records are written with the times that they have, and read as they lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from services.ledger.base import Copied, LedgerCorrupt, LedgerRefused, LedgerUnavailable
from services.ledger.codec import body_fault
from services.ledger.embedded.directory import DirectoryLock, copy_directories, finish_copy
from services.ledger.embedded.files import Partition, open_to_read
from services.ledger.embedded.options import EmbeddedOptions
from services.ledger.embedded.recovery import recover
from services.ledger.embedded.segments import Cursor, Segments
from services.ledger.embedded.writer import SegmentWriter

__all__ = ["DirectorySource", "DirectoryTarget"]

_GROUP_RECORDS = 8192
_GROUP_BYTES = 8 * 1024 * 1024


class DirectoryTarget:
    """A copy in a directory, which nobody takes for a ledger before `finish` (`services.ledger.copying.CopyTarget`)."""

    def __init__(self, directory: Path, partitions: int) -> None:
        self._directory = directory
        self._segments: list[Segments] = []
        self._writers: list[SegmentWriter] = []
        self._is_closed = self._is_finished = False
        try:
            for number, folder in enumerate(copy_directories(directory, partitions)):
                segments = Segments(folder, number)
                self._segments.append(segments)
                self._writers.append(_writer(segments))
        except BaseException:
            self.close()
            raise

    @classmethod
    @asynccontextmanager
    async def open(cls, directory: Path, partitions: int) -> AsyncIterator[DirectoryTarget]:
        """Begin a copy, or go on with one.

        Raises:
            LedgerRefused: the directory holds something else, or is in use.
            LedgerUnavailable: the disk does not let it be opened.
        """
        with _told(directory):
            lock = await asyncio.to_thread(DirectoryLock, directory)
        try:
            with _told(directory):
                target = await asyncio.to_thread(cls, directory, partitions)
            try:
                yield target
            finally:
                with _told(directory):
                    await asyncio.to_thread(target.close)
        finally:
            lock.release()

    @property
    def partitions(self) -> int:
        """How many the copy has."""
        return len(self._segments)

    async def end(self, partition: int) -> int:
        """The offset that the next record gets."""
        return self._writers[partition].end

    async def last(self, partition: int) -> Copied | None:
        """The last record, None if there is none."""
        end = self._writers[partition].end
        if not end:
            return None
        with _told(self._directory):
            return (await asyncio.to_thread(self._segments[partition].copy, Cursor(end - 1), end))[0]

    async def write(self, partition: int, records: Sequence[Copied]) -> None:
        """Write records behind those that are there; they are durable when this returns.

        Raises:
            LedgerRefused: the copy is finished.
            LedgerUnavailable: the disk does not take them.
            ValueError: bytes are no record.
        """
        if self._is_finished:
            raise LedgerRefused(f"the copy in {self._directory} is finished")
        for record in records:
            if fault := body_fault(record.body):
                raise ValueError(fault)
        with _told(self._directory):
            for group in _groups(records):
                await asyncio.to_thread(self._writers[partition].write_as_they_are, group)

    async def finish(self) -> None:
        """Make a ledger of it: from here on its own clock gives times."""
        with _told(self._directory):
            await asyncio.to_thread(self.close)
            await asyncio.to_thread(finish_copy, self._directory, len(self._segments))
        self._is_finished = True

    def close(self) -> None:
        """Close the files. It blocks."""
        if not self._is_closed:
            self._is_closed = True
            for writer in self._writers:
                writer.close()


class DirectorySource:
    """A ledger in a directory, to be copied; a server may be writing it (`services.ledger.copying.CopySource`)."""

    def __init__(self, directory: Path, partitions: list[Partition]) -> None:
        self._directory = directory
        self._partitions = partitions

    @classmethod
    async def open(cls, directory: Path) -> DirectorySource:
        """Open it.

        Raises:
            LedgerRefused: there is no ledger.
            LedgerUnavailable: the disk does not let it be opened.
        """
        with _told(directory):
            return cls(directory, await asyncio.to_thread(open_to_read, directory, None))

    @property
    def partitions(self) -> int:
        """How many the ledger has."""
        return len(self._partitions)

    async def end(self, partition: int) -> int:
        """The offset after the last record that can be read."""
        segments, tail = self._partitions[partition]
        with _told(self._directory):
            durable = await asyncio.to_thread(segments.durable_end)
        tail.end = max(tail.end, durable or 0)
        return tail.end if tail.damage is None else min(tail.end, tail.damage.offset)

    async def read(self, partition: int, offset: int = 0) -> AsyncGenerator[list[Copied], None]:
        """The records from `offset` up to the end as it is now, in batches of about 1 MiB.

        Raises:
            LedgerCorrupt: after everything before the damaged record has been given.
            LedgerUnavailable: the files cannot be read.
        """
        segments, tail = self._partitions[partition]
        end = await self.end(partition)
        cursor = Cursor(offset)
        while cursor.offset < end:
            with _told(self._directory):
                try:
                    records = await asyncio.to_thread(segments.copy, cursor, end)
                except LedgerCorrupt as damage:
                    tail.damage = damage
                    raise
            yield records
        tail.raise_damage_at(cursor.offset)


def _writer(segments: Segments) -> SegmentWriter:
    recovered = recover(segments, durable=True)
    if recovered.damage is not None:
        raise LedgerRefused(
            f"the copy in {segments.directory} is damaged, delete it and begin again: {recovered.damage}"
        )
    return SegmentWriter(segments, recovered, EmbeddedOptions())


@contextmanager
def _told(directory: Path) -> Iterator[None]:
    """Turn errors of the disk into those of a ledger."""
    try:
        yield
    except OSError as error:
        raise LedgerUnavailable(f"the ledger {directory} cannot be used: {error}") from error


def _groups(records: Sequence[Copied]) -> Iterator[Sequence[Copied]]:
    """Stretches that are written at once."""
    start = size = 0
    for number, record in enumerate(records):
        if number > start and (size + len(record.body) > _GROUP_BYTES or number - start >= _GROUP_RECORDS):
            yield records[start:number]
            start, size = number, 0
        size += len(record.body)
    if start < len(records):
        yield records[start:]
