"""Whole ledgers from one place to another: records as they lie, with the times that they have.

A copy has no clock of its own until `finish`; before that no server takes it for a ledger, and it can be gone on
with after a crash. Offsets and bodies are the caller's: what is written is not looked into.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from services.ledger.base import Copied
from services.ledger.embedded.copying import DirectorySource, DirectoryTarget
from services.ledger.kafka.copying import TopicSource, TopicTarget
from services.ledger.opening import LogKind, is_kafka, kafka_settings

__all__ = ["Copied", "CopySource", "CopyTarget", "copy_source", "copy_target"]


class CopySource(Protocol):
    """A ledger that is copied; a server may be writing it."""

    @property
    def partitions(self) -> int:
        """How many the ledger has."""

    async def end(self, partition: int) -> int:
        """The offset that the next durable record will have.

        Raises:
            LedgerUnavailable: the ledger cannot be asked.
        """

    def read(self, partition: int, offset: int = 0) -> AsyncGenerator[list[Copied], None]:
        """The records from `offset` up to the end as it is now, in batches, none left out.

        Raises:
            LedgerCorrupt: after everything before it, the first record that is damaged or missing.
            LedgerUnavailable: the ledger cannot be read.
        """


class CopyTarget(Protocol):
    """A ledger that is being written as a copy. One call of `write` at a time for each partition."""

    @property
    def partitions(self) -> int:
        """How many the copy has."""

    async def end(self, partition: int) -> int:
        """The offset that the next record gets.

        Raises:
            LedgerUnavailable: the place cannot be asked.
        """

    async def last(self, partition: int) -> Copied | None:
        """The last record, None if there is none: whether the copy can be gone on with.

        Raises:
            LedgerUnavailable: the place cannot be read.
        """

    async def write(self, partition: int, records: Sequence[Copied]) -> None:
        """Write records at the end, in order, with their times to the nanosecond; they are durable when this returns.

        Raises:
            LedgerRefused: the copy is finished, or somebody else writes it.
            LedgerUnavailable: the place does not take them. Some may be there: open the copy anew, and ask for its end.
            ValueError: bytes are no record.
        """

    async def finish(self) -> None:
        """Make a ledger of it: from here on the ledger's own clock gives times.

        Raises:
            LedgerRefused: the brokers do not allow it.
            LedgerUnavailable: the place does not take it.
        """


@asynccontextmanager
async def copy_target(
    place: str | Path, partitions: int, *, kind: LogKind = LogKind.LEDGER
) -> AsyncIterator[CopyTarget]:
    """A copy in a directory or a topic, named as for `open_ledger`; made if missing, gone on with if it is not finished.

    Leaving the context without `finish` leaves it unfinished.

    Raises:
        LedgerRefused: there is a ledger, or something else; it is in use; or the brokers do not allow it.
        LedgerUnavailable: the disk or the brokers do not let it be opened now.
    """
    if is_kafka(place):
        async with TopicTarget.open(kafka_settings(str(place), kind=kind), partitions) as topic:
            yield topic
    else:
        async with DirectoryTarget.open(Path(place), partitions) as directory:
            yield directory


@asynccontextmanager
async def copy_source(place: str | Path, *, kind: LogKind = LogKind.LEDGER) -> AsyncIterator[CopySource]:
    """The ledger that `place` names, to be copied.

    Raises:
        LedgerRefused: there is no such ledger, or it may not be read.
        LedgerUnavailable: the disk or the brokers do not let it be opened now.
    """
    if is_kafka(place):
        topic = await TopicSource.open(kafka_settings(str(place), kind=kind))
        try:
            yield topic
        finally:
            await topic.close()
    else:
        yield await DirectorySource.open(Path(place))
