"""EmbeddedLedger: the ledger as files of this machine, for one process that writes and any that read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from colonyledger.record import Record

from projections.event import Event
from services.ledger.base import LedgerUnavailable, Position
from services.ledger.codec import encode
from services.ledger.embedded.committer import Committer, Counters, Outcome, Waiting
from services.ledger.embedded.directory import DirectoryLock
from services.ledger.embedded.files import Partition, open_to_read, open_to_write
from services.ledger.embedded.options import EmbeddedOptions
from services.ledger.embedded.reader import Reader
from services.ledger.embedded.writer import SegmentWriter

__all__ = ["EmbeddedLedger"]


class EmbeddedLedger:
    """A ledger in a directory. `open` opens it; see `services.ledger.base.Ledger` for the rest."""

    def __init__(
        self,
        partitions: list[Partition],
        writers: dict[int, SegmentWriter] | None,
        lock: DirectoryLock | None,
        options: EmbeddedOptions,
    ) -> None:
        self._partitions = partitions
        self._lock = lock
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._committer = None if writers is None else Committer(writers, self._report)
        self._reader = Reader(partitions, polls=writers is None)
        self._outbox: list[Waiting] = []
        self._waiting_records = 0
        self._waiting_bytes = 0
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        directory: str | Path,
        *,
        partitions: int | None = None,
        read_only: bool = False,
        options: EmbeddedOptions | None = None,
    ) -> EmbeddedLedger:
        """Open the ledger in `directory`; make it, with `partitions` (1 unless told), if there is none.

        A torn end is cut. A ledger with damage opens: it can be read up to the damage, and `fault` names
        it. With `read_only` nothing is changed, and a ledger that a server writes can be followed.

        Raises:
            LedgerRefused: in use by another process, another number of partitions, or nothing to read.
            LedgerUnavailable: the disk does not let it be opened.
        """
        path, options = Path(directory), options or EmbeddedOptions()
        try:
            if read_only:
                return cls(await asyncio.to_thread(open_to_read, path, partitions), None, None, options)
            lock = await asyncio.to_thread(DirectoryLock, path)
            try:
                opened, writers = await asyncio.to_thread(open_to_write, path, partitions, options)
            except BaseException:
                lock.release()
                raise
            return cls(opened, writers, lock, options)
        except OSError as error:
            raise LedgerUnavailable(f"the ledger {directory} cannot be opened: {error}") from error

    @property
    def partitions(self) -> int:
        """How many partitions the ledger was made with."""
        return len(self._partitions)

    @property
    def is_shared(self) -> bool:
        """No: one process writes the files."""
        return False

    @property
    def fault(self) -> str | None:
        """Why the ledger cannot be written, in words for an operator; None if it can."""
        return self._lasting_fault() or (self._committer.fault if self._committer is not None else None)

    @property
    def counters(self) -> Counters:
        """What was committed since the ledger was opened."""
        return Counters() if self._committer is None else self._committer.counters

    @property
    def waiting(self) -> int:
        """How many appends wait for the disk."""
        return self._waiting_records

    def append(self, partition: int, record: Record) -> asyncio.Future[Position]:
        """Append `record`; the future is done when it is durable, and fails with LedgerUnavailable.

        Raises:
            CodecError: the record does not fit the schema or is too large.
            ValueError: there is no such partition.
        """
        self._check(partition)
        body = encode(record)
        future = self._loop.create_future()
        refusal = self._refusal(len(body))
        if refusal is not None:
            future.set_exception(LedgerUnavailable(refusal))
            return future
        self._waiting_records += 1
        self._waiting_bytes += len(body)
        if not self._outbox:
            self._loop.call_soon(self._hand_over)
        self._outbox.append((partition, future, record, body))
        return future

    def read(self, partition: int, offset: int = 0) -> AsyncIterator[list[Event]]:
        """The records from `offset` up to the end as it is now, in batches of about 1 MiB.

        Raises:
            LedgerCorrupt: after everything before the damaged record has been given.
            LedgerUnavailable: the files cannot be read, or the ledger was closed meanwhile.
        """
        self._check(partition)
        return self._reader.read(partition, offset)

    def follow(self, partition: int, offset: int = 0) -> AsyncIterator[list[Event]]:
        """The records from `offset` on, for ever. Who opened for reading only looks ten times a second.

        Raises:
            LedgerCorrupt: after everything before the damaged record has been given.
        """
        self._check(partition)
        return self._reader.follow(partition, offset)

    async def end(self, partition: int) -> int:
        """The offset of the next record; of the first damaged one if there is damage."""
        self._check(partition)
        return await self._reader.end(partition)

    async def close(self) -> None:
        """Make what was appended durable, end all iterators, free everything. May be called twice."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    def _check(self, partition: int) -> None:
        if not 0 <= partition < len(self._partitions):
            raise ValueError(
                f"the ledger has no partition {partition}, only 0 to {len(self._partitions) - 1}"
            )

    def _lasting_fault(self) -> str | None:
        """Why nothing will be written any more; a fault of the disk may pass."""
        for partition in self._partitions:
            if partition.tail.damage is not None:
                return f"the ledger is damaged: {partition.tail.damage}"
        if self._closing is not None:
            return "the ledger is closed"
        return "the ledger is opened for reading only" if self._committer is None else None

    def _refusal(self, size: int) -> str | None:
        """Why an append of `size` bytes fails at once."""
        if self._waiting_records >= self._options.max_waiting_records:
            return f"{self._waiting_records} appends wait for the disk already"
        if self._waiting_records and self._waiting_bytes + size > self._options.max_waiting_bytes:
            return f"appends of {self._waiting_bytes} bytes wait for the disk already"
        return self._lasting_fault()

    def _hand_over(self) -> None:
        if self._outbox and self._committer is not None:
            self._committer.submit(self._outbox)
            self._outbox = []

    def _report(self, outcome: Outcome) -> None:
        """Called by the committer's thread."""
        try:
            self._loop.call_soon_threadsafe(self._committed, outcome)
        except RuntimeError:
            # The loop was closed before the ledger: nobody waits any more.
            return

    def _committed(self, outcome: Outcome) -> None:
        partition, appends, offset, time, error = outcome
        self._waiting_records -= len(appends)
        events = []
        for _, future, record, body in appends:
            self._waiting_bytes -= len(body)
            if error is not None:
                if not future.done():
                    future.set_exception(LedgerUnavailable(error))
                continue
            events.append(Event(partition, offset, time, record))
            if not future.done():
                future.set_result(Position(partition, offset, time))
            offset += 1
        if events:
            self._partitions[partition].tail.advance(events)

    async def _close(self) -> None:
        # What was appended has been handed over: that was scheduled before this.
        if self._committer is not None:
            await asyncio.to_thread(self._committer.stop)
        if self._lock is not None:
            self._lock.release()
        self._reader.stop()
