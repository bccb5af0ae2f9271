"""Writes one partition: groups of records to the active segment, and a new segment when it is full.

Used by the committer's thread alone, once it runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from services.ledger.embedded.active import ActiveSegment
from services.ledger.embedded.options import EmbeddedOptions
from services.ledger.embedded.recovery import Recovered
from services.ledger.embedded.retention import drop_old_segments, is_of_age
from services.ledger.embedded.segment import frame
from services.ledger.embedded.segments import DURABLE_END, Segments

__all__ = ["SegmentWriter"]


class SegmentWriter:
    """The end of one partition: `end` is the offset of the next record.

    After a write that failed nobody knows whether the records of that group are in the file, everything
    before them is safe, and `repair` (also done by the next write) puts the file back to there.

    Raises:
        OSError: from every method, when the disk does not do what is asked.
    """

    def __init__(self, segments: Segments, recovered: Recovered, options: EmbeddedOptions) -> None:
        self.segments = segments
        self.end = recovered.end
        self._last_time = recovered.last_time
        self._options = options
        self._lost_bytes = 0
        self._durable_end = os.open(segments.durable_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._active = self._activate(recovered.base, recovered.position)
            self._first_time = segments.first_time(recovered.base)
            drop_old_segments(segments, options)
        except OSError:
            os.close(self._durable_end)
            raise
        self._publish()

    def write(self, bodies: Sequence[bytes]) -> int:
        """Append `bodies` as one group, durably if the ledger is durable; gives their time."""
        now = max(self._last_time, time.time_ns())
        self.write_as_they_are([(now, body) for body in bodies])
        return now

    def write_as_they_are(self, records: Sequence[tuple[int, bytes]]) -> None:
        """Append records, times and bodies, as one group, durably if the ledger is durable."""
        if self._lost_bytes:
            self.repair()
        parts: list[bytes] = []
        for moment, body in records:
            parts.append(frame(moment, body, starts_group=not parts))
            parts.append(body)
        group = b"".join(parts)
        self._lost_bytes = len(group)
        first, last = records[0][0], records[-1][0]
        if self._is_full(len(group), first):
            self._roll()
        self._active.write(group, durable=self._options.durable)
        self._lost_bytes = 0
        self.end += len(records)
        self._last_time = max(self._last_time, last)
        self._first_time = self._first_time or first
        self.segments.mark(self._active.base, self.end, self._active.position)
        self._publish()

    def prepare(self) -> bool:
        """Do a little work ahead, if there is any to do; whether there was."""
        return not self._lost_bytes and self._active.prepare()

    def repair(self) -> None:
        """Put the file back to its last durable byte and make sure that the lost group would fit now."""
        self._active.restore(self._lost_bytes)
        self._lost_bytes = 0

    def close(self) -> None:
        """Make everything durable and close the files."""
        try:
            self._active.seal()
            os.fsync(self._durable_end)
        finally:
            os.close(self._durable_end)

    def _is_full(self, group_bytes: int, now: int) -> bool:
        active = self._active
        if not active.position:
            return False
        if self._first_time is not None and is_of_age(self._first_time, now, self._options):
            return True
        return active.position + group_bytes > self._options.segment_bytes

    def _activate(self, base: int, position: int) -> ActiveSegment:
        prepare_to = self._options.segment_bytes if self._options.durable else 0
        active = ActiveSegment(self.segments.path(base), base, position, prepare_to=prepare_to)
        self.segments.refresh()
        return active

    def _roll(self) -> None:
        full = self._active
        full.sync()
        self._active, self._first_time = self._activate(self.end, 0), None
        full.seal()
        drop_old_segments(self.segments, self._options)

    def _publish(self) -> None:
        """Tell readers in other processes what is durable."""
        try:
            os.pwrite(self._durable_end, DURABLE_END.pack(self.end), 0)
        except OSError:
            # The records are durable, whatever this hint says.
            return
