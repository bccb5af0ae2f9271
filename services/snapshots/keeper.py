"""Has snapshots made beside a running node, says what they come to, and compares with what other nodes say.

A snapshot is made at every multiple of so many records, so that all nodes make theirs at the same
offsets. When one is there, its digest goes into the ledger as a checkpoint. A node that comes to
another digest at that offset stops to serve the partition, whoever of the two is wrong.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from projections.event import Event, Outcome
from projections.system import RULES_VERSION, Checkpointed
from services.ledger import LedgerUnavailable
from services.replica import Replica, SystemWriter
from services.snapshots.base import ORIGIN_DIGITS, SnapshotName, SnapshotStore, StoreUnavailable
from services.snapshots.loading import origin_of
from services.snapshots.making import Disagreement, Made, checkpoint_in, keep_evidence
from services.subprocesses import output_of

__all__ = ["KeeperSettings", "SnapshotKeeper"]

_REMEMBERED = 16
"""Snapshots of one partition whose digests are compared with checkpoints."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeeperSettings:
    """What is made where, and how often."""

    ledger: str
    """The ledger, as `open_ledger` takes it."""
    place: str
    """Where snapshots are kept, as `open_store` takes it."""
    every: int
    """Records between two snapshots of a partition."""


class SnapshotKeeper:
    """One per node. `distrust` is told if another node comes to another state.

    It gets the partition and what is known, in words for an operator; and again when more is known.
    """

    def __init__(
        self,
        settings: KeeperSettings,
        store: SnapshotStore,
        replica: Replica,
        distrust: Callable[[int, str], None],
    ) -> None:
        self._settings = settings
        self._store = store
        self._replica = replica
        self._distrust = distrust
        self._writer: SystemWriter | None = None
        self._digests: list[dict[int, str]] = [{} for _ in replica.states]
        """What this node's snapshots come to, by position."""
        self._tried = [0 for _ in replica.states]
        """The newest position that a snapshot was made at, or could not be."""
        self._work = asyncio.Event()
        self._working: asyncio.Task[None] | None = None
        self._reactions: set[asyncio.Task[None]] = set()
        self.made = 0
        """Snapshots made by this node since its start."""
        self.failed = 0
        """How many could not be made."""

    async def watch(self) -> None:
        """Compare checkpoints from now on; call it before the replica starts.

        Raises:
            LedgerUnavailable: the ledger cannot be read.
        """
        for partition in range(len(self._digests)):
            try:
                stored = await asyncio.to_thread(self._store.list, partition)
            except StoreUnavailable as error:
                logger.warning("no checkpoint is compared with older snapshots: %s", error)
                break
            if not stored:
                continue
            origin = await origin_of(self._replica.ledger, partition)
            own = [each.name for each in stored if each.name.is_of(origin)][:_REMEMBERED]
            self._digests[partition] = {name.position: name.digest for name in reversed(own)}
            self._tried[partition] = own[0].position if own else 0
        self._replica.listeners.append(self._on_fold)

    def start(self, writer: SystemWriter) -> None:
        """Have snapshots made from now on, once there are records for them."""
        self._writer = writer
        self._work.set()
        self._working = asyncio.create_task(self._make_for_ever(), name="snapshots")

    async def stop(self) -> None:
        """Make no more; the one that is being made is given up."""
        tasks = [*self._reactions, *([self._working] if self._working is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _on_fold(self, event: Event, outcome: Outcome) -> None:
        if (event.offset + 1) % self._settings.every == 0 or self._is_due(event.partition):
            self._work.set()
        claim = checkpoint_in(event)
        if claim is not None:
            ours = self._digests[event.partition].get(claim.offset, claim.digest)
            if ours != claim.digest:
                self._react(self._settle(event.partition, claim, ours))

    def _is_due(self, partition: int) -> bool:
        if partition in self._replica.distrusted:
            return False
        end = self._replica.states[partition].next_offset
        return end - self._tried[partition] >= self._settings.every

    def _react(self, reaction: Any) -> None:
        task = asyncio.create_task(reaction)
        self._reactions.add(task)
        task.add_done_callback(self._reactions.discard)

    async def _settle(self, partition: int, claim: Checkpointed, ours: str) -> None:
        """Stop to serve: a snapshot of this node and a checkpoint of another are not the same."""
        earlier = [position for position in self._digests[partition] if position < claim.offset]
        since = max(earlier, default=0)
        wrong = Disagreement(
            since, claim.offset, claim.digest, ours, "a place that is told when they are there"
        )
        self._stop_serving(partition, wrong)
        try:
            origin = await origin_of(self._replica.ledger, partition)
            name = SnapshotName(partition, claim.offset, origin[:ORIGIN_DIGITS], ours)
            evidence = await asyncio.to_thread(keep_evidence, self._store, name)
        except (StoreUnavailable, LedgerUnavailable) as error:
            evidence = f"nowhere ({error})"
        self._stop_serving(partition, Disagreement(since, claim.offset, claim.digest, ours, evidence))

    def _stop_serving(self, partition: int, wrong: Disagreement) -> None:
        self._distrust(
            partition,
            f"partition {partition}: another node says that the records before offset {wrong.position} come to "
            f"{wrong.theirs}, here they come to {wrong.ours}; the records from offset {wrong.since} on are to be "
            f"looked at, and the snapshots of both offsets are kept in {wrong.evidence}",
        )

    async def _make_for_ever(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            for partition in range(len(self._tried)):
                if self._is_due(partition):
                    await self._make(partition)

    async def _make(self, partition: int) -> None:
        """Have one made, and tell the other nodes of it. Whatever goes wrong, it is tried again after as many records."""
        every = self._settings.every
        self._tried[partition] = self._replica.states[partition].next_offset // every * every
        try:
            made = await self._run(partition)
            if made is not None:
                await self._take(made)
        except (OSError, RuntimeError, msgspec.DecodeError, LedgerUnavailable) as error:
            self.failed += 1
            logger.warning("partition %d: no snapshot was made: %s", partition, error)

    async def _run(self, partition: int) -> Made | None:
        """Run the process that makes one.

        Raises:
            RuntimeError: it failed; the text says why.
        """
        settings = self._settings
        told = await output_of(
            "services.snapshots", *(settings.ledger, settings.place, str(partition), str(settings.every))
        )
        return msgspec.json.decode(told, type=Made | None)

    async def _take(self, made: Made) -> None:
        if made.disagreement is not None:
            self._stop_serving(made.partition, made.disagreement)
            return
        self._tried[made.partition] = max(self._tried[made.partition], made.position)
        digests = self._digests[made.partition]
        digests[made.position] = made.digest
        if len(digests) > _REMEMBERED:
            del digests[min(digests)]
        if made.size:
            self.made += 1
            logger.info(
                "partition %d: snapshot at offset %d, %d bytes, %.1f s",
                *(made.partition, made.position, made.size, made.seconds),
            )
        checkpoint = self._replica.states[made.partition].checkpoint
        if self._writer is not None and (checkpoint is None or checkpoint.offset < made.position):
            claim = Checkpointed(offset=made.position, digest=made.digest, rules=RULES_VERSION)
            await self._writer.append(made.partition, claim)
