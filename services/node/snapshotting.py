"""Snapshots beside a node: what its states start from, and what is made for the next start."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from projections.state import State
from services.ingress.metrics import Metrics
from services.ledger import Ledger
from services.node.settings import NodeSettings
from services.replica import Replica, SystemWriter
from services.snapshots import (
    Loading,
    SnapshotKeeper,
    SnapshotStore,
    StateBefore,
    StoreUnavailable,
    from_nothing,
    open_store,
    state_before,
)
from services.snapshots.keeper import KeeperSettings

__all__ = ["Snapshotting"]

logger = logging.getLogger(__name__)


class Snapshotting:
    """In the order of a node's life: `open`, `states` or each `state`, `watch`, `start`, `stop`."""

    def __init__(self, settings: NodeSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._store: SnapshotStore | None = None
        self._loading: Loading | None = None
        self._keeper: SnapshotKeeper | None = None
        self._replica: Replica | None = None
        metrics.counter("colonyledger_snapshots_made", "Snapshots made by this node", self._made)
        metrics.counter("colonyledger_snapshots_failed", "Snapshots that could not be made", self._failed)
        metrics.gauge(
            "colonyledger_partitions_distrusted",
            "Partitions not served any more, as another node comes to another state",
            self._distrusted,
        )

    @property
    def doing(self) -> str:
        """What is being loaded, in words for an operator; empty if nothing is."""
        return "" if self._loading is None else self._loading.doing

    async def open(self) -> None:
        """Open the place where snapshots are kept. If it cannot be opened there are none."""
        try:
            self._store = await asyncio.to_thread(open_store, self._settings.snapshots_place)
        except StoreUnavailable as error:
            logger.warning("no snapshot is used or made: %s", error)

    async def states(self, ledger: Ledger) -> list[State]:
        """A state for each partition: from its newest usable snapshot, else an empty one.

        Raises:
            LedgerUnavailable: the ledger cannot be read.
        """
        return [await self.state(ledger, partition) for partition in range(ledger.partitions)]

    async def state(self, ledger: Ledger, partition: int) -> State:
        """The state of one partition, likewise.

        Raises:
            LedgerUnavailable: the ledger cannot be read.
        """
        if self._store is None:
            return State()
        loading = self._loading = Loading(self._store)
        try:
            return await loading.state(ledger, partition)
        finally:
            self._loading = None

    def before(self, ledger: Ledger) -> StateBefore:
        """What whoever has to fold records of `ledger` anew starts from: snapshots, where there are any."""
        return from_nothing if self._store is None else partial(state_before, ledger, self._store)

    async def watch(self, replica: Replica) -> None:
        """Compare what other nodes say with the snapshots that are there; call it before the replica starts.

        Raises:
            LedgerUnavailable: the ledger cannot be read.
        """
        every = self._settings.snapshot_records
        if self._store is None or not every:
            return
        self._replica = replica
        keeper = SnapshotKeeper(
            KeeperSettings(self._settings.ledger_url, self._settings.snapshots_place, every),
            self._store,
            replica,
            replica.distrust,
        )
        await keeper.watch()
        self._keeper = keeper

    def start(self, writer: SystemWriter) -> None:
        """Have snapshots made from now on."""
        if self._keeper is not None:
            self._keeper.start(writer)

    async def stop(self) -> None:
        """Make no more."""
        if self._keeper is not None:
            await self._keeper.stop()

    def _made(self) -> float:
        return 0 if self._keeper is None else self._keeper.made

    def _distrusted(self) -> float:
        return 0 if self._replica is None else len(self._replica.distrusted)

    def _failed(self) -> float:
        return 0 if self._keeper is None else self._keeper.failed
