"""The running history: what the fold makes true goes to the engine, behind the fold's back.

The sink lags, it never lies: rows are written in the order of the ledger, a position is noted after
the rows before it are written, and everything may be written again. When the engine is slower than
the fold, or away, rows are dropped and folded anew from the ledger once the engine takes them again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import NamedTuple, cast

from projections.event import Event, Outcome
from projections.fold import apply
from projections.state import State
from services.history.engine import Engine, HistoryRefused, HistoryUnavailable, Position
from services.history.rows import Batch
from services.ledger.base import Ledger, LedgerError
from services.ledger.origin import origin_mark
from services.snapshots import StateBefore, from_nothing

__all__ = ["HistorySink", "Lag", "SinkOptions"]

logger = logging.getLogger(__name__)

_NANOSECONDS = 1_000_000_000
_SLICE = 64
"""Events folded again in one go, so that nobody else waits for longer than a few milliseconds."""


class SinkOptions(NamedTuple):
    """How much waits in memory, and for how long."""

    flush_seconds: float = 1.0
    """Rows are written at least this often."""
    flush_rows: int = 10_000
    """Rows are written as soon as there are this many."""
    max_rows: int = 200_000
    """Rows that wait in memory while others are being written; beyond it they are dropped and folded anew."""
    max_bytes: int = 128 * 1024 * 1024
    """The same for the text in them."""
    retry_seconds: float = 1.0
    """Pause after a failed write; it doubles up to thirty times this."""


class Lag(NamedTuple):
    """How far the history is behind the fold."""

    records: int
    seconds: float
    """Ledger time from the newest record that is written, or the oldest that is not, to the newest that is folded."""


class _Partition:
    """Where one partition stands; all are offsets of the next event."""

    __slots__ = ("behind", "folded", "folded_time", "next", "written", "written_time")

    def __init__(self) -> None:
        self.next: int | None = None
        """The next event whose rows go to the buffer; None as long as the engine has not told."""
        self.behind = False
        """The rows of `next` are not at hand: they were dropped, or came before the sink was ready."""
        self.folded = self.folded_time = 0
        self.written = self.written_time = 0


class HistorySink:
    """Writes the history of a ledger to an engine. `states` are those that the fold changes, by partition.

    What has to be folded anew is folded from what `before` gives.
    """

    def __init__(
        self,
        engine: Engine,
        ledger: Ledger,
        states: Sequence[State],
        options: SinkOptions | None = None,
        *,
        before: StateBefore = from_nothing,
    ) -> None:
        self._before = before
        self._engine = engine
        self._ledger = ledger
        self._states = states
        self._options = options or SinkOptions()
        self._partitions = [_Partition() for _ in range(ledger.partitions)]
        self._origins: dict[int, str] = {}
        self._is_continued = False
        """Whether the ledger continues another one."""
        self._buffer = Batch(ledger.partitions)
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._open = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._stopping = asyncio.Event()
        self._fault: str | None = "the history is not open yet"
        self._broken: str | None = None
        """Why no more rows can be made at all."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history-sink")
        self._writing: asyncio.Task[None] | None = None
        self._catching_up: asyncio.Task[None] | None = None

    @property
    def fault(self) -> str | None:
        """Why the history is not being written, in words for an operator; None if it is."""
        return self._broken or self._fault

    @property
    def lag(self) -> Lag:
        """How far the history is behind the fold, the worst partition for the time."""
        records = sum(max(part.folded - part.written, 0) for part in self._partitions)
        late = [
            part.folded_time - part.written_time for part in self._partitions if part.folded > part.written
        ]
        return Lag(records, max(late, default=0) / _NANOSECONDS)

    async def start(self) -> None:
        """Make the tables and continue where the last run stopped; call it before the fold begins.

        An engine that is away does not keep the server from starting: it is tried again and again.

        Raises:
            HistoryRefused: the history was written from another ledger.
            LedgerUnavailable: the ledger cannot be read.
        """
        for partition in range(self._ledger.partitions):
            batches = cast("AsyncGenerator[list[Event], None]", self._ledger.read(partition))
            async with aclosing(batches):
                async for events in batches:
                    self._origins[partition] = origin_mark(events[0], self._ledger.partitions)
                    self._is_continued |= events[0].record.origin >= 0
                    break
        try:
            await self._prepare()
        except HistoryUnavailable as error:
            self._fail(str(error))
        self._writing = asyncio.create_task(self._write_for_ever(), name="history-sink")

    def take(self, partition: int) -> None:
        """A partition is followed from its state as it is now; until then it was not."""
        part = self._partitions[partition]
        part.folded = max(part.folded, self._states[partition].next_offset)
        part.behind = part.next is not None and part.folded > part.next

    def accept(self, event: Event, outcome: Outcome) -> None:
        """Take what an event came to, right after it was folded. Returns at once."""
        part = self._partitions[event.partition]
        part.folded, part.folded_time = event.offset + 1, event.time
        if event.offset <= part.written or not part.written_time:
            part.written_time = event.time
        if event.offset != part.next or part.behind:
            if part.next is None or event.offset > part.next:
                part.behind = True
            return
        if self._is_full():
            part.behind = True
            self._wake.set()
            return
        self._take(self._states[event.partition], event, outcome)

    async def next(self, partition: int) -> int:
        """The offset of the first record that is not written; waits for an engine that is away."""
        await self._open.wait()
        return self._partitions[partition].next or 0

    async def room(self) -> None:
        """Wait until the buffer is no longer half full: for whoever can fold slower than the engine writes."""
        await self._room.wait()

    async def drained(self) -> None:
        """Wait until everything that was folded by now is written."""
        ends = [part.folded for part in self._partitions]
        while any(part.written < end for part, end in zip(self._partitions, ends, strict=True)):
            self._progress.clear()
            self._wake.set()
            await self._progress.wait()

    async def close(self) -> None:
        """Write what is at hand, if the engine takes it, and stop. The engine stays open."""
        self._stopping.set()
        self._wake.set()
        if self._catching_up is not None:
            self._catching_up.cancel()
            await asyncio.gather(self._catching_up, return_exceptions=True)
        if self._writing is not None:
            await self._writing
        self._thread.shutdown(wait=False)

    def _is_full(self) -> bool:
        return self._buffer.size >= self._options.max_rows or self._buffer.weight >= self._options.max_bytes

    def _take(self, state: State, event: Event, outcome: Outcome) -> None:
        part = self._partitions[event.partition]
        try:
            self._buffer.add(state, event, outcome)
        except Exception:
            # The server must not fail with its history, and the history must not leave a record out: it stops here.
            part.behind = True
            self._broken = f"the history cannot tell of partition {event.partition}, offset {event.offset}"
            logger.exception(self._broken)
            return
        part.next = event.offset + 1
        if self._buffer.size >= self._options.flush_rows:
            self._wake.set()
        if (
            2 * self._buffer.size >= self._options.max_rows
            or 2 * self._buffer.weight >= self._options.max_bytes
        ):
            self._room.clear()

    async def _prepare(self) -> None:
        loop = asyncio.get_running_loop()
        positions = await loop.run_in_executor(self._thread, self._engine.prepare)
        for partition, position in positions.items():
            if not await self._is_of_this_ledger(partition, position):
                other = "another ledger"
                if self._is_continued:
                    other += ", such as the one that this ledger continues"
                raise HistoryRefused(
                    f"The history in {self._engine.place} was written from {other}; "
                    "keep this one's elsewhere, or write it anew with colony history replay --afresh."
                )
        for partition, part in enumerate(self._partitions):
            part.next = part.written = positions[partition].next if partition in positions else 0
            part.folded = max(part.folded, self._states[partition].next_offset)
            part.behind = part.folded > part.next
        self._fault = None
        self._open.set()

    async def _is_of_this_ledger(self, partition: int, position: Position) -> bool:
        """Whether a position can have come from this ledger: the same first record, and not past its end."""
        if partition >= len(self._partitions) or position.origin != self._origins.get(partition, ""):
            return False
        return position.next <= await self._ledger.end(partition)

    async def _write_for_ever(self) -> None:
        pause = self._options.retry_seconds
        batch: Batch | None = None
        while True:
            if batch is None:
                await _passed(self._options.flush_seconds, self._wake)
            try:
                if self._partitions[0].next is None:
                    await self._prepare()
                batch = batch or self._cut()
                if batch is not None:
                    await self._write(batch)
            except (HistoryUnavailable, HistoryRefused, LedgerError) as error:
                self._fail(str(error))
            except Exception as error:
                logger.exception("writing the history failed")
                self._fail(f"writing the history failed: {error!r}")
            else:
                batch, pause = None, self._options.retry_seconds
                if self._stopping.is_set() and not self._buffer.ends:
                    return
                self._start_catching_up()
                continue
            if self._stopping.is_set():
                return
            await _passed(pause, self._stopping)
            pause = min(2 * pause, 30 * self._options.retry_seconds)

    def _cut(self) -> Batch | None:
        """The buffer, replaced by an empty one; None if there is nothing to write."""
        if not self._stopping.is_set():
            self._wake.clear()
        if not self._buffer.ends:
            return None
        batch, self._buffer = self._buffer, Batch(self._ledger.partitions)
        self._room.set()
        return batch

    async def _write(self, batch: Batch) -> None:
        self._origins.update(batch.origins)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._engine.write, batch, dict(self._origins))
        self._fault = None
        for partition, end in batch.ends.items():
            part = self._partitions[partition]
            part.written, part.written_time = end, batch.times[partition]
        self._progress.set()

    def _fail(self, reason: str) -> None:
        if self._fault != reason:
            logger.warning("the history is not being written: %s", reason)
        self._fault = reason

    def _start_catching_up(self) -> None:
        running = self._catching_up is not None and not self._catching_up.done()
        if (
            running
            or self._stopping.is_set()
            or self._broken
            or not any(part.behind for part in self._partitions)
        ):
            return
        self._catching_up = asyncio.create_task(self._catch_up(), name="history-catch-up")

    async def _catch_up(self) -> None:
        """Fold the ledger anew for partitions whose rows are not at hand, until they meet the running fold."""
        try:
            for partition, part in enumerate(self._partitions):
                if part.behind:
                    await self._fold_anew(partition, part)
        except LedgerError as error:
            self._fail(f"the ledger cannot be read for the history: {error}")

    async def _fold_anew(self, partition: int, part: _Partition) -> None:
        state = await self._before(partition, part.next or 0)
        logger.info(
            "folding partition %d anew from %d for the history from %s",
            partition,
            state.next_offset,
            part.next,
        )
        while part.behind and not self._broken:
            async for events in self._ledger.read(partition, state.next_offset):
                for start in range(0, len(events), _SLICE):
                    await self.room()
                    for event in events[start : start + _SLICE]:
                        outcome = apply(state, event)
                        if event.offset == part.next:
                            self._take(state, event, outcome)
                    if self._broken:
                        return
                    if part.next is not None and part.next >= part.folded:
                        part.behind = False
                        return
                    await asyncio.sleep(0)
            await asyncio.sleep(0)


async def _passed(seconds: float, event: asyncio.Event) -> None:
    """Wait until the time has passed, or the event is set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
