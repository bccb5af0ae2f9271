"""The one thread that writes an embedded ledger: takes what waits, commits it in groups, reports back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

from colonyledger.record import Record

from services.ledger.base import Position
from services.ledger.embedded.writer import SegmentWriter

__all__ = ["Committer", "Counters", "Outcome", "Waiting"]

_log = logging.getLogger(__name__)

_GROUP_RECORDS = 8192
_GROUP_BYTES = 8 * 1024 * 1024
_REPAIR_EVERY_SECONDS = 1.0

Waiting = tuple[int, asyncio.Future[Position], Record, bytes]
"""An append that waits: partition, future, record, body. A plain tuple: there is one per record."""


@dataclass(slots=True)
class Counters:
    """What a ledger has committed since it was opened."""

    records: int = 0
    bytes: int = 0
    """Bodies only, without the headers of their frames."""
    groups: int = 0
    """Commits: one write and, if the ledger is durable, one fdatasync each."""


class Outcome(NamedTuple):
    """What became of one group. `offset` is that of its first record."""

    partition: int
    appends: list[Waiting]
    offset: int
    time: int
    error: str | None


class Committer:
    """Owns the writers and the thread. `report` is called from the thread, once per group."""

    def __init__(self, writers: dict[int, SegmentWriter], report: Callable[[Outcome], None]) -> None:
        self.counters = Counters()
        self._writers = writers
        self._report = report
        self._faults: dict[int, str] = {}
        self._inbox: SimpleQueue[list[Waiting] | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="ledger-committer", daemon=True)
        self._thread.start()

    @property
    def fault(self) -> str | None:
        """Why writing fails at the moment; None if it does not."""
        return next(iter(self._faults.values()), None)

    def submit(self, appends: list[Waiting]) -> None:
        """Have `appends` committed, in this order."""
        self._inbox.put(appends)

    def stop(self) -> None:
        """Commit what was submitted, close the writers, and return when that is done."""
        self._inbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            appends, stopping = self._take()
            for group in _groups(appends):
                self._report(self._commit(group))
        for writer in self._writers.values():
            try:
                writer.close()
            except OSError as error:
                _log.error("closing partition %d of the ledger: %s", writer.segments.partition, error)

    def _take(self) -> tuple[list[Waiting], bool]:
        """Whatever waits, at least one append or the word to stop; meanwhile prepare and repair."""
        while True:
            try:
                first = self._inbox.get_nowait()
                break
            except Empty:
                if any(writer.prepare() for writer in self._writers.values()):
                    continue
            try:
                first = self._inbox.get(timeout=_REPAIR_EVERY_SECONDS if self._faults else None)
                break
            except Empty:
                self._repair()
        if first is None:
            return [], True
        appends = first
        while len(appends) < _GROUP_RECORDS:
            try:
                more = self._inbox.get_nowait()
            except Empty:
                break
            if more is None:
                return appends, True
            appends += more
        return appends, False

    def _commit(self, appends: list[Waiting]) -> Outcome:
        partition = appends[0][0]
        writer = self._writers[partition]
        offset = writer.end
        bodies = [body for _, _, _, body in appends]
        try:
            time = writer.write(bodies)
        except Exception as error:  # noqa: BLE001 - the thread lives on, and whoever waits is told
            if not isinstance(error, OSError):
                _log.exception("committing to partition %d failed unexpectedly", partition)
            reason = f"writing to partition {partition} of the ledger failed: {error}"
            self._faults[partition] = reason
            return Outcome(partition, appends, offset, 0, reason)
        self._faults.pop(partition, None)
        self.counters.groups += 1
        self.counters.records += len(bodies)
        self.counters.bytes += sum(map(len, bodies))
        return Outcome(partition, appends, offset, time, None)

    def _repair(self) -> None:
        for partition in list(self._faults):
            try:
                self._writers[partition].repair()
            except OSError as error:
                self._faults[partition] = f"writing to partition {partition} of the ledger failed: {error}"
            else:
                del self._faults[partition]


def _groups(appends: list[Waiting]) -> Iterator[list[Waiting]]:
    """Split by partition, and where a group would be too large; order within a partition stays."""
    by_partition: dict[int, list[Waiting]] = {}
    for append in appends:
        by_partition.setdefault(append[0], []).append(append)
    for waiting in by_partition.values():
        start = size = 0
        for number, (_, _, _, body) in enumerate(waiting):
            if size and size + len(body) > _GROUP_BYTES:
                yield waiting[start:number]
                start, size = number, 0
            size += len(body)
        yield waiting[start:]
