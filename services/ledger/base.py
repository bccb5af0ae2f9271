"""The seam between everything and the log: append, read, follow, end, close.

Two implementations pass one conformance suite (tests/services/ledger/): `EmbeddedLedger`, segment
files of this machine, and `KafkaLedger`, a topic. Whoever uses a ledger does not know which it is.

    LedgerError
    ├── LedgerUnavailable    cannot be reached or written now; try again later
    ├── LedgerCorrupt        a record in the middle is damaged; nothing after it may be folded
    └── LedgerRefused        must not be opened like this; trying again does not help
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from colonyledger.record import Record

from projections.event import Event

__all__ = [
    "Copied",
    "Ledger",
    "LedgerCorrupt",
    "LedgerError",
    "LedgerRefused",
    "LedgerUnavailable",
    "Position",
]


class LedgerError(Exception):
    """The ledger did not do what was asked."""


class LedgerUnavailable(LedgerError):
    """The ledger cannot be reached or written now.

    After a failed append this means *unknown*, not *failed*: the record may be in the log all the
    same. Only reading the log settles it.
    """


class LedgerCorrupt(LedgerError):
    """A record that was acknowledged cannot be read. `partition` and `offset` say which."""

    def __init__(self, partition: int, offset: int, reason: str) -> None:
        super().__init__(f"partition {partition}, offset {offset}: {reason}")
        self.partition = partition
        self.offset = offset


class LedgerRefused(LedgerError):
    """The ledger must not be opened like this.

    It is in use by another process, was made with another number of partitions or other settings,
    or is not there at all. An operator has to decide.
    """


class Position(NamedTuple):
    """Where and when a record was appended; `time` is nanoseconds since 1970."""

    partition: int
    offset: int
    time: int


class Copied(NamedTuple):
    """One record as it lies in a ledger."""

    time: int
    """When it was appended, in nanoseconds since 1970."""
    body: bytes
    """The record's bytes, unchanged (services/ledger/codec.py)."""


class Ledger(Protocol):
    """An ordered, immutable log in a fixed number of partitions.

    Offsets of a partition start at 0 and grow; times never run backwards. All methods are called
    from one event loop and never block it.
    """

    @property
    def partitions(self) -> int:
        """How many partitions the ledger was created with."""

    @property
    def is_shared(self) -> bool:
        """Whether others may append to it at the same time."""

    @property
    def fault(self) -> str | None:
        """Why the ledger cannot be used at the moment, in words for an operator; None if it can."""

    def append(self, partition: int, record: Record) -> asyncio.Future[Position]:
        """Append `record`; the future is done when it is durable.

        Records are appended in the order of the calls. The future fails with LedgerUnavailable.
        """

    def read(self, partition: int, offset: int = 0) -> AsyncIterator[list[Event]]:
        """The records from `offset` up to the end as it was at the call, in batches.

        Raises:
            LedgerCorrupt: after everything before the damaged record has been given.
            LedgerUnavailable: the ledger cannot be read.
        """

    def follow(self, partition: int, offset: int = 0) -> AsyncIterator[list[Event]]:
        """The records from `offset` on, for ever: as `read`, then each new batch as soon as it is durable.

        Rides out times when the ledger cannot be reached.
        """

    async def end(self, partition: int) -> int:
        """The offset that the next durable record will have at least: everything before it can be read.

        Raises:
            LedgerUnavailable: the ledger cannot be asked.
        """

    async def close(self) -> None:
        """Make what was appended durable, end all iterators, free everything. May be called twice."""
