"""From a verified request to a record: commands to the ledger, everything else to the reads log."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from colonyledger.record import Record, RecordKind
from colonyledger.wire import Message

from projections.system import RULES_VERSION
from services.ingress.envelopes import Signed
from services.ledger import Ledger, Position
from services.replica import Answer, Replica

__all__ = ["MAX_NOTED_BYTES", "Recorder"]

MAX_NOTED_BYTES = 64 * 1024
"""Largest payload that the reads log keeps. Of a larger one it keeps the digest that was signed."""

_LINGER_SECONDS = 0.05
"""How long what was noted is collected."""


class Recorder:
    """Writes signed requests down. `reads` is a ledger that is written in the background and may be away."""

    def __init__(self, replica: Replica, reads: Ledger | None) -> None:
        self.replica = replica
        self.reads_dropped = 0
        """How many entries the reads log did not take."""
        self._reads = reads
        self._noted = 0
        self._unwritten: list[Record] = []
        self._writing: asyncio.TimerHandle | None = None

    def command(self, signed: Signed, message: Message[Any], partition: int) -> asyncio.Future[Answer]:
        """Append a command to the ledger; the future is done when it is durable and folded.

        It fails with LedgerUnavailable, or with CodecError if the request is too large for the ledger.
        """
        return self.replica.execute(partition, _record(signed), message)

    def note(self, signed: Signed) -> None:
        """Write a query, an empty poll or a refused request to the reads log, without waiting for it."""
        if self._reads is None:
            return
        record = _record(signed)
        if len(record.payload) > MAX_NOTED_BYTES:
            record.payload = b""
        record.node, record.sequence = self.replica.run, self._noted
        self._noted += 1
        self._unwritten.append(record)
        if self._writing is None:
            loop = asyncio.get_running_loop()
            self._writing = loop.call_later(_LINGER_SECONDS, self.write_notes)

    def write_notes(self) -> None:
        """Hand what was noted to the reads log; this happens by itself, a moment after the first note."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        notes, self._unwritten = self._unwritten, []
        if self._reads is None or not notes:
            return
        # Together, so that they cost one request to the brokers.
        partition = self._noted % self._reads.partitions
        for record in notes:
            self._reads.append(partition, record).add_done_callback(self._noted_down)

    def _noted_down(self, done: asyncio.Future[Position]) -> None:
        if done.cancelled() or done.exception() is not None:
            self.reads_dropped += 1


def _record(signed: Signed) -> Record:
    return Record(
        RecordKind.RPC,
        signed.payloadtype,
        signed.digest,
        signed.signature,
        signed.caller,
        time.time_ns(),
        "",
        0,
        RULES_VERSION,
        signed.payload,
    )
