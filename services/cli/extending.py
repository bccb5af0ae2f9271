"""Adding partitions: a ledger is copied into one that has more of them, ends, and goes on there (architecture, Epochs).

Nothing is kept beside the two ledgers: how far it has come is read from them, so what was interrupted goes on when it
is done again. The old ledger is copied while it is written; then it is closed, what came meanwhile is copied, and what
was copied is folded and compared before the new ledger is allowed to go on.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
from colonyledger.identity import Identity
from colonyledger.record import Record

from projections.digest import state_digest
from projections.epochs import Closed, Epoch
from projections.event import Event
from projections.fold import apply
from projections.ids import home_of
from projections.state import State
from services.ledger import CodecError, Ledger, LedgerCorrupt, LedgerRefused, kafka_settings, open_ledger
from services.ledger.codec import copied_body, decode
from services.ledger.copying import Copied, CopySource, CopyTarget, copy_source, copy_target
from services.ledger.kafka.alone import alone
from services.ledger.opening import is_kafka
from services.replica.system import system_record

__all__ = ["Extended", "extend"]

_FEW = 1000
"""Records that came while the last ones were copied: from so few on the old ledger is closed."""
_ROUNDS = 20
"""Longest chase after a ledger that grows as fast as it is copied."""

Tell = Callable[[str], None]
"""Told what is being done, in words for an operator."""
Progress = Callable[[int, int], None]
"""Called from time to time with the records done and the records there are."""


class Extended(msgspec.Struct):
    """A partition of the new ledger."""

    partition: int
    former: int
    """The partition of the old ledger that it continues."""
    records: int
    """How many were copied."""
    colonies: int
    """How many have their home here."""
    digest: str
    """What the copied records come to, there and here."""


class _Places(NamedTuple):
    old: str
    new: str
    partitions: int
    """Of the new one."""

    def children(self, partition: int, former: int) -> range:
        """The new partitions that continue one of the `former` old ones."""
        return range(partition, self.partitions, former)


async def extend(old: str, new: str, partitions: int, tell: Tell, progress: Progress) -> list[Extended]:
    """Let the ledger `old` go on as `new`, with so many partitions.

    Raises:
        LedgerRefused: it cannot be done like this; the text says what to do.
        LedgerUnavailable, LedgerCorrupt: one of the ledgers cannot be used. Do it again when it can.
    """
    places = _Places(_named(old), _named(new), partitions)
    if places.old == places.new:
        raise LedgerRefused("the new ledger needs another place than the old one")
    async with _alone(places.old), copy_source(places.old) as source:
        former = _Former(source, places)
        if not await _is_finished(places):
            async with copy_target(places.new, partitions) as target:
                await _copy(former, target, tell, progress)
                await target.finish()
        tell("Comparing the two ledgers")
        await former.read_on(progress)
        former.check_ended()
        extended, lacking = await _compare(former, progress)
        if lacking:
            await _begin(places, lacking)
        return extended


class _Former:
    """The old ledger, folded as it is read. Each partition ends with its closing; what came after that is nothing."""

    def __init__(self, source: CopySource, places: _Places) -> None:
        self.places = places
        self.states = [State() for _ in range(source.partitions)]
        self._has_ended = [False] * source.partitions
        self._source = source
        count = source.partitions
        if places.partitions <= count or places.partitions % count:
            raise LedgerRefused(
                f"the ledger {places.old} has {count} partitions: "
                f"the new one needs a multiple of that, such as {2 * count}, not {places.partitions}"
            )

    @property
    def records(self) -> int:
        """How many were read."""
        return sum(state.next_offset for state in self.states)

    @property
    def open_partitions(self) -> list[int]:
        """Those in which no closing was read."""
        return [partition for partition, ended in enumerate(self._has_ended) if not ended]

    async def end(self) -> int:
        """How many records there are now, with those after the closings."""
        return sum([await self._source.end(partition) for partition in range(len(self.states))])

    async def read(self, partition: int) -> AsyncGenerator[tuple[int, list[Copied]], None]:
        """The records that were not read yet, in batches with their offsets, up to the closing."""
        state = self.states[partition]
        if self._has_ended[partition]:
            return
        async with aclosing(self._source.read(partition, state.next_offset)) as batches:
            async for records in batches:
                start = state.next_offset
                for record in records:
                    self._fold(partition, record)
                    if self._has_ended[partition]:
                        break
                yield start, records[: state.next_offset - start]
                if self._has_ended[partition]:
                    return
                await asyncio.sleep(0)

    async def read_on(self, progress: Progress) -> None:
        """Read all that there is, without copying it."""
        end = await self.end()
        for partition in range(len(self.states)):
            async with aclosing(self.read(partition)) as batches:
                async for _ in batches:
                    progress(self.records, end)

    def check_begun(self) -> None:
        """Refuse if the old ledger is the copy of another one, in which the epoch has not begun everywhere."""
        for partition in self.open_partitions:
            if self.states[partition].successor is not None:
                raise LedgerRefused(
                    f"{self.places.old} continues another ledger, and has not begun to: finish the command that made it"
                )

    def check_ended(self) -> None:
        """Refuse if a partition is open, though nothing is written to it any more."""
        if self.open_partitions:
            raise LedgerRefused(
                f"{self.places.new} is there, and partition {self.open_partitions[0]} of {self.places.old} is not "
                f"closed: {self.places.new} is no copy of it. Name another place for the new ledger"
            )

    def _fold(self, partition: int, copied: Copied) -> None:
        state = self.states[partition]
        try:
            record = decode(copied.body)
        except CodecError as error:
            raise LedgerCorrupt(partition, state.next_offset, str(error)) from error
        was_open = state.successor is None
        apply(state, Event(partition, state.next_offset, copied.time, record))
        # What was copied may have a closing of an earlier epoch.
        if state.successor is None or not was_open or record.origin >= 0:
            return
        self._has_ended[partition] = True
        successor = state.successor
        if successor != self.places.new:
            raise LedgerRefused(
                f"partition {partition} of {self.places.old} is closed already and goes on as {successor}: "
                f"name that as the new ledger"
            )


class _Copier:
    """Writes what is read of the old ledger to the partitions that continue it."""

    def __init__(self, former: _Former, target: CopyTarget) -> None:
        self._former = former
        self._target = target
        self._last: dict[int, Copied] = {}
        """The last record of partitions that were begun before, until it was compared."""
        self._ends: dict[int, int] = {}

    async def prepare(self) -> None:
        """Look how far an interrupted copy has come."""
        for partition in range(self._target.partitions):
            self._ends[partition] = await self._target.end(partition)
            last = await self._target.last(partition)
            if last is not None:
                self._last[partition] = last

    async def round(self, progress: Progress) -> int:
        """Copy what there is now; how many records that were of the old ledger."""
        former, before = self._former, self._former.records
        end = await former.end()
        for partition in range(len(former.states)):
            children = former.places.children(partition, len(former.states))
            async with aclosing(former.read(partition)) as batches:
                async for start, records in batches:
                    bodies = [Copied(time, copied_body(body, partition)) for time, body in records]
                    await asyncio.gather(*(self._write(child, start, bodies) for child in children))
                    progress(former.records, end)
        return former.records - before

    def check_begun(self) -> None:
        """Refuse if an interrupted copy has more than the old ledger."""
        for partition in self._last:
            raise self._wrong(partition)

    async def _write(self, child: int, start: int, records: Sequence[Copied]) -> None:
        have = self._ends[child]
        is_reached = child in self._last and have <= start + len(records)
        if is_reached and records[have - 1 - start] != self._last.pop(child):
            raise self._wrong(child)
        if have < start + len(records):
            await self._target.write(child, records[max(have - start, 0) :])
            self._ends[child] = start + len(records)

    def _wrong(self, partition: int) -> LedgerRefused:
        places = self._former.places
        return LedgerRefused(
            f"partition {partition} of {places.new} was begun as a copy of something else than {places.old}: "
            f"delete {places.new}, or name another place"
        )


async def _copy(former: _Former, target: CopyTarget, tell: Tell, progress: Progress) -> None:
    """Copy all of the old ledger, and close it when nearly all is copied."""
    copier = _Copier(former, target)
    await copier.prepare()
    tell("Copying while the old ledger goes on")
    for _ in range(_ROUNDS):
        if await copier.round(progress) < _FEW:
            break
    copier.check_begun()
    former.check_begun()
    if former.open_partitions:
        tell("Closing the old ledger: from now on commands get 503")
        await _close(copier, former, progress)


async def _close(copier: _Copier, former: _Former, progress: Progress) -> None:
    """Close the partitions of the old ledger that are open, and copy them to their ends."""
    places = former.places
    try:
        ledger = await open_ledger(places.old)
    except LedgerRefused as error:
        if is_kafka(places.old):
            raise
        raise LedgerRefused(
            f"{error}. {places.new} has all records up to now: stop that server and do this again, it goes on"
        ) from error
    try:
        # Somebody may have closed it while nobody else could write.
        await copier.round(progress)
        await _append(ledger, former.open_partitions, Closed(successor=places.new))
    finally:
        await ledger.close()
    while former.open_partitions:
        await copier.round(progress)


async def _compare(former: _Former, progress: Progress) -> tuple[list[Extended], list[int]]:
    """Fold what was copied; the new partitions, and those in which the epoch has not begun.

    Raises:
        LedgerRefused: a copy does not come to the same.
    """
    places, count = former.places, len(former.states)
    # In threads, as the loop must not stand still for long.
    digests = [await asyncio.to_thread(state_digest, state) for state in former.states]
    extended, lacking, done = [], [], 0
    ledger = await open_ledger(places.new, read_only=True)
    try:
        all_ = sum([await ledger.end(partition) for partition in range(places.partitions)])
        for partition in range(places.partitions):
            copied = former.states[partition % count]
            state, digest = State(), ""
            read = cast("AsyncGenerator[list[Event], None]", ledger.read(partition))
            async with aclosing(read) as batches:
                async for events in batches:
                    for event in events:
                        if state.next_offset < copied.next_offset or state.successor is not None:
                            apply(state, event)
                        if state.next_offset == copied.next_offset and not digest:
                            digest = await asyncio.to_thread(state_digest, state)
                    progress(done + events[-1].offset + 1, all_)
                    await asyncio.sleep(0)
            done += await ledger.end(partition)
            if digest != digests[partition % count]:
                raise LedgerRefused(
                    f"partition {partition} of {places.new} does not come to what partition {partition % count} of "
                    f"{places.old} does: delete {places.new} and do this again"
                )
            if state.successor is not None:
                lacking.append(partition)
            tags = (colony.tag for colony in copied.colonies.values())
            colonies = sum(home_of(tag, places.partitions) == partition for tag in tags)
            extended.append(Extended(partition, partition % count, copied.next_offset, colonies, digest))
    finally:
        await ledger.close()
    return extended, lacking


async def _begin(places: _Places, lacking: Sequence[int]) -> None:
    """Let the new ledger go on."""
    ledger = await open_ledger(places.new)
    try:
        await _append(ledger, lacking, Epoch(partitions=places.partitions, former=places.old))
    finally:
        await ledger.close()


async def _append(ledger: Ledger, partitions: Sequence[int], message: Closed | Epoch) -> None:
    """Append an event to some partitions, as a node with a key of its own."""
    identity, run = Identity.generate(), f"extend-{secrets.token_hex(4)}"

    def record(number: int) -> Record:
        return msgspec.structs.replace(system_record(identity, message), node=run, sequence=number)

    await asyncio.gather(
        *(ledger.append(partition, record(number)) for number, partition in enumerate(partitions))
    )


async def _is_finished(places: _Places) -> bool:
    """Whether the new ledger is complete, but for the epoch perhaps.

    Raises:
        LedgerRefused: there is one with another number of partitions.
    """
    try:
        ledger = await open_ledger(places.new, read_only=True)
    except LedgerRefused:
        return False
    await ledger.close()
    if ledger.partitions != places.partitions:
        raise LedgerRefused(
            f"{places.new} is there with {ledger.partitions} partitions, not {places.partitions}"
        )
    return True


def _alone(old: str) -> AbstractAsyncContextManager[None]:
    """Nobody else extends this ledger meanwhile. Of one in files only one can be closed, by who has its lock."""
    return alone(kafka_settings(old), "extend") if is_kafka(old) else nullcontext()


def _named(place: str) -> str:
    """A ledger by the name that is recorded: a directory's is absolute."""
    return place if is_kafka(place) else str(Path(place).resolve())
