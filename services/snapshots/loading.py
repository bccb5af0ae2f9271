"""From the newest snapshot that can be used to a state. Whatever is wrong with one, the next older one is tried."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import NamedTuple, cast

from projections.event import Event
from projections.state import State
from projections.system import RULES_VERSION
from services.ledger import Ledger
from services.ledger.origin import origin_mark
from services.snapshots.base import SnapshotDamaged, SnapshotName, SnapshotStore, Stored, StoreUnavailable
from services.snapshots.files import Header, read_header, read_state

__all__ = [
    "Loaded",
    "Loading",
    "StateBefore",
    "fault_of",
    "from_nothing",
    "mark_of",
    "newest_state",
    "origin_of",
    "state_before",
]

logger = logging.getLogger(__name__)


StateBefore = Callable[[int, int], Awaitable[State]]
"""Called with a partition and an offset, gives a state in which no record from that offset on is folded."""


class Loaded(NamedTuple):
    """A state, and the header of the snapshot it is from."""

    state: State
    header: Header


async def origin_of(ledger: Ledger, partition: int) -> str:
    """What tells a ledger from others, by a partition's first record (`origin_mark`); empty if it has none.

    Raises:
        LedgerCorrupt: the first record is damaged.
        LedgerUnavailable: the ledger cannot be read.
    """
    event = await _event_at(ledger, partition, 0)
    return "" if event is None else origin_mark(event, ledger.partitions)


def mark_of(event: Event) -> str:
    """What tells a record from all others, in hex; a ledger that was restored and went on has others at its end."""
    record = event.record
    fields = (event.offset, event.time, record.arrived, record.node, record.sequence)
    text = "/".join([*map(str, fields), record.digest.hex(), record.signature.hex()])
    return hashlib.sha3_256(text.encode()).hexdigest()


async def _event_at(ledger: Ledger, partition: int, offset: int) -> Event | None:
    """The first record from an offset on."""
    batches = cast("AsyncGenerator[list[Event], None]", ledger.read(partition, offset))
    async with aclosing(batches):
        async for events in batches:
            return events[0]
    return None


class Loading:
    """Loads states of partitions, one at a time, and says how far it is."""

    def __init__(self, store: SnapshotStore) -> None:
        self._store = store
        self.doing = ""
        """What is being done, in words for an operator."""

    async def state(self, ledger: Ledger, partition: int) -> State:
        """The state of a partition: from its newest usable snapshot, else an empty one.

        Raises:
            LedgerCorrupt: a record that is looked at is damaged.
            LedgerUnavailable: the ledger cannot be read.
        """
        loaded = await self._load(ledger, partition)
        if loaded is None:
            return State()
        position = loaded.header.position
        logger.info("partition %d starts from the snapshot at offset %d", partition, position)
        return loaded.state

    async def _load(self, ledger: Ledger, partition: int) -> Loaded | None:
        """Load one, without looking for garbage in it, now or later: nothing in it is garbage."""
        gc.disable()
        try:
            loaded = await newest_state(ledger, self._store, partition, told=self._tell)
            gc.freeze()
        except StoreUnavailable as error:
            logger.warning("partition %d is folded from its first record: %s", partition, error)
            return None
        finally:
            gc.enable()
        return loaded

    def _tell(self, stored: Stored, read: int) -> None:
        percent = min(100 * read // max(stored.size, 1), 100)
        name = stored.name
        self.doing = (
            f"partition {name.partition}: {percent} % of the snapshot at offset {name.position} are read"
        )


async def newest_state(
    ledger: Ledger,
    store: SnapshotStore,
    partition: int,
    *,
    before: int | None = None,
    told: Callable[[Stored, int], None] = lambda stored, read: None,
) -> Loaded | None:
    """The state of the newest usable snapshot of a partition, not after `before`; None if there is none.

    Reading it is done by a thread; `told` is called there, with the bytes that are read.

    Raises:
        StoreUnavailable: the snapshots cannot be listed.
        LedgerCorrupt, LedgerUnavailable: the ledger cannot be read.
    """
    listed = await asyncio.to_thread(store.list, partition)
    if not listed:
        return None
    origin = await origin_of(ledger, partition)
    end = await ledger.end(partition)
    for stored in listed:
        name = stored.name
        if before is not None and name.position > before:
            continue
        reason = _unfit(name, origin, end)
        if not reason:
            try:
                return await _load(ledger, store, stored, origin, told)
            except (SnapshotDamaged, StoreUnavailable) as error:
                reason = str(error)
        logger.warning("the snapshot %s in %s is not used: %s", name.path, store.place, reason)
    return None


async def from_nothing(partition: int, position: int) -> State:
    """An empty state, for whoever has no snapshots."""
    return State()


async def state_before(ledger: Ledger, store: SnapshotStore, partition: int, position: int) -> State:
    """A state from which the records from `position` on can be folded: of the newest snapshot that allows it, or empty.

    Raises:
        LedgerCorrupt, LedgerUnavailable: the ledger cannot be read.
    """
    if not position:
        return State()
    try:
        loaded = await newest_state(ledger, store, partition, before=position)
    except StoreUnavailable as error:
        logger.warning("partition %d is folded from its first record: %s", partition, error)
        return State()
    return State() if loaded is None else loaded.state


def _unfit(name: SnapshotName, origin: str, end: int) -> str:
    """Why a snapshot cannot be of this ledger; empty if it can."""
    if not name.is_of(origin):
        return "it is of another ledger"
    return f"it is newer than the ledger, which ends at offset {end}" if name.position > end else ""


async def fault_of(ledger: Ledger, store: SnapshotStore, name: SnapshotName) -> str:
    """Why a snapshot cannot be used with a ledger, as far as its header says; empty if it can.

    Raises:
        LedgerCorrupt, LedgerUnavailable: the ledger cannot be read.
    """
    if name.partition >= ledger.partitions:
        return "the ledger has no such partition"
    origin = await origin_of(ledger, name.partition)
    reason = _unfit(name, origin, await ledger.end(name.partition))
    if not reason:
        try:
            await _checked(ledger, store, name, origin)
        except (SnapshotDamaged, StoreUnavailable) as error:
            reason = str(error)
    return reason


async def _checked(ledger: Ledger, store: SnapshotStore, name: SnapshotName, origin: str) -> Header:
    """The header of a snapshot that is of the ledger."""
    header = await asyncio.to_thread(_header, store, name)
    if header.name != name or header.origin != origin or header.partitions != ledger.partitions:
        raise SnapshotDamaged("its header is not that of the ledger")
    if header.rules > RULES_VERSION:
        raise SnapshotDamaged(f"it has rules {header.rules}, this server knows up to {RULES_VERSION}")
    last = await _event_at(ledger, header.partition, header.next_offset - 1)
    if last is None or mark_of(last) != header.mark:
        raise SnapshotDamaged("the last record in it is not in the ledger, which was restored and went on")
    return header


async def _load(
    ledger: Ledger, store: SnapshotStore, stored: Stored, origin: str, told: Callable[[Stored, int], None]
) -> Loaded:
    header = await _checked(ledger, store, stored.name, origin)
    state = await asyncio.to_thread(_state, store, stored, told)
    if state.next_offset != header.next_offset:
        raise SnapshotDamaged("its state is not that of its header")
    return Loaded(state, header)


def _header(store: SnapshotStore, name: SnapshotName) -> Header:
    with store.open(name) as file:
        return read_header(file)


def _state(store: SnapshotStore, stored: Stored, told: Callable[[Stored, int], None]) -> State:
    with store.open(stored.name) as file:
        read_header(file)
        return read_state(file, partial(told, stored))
