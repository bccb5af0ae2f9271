"""Makes a snapshot, in a process of its own: folds from the newest one on, compares with checkpoints, writes.

Nobody waits for it and nothing depends on it. The ledger is only read.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from typing import BinaryIO

import msgspec
from colonyledger.wire import payloadtype_of

from projections.digest import state_digest
from projections.event import Event
from projections.fold import apply
from projections.image import IMAGE_VERSION
from projections.messages import system_message
from projections.registry import REGISTRY
from projections.state import State
from projections.system import RULES_VERSION, Checkpointed
from services.ledger import Ledger
from services.snapshots.base import ORIGIN_DIGITS, SnapshotDamaged, SnapshotName, SnapshotStore
from services.snapshots.files import Header, read_header, read_state, write_snapshot
from services.snapshots.loading import mark_of, newest_state, origin_of

__all__ = [
    "KEPT",
    "Disagreement",
    "Made",
    "check_snapshot",
    "checkpoint_in",
    "checkpoints",
    "keep_evidence",
    "make_snapshot",
]

KEPT = 3
"""Newest snapshots of a partition that are kept."""

_CHECKPOINT = payloadtype_of(Checkpointed())


class Disagreement(msgspec.Struct, frozen=True):
    """A checkpoint of another node that is not what the ledger comes to here."""

    since: int
    """An offset up to which nothing is known to be wrong; the records from there on are to be looked at."""
    position: int
    theirs: str
    ours: str
    evidence: str
    """Where the snapshots of both offsets are kept."""


class Made(msgspec.Struct, frozen=True):
    """What became of a snapshot."""

    partition: int
    position: int
    digest: str
    size: int
    """Bytes; 0 if it was there already."""
    seconds: float
    disagreement: Disagreement | None = None
    """If there is one, nothing was made."""


def checkpoint_in(event: Event) -> Checkpointed | None:
    """The claim that a record makes; None if it is no checkpoint, or one of a node with other rules."""
    message = system_message(event, REGISTRY[_CHECKPOINT])
    return message if isinstance(message, Checkpointed) and message.rules == RULES_VERSION else None


async def checkpoints(ledger: Ledger, partition: int, start: int = 0) -> list[tuple[Checkpointed, Event]]:
    """The claims in the records from `start` on, by the offset that they are about.

    Raises:
        LedgerCorrupt, LedgerUnavailable: as from `Ledger.read`.
    """
    claims = []
    async for events in ledger.read(partition, start):
        for event in events:
            message = checkpoint_in(event)
            if message is not None:
                claims.append((message, event))
    return sorted(claims, key=lambda claim: claim[0].offset)


async def make_snapshot(
    ledger: Ledger,
    store: SnapshotStore,
    partition: int,
    every: int = 0,
    *,
    kept: int = KEPT,
    compare: bool = True,
) -> Made | None:
    """Make a snapshot at the newest multiple of `every`, or at the end if that is 0; None if there are no records.

    Unless told not to `compare`, nothing is made if a checkpoint is not what its records come to.

    Raises:
        LedgerCorrupt, LedgerUnavailable: the ledger cannot be read.
        StoreUnavailable: the snapshots cannot be read or written.
        SnapshotDamaged: what was written does not come to the state that it was written from.
    """
    began = time.monotonic()
    end = await ledger.end(partition)
    position = end // every * every if every else end
    origin = await origin_of(ledger, partition)
    if not position or not origin:
        return None
    gc.disable()  # a process of its own, with next to nothing that refers to itself
    maker = _Maker(ledger, store, partition, origin)
    await maker.load(position)
    if maker.start == position:
        return Made(partition, position, maker.digest(), 0, time.monotonic() - began)
    wrong = await maker.fold(position, compare=compare)
    if wrong is not None:
        return Made(partition, wrong.position, wrong.ours, 0, time.monotonic() - began, wrong)
    name, size = maker.put(position)
    maker.prune(name, kept)
    return Made(partition, position, name.digest, size, time.monotonic() - began)


class _Maker:
    """The state of one partition on its way to a snapshot; it is let go before the snapshot is read for a check."""

    def __init__(self, ledger: Ledger, store: SnapshotStore, partition: int, origin: str) -> None:
        self._ledger = ledger
        self._store = store
        self._partition = partition
        self._origin = origin
        self._state: State | None = State()
        self._mark = ""
        """That of the last record in the snapshot that it starts from."""
        self._last: Event | None = None
        """The last record that was folded here."""
        self.start = 0
        """The offset that it starts from."""
        self._agreed = 0

    async def load(self, position: int) -> None:
        """Start from the newest snapshot that is not after `position`."""
        loaded = await newest_state(self._ledger, self._store, self._partition, before=position)
        if loaded is not None:
            self._state, self._mark = loaded.state, loaded.header.mark
            self.start = self._agreed = loaded.header.position

    def digest(self) -> str:
        """The digest of the state as it is now."""
        if self._state is None:
            raise RuntimeError("the state is gone")
        return state_digest(self._state)

    async def fold(self, position: int, *, compare: bool) -> Disagreement | None:
        """Fold all records before `position`, unless a checkpoint up to there is not what they come to."""
        known = {
            each.name.position: each.name.digest
            for each in self._store.list(self._partition)
            if each.name.is_of(self._origin)
        }
        said = await checkpoints(self._ledger, self._partition, self.start) if compare else []
        claims = deque(
            message
            for message, _ in said
            if 0 < message.offset <= position and (message.offset > self.start or message.offset in known)
        )
        async for events in self._ledger.read(self._partition, self.start):
            for event in events:
                while claims and claims[0].offset <= min(event.offset, position):
                    wrong = self._compare(claims.popleft(), known)
                    if wrong is not None:
                        return wrong
                if event.offset >= position:
                    return None
                if self._state is not None:
                    apply(self._state, event)
                self._last = event
        for claim in claims:
            wrong = self._compare(claim, known)
            if wrong is not None:
                return wrong
        return None

    def _compare(self, claim: Checkpointed, known: dict[int, str]) -> Disagreement | None:
        """Compare a claim with the state, which is that of its offset, or with a snapshot of that offset."""
        ours = known.get(claim.offset)
        if ours is None:
            ours = known[claim.offset] = self.digest()
        if ours == claim.digest:
            self._agreed = max(self._agreed, claim.offset)
            return None
        name = SnapshotName(self._partition, claim.offset, self._origin[:ORIGIN_DIGITS], ours)
        if claim.offset > self.start:
            self.put(claim.offset)
        evidence = keep_evidence(self._store, name)
        since = self._agreed if self._agreed < claim.offset else 0
        return Disagreement(since, claim.offset, claim.digest, ours, evidence)

    def put(self, position: int) -> tuple[SnapshotName, int]:
        """Write the state, which is gone then, and read what was written."""
        state = self._state
        if state is None:
            raise RuntimeError("the state is gone")
        header = Header(
            IMAGE_VERSION,
            state.rules,
            self._origin,
            self._ledger.partitions,
            self._partition,
            position,
            state.next_offset,
            self._mark if self._last is None else mark_of(self._last),
            state.clock,
            time.time_ns(),
            state_digest(state),
        )
        del state
        return header.name, self._store.put(
            header.name, lambda file: self._write(file, header), check_snapshot
        )

    def _write(self, file: BinaryIO, header: Header) -> None:
        if self._state is not None:
            write_snapshot(file, header, self._state)
        self._state = None

    def prune(self, newest: SnapshotName, kept: int) -> None:
        """Let older snapshots of the ledger go."""
        own = [each.name for each in self._store.list(self._partition) if each.name.is_of(self._origin)]
        for name in [name for name in own if name.position <= newest.position][kept:]:
            self._store.remove(name)


def keep_evidence(store: SnapshotStore, name: SnapshotName) -> str:
    """Keep a snapshot that another node disagrees with, and the one before it; gives the place.

    Raises:
        StoreUnavailable: they cannot be kept.
    """
    own = [each.name for each in store.list(name.partition) if each.name.origin == name.origin]
    for before in [each for each in own if each.position < name.position][:1]:
        store.keep(before)
    return store.keep(name)


def check_snapshot(file: BinaryIO) -> None:
    """Read a snapshot from its start and compute the digest of its state again.

    Raises:
        SnapshotDamaged: it cannot be read, or comes to another state.
    """
    header = read_header(file)
    if state_digest(read_state(file, lambda _: None)) != header.digest:
        raise SnapshotDamaged("what is in it does not come to its digest")
