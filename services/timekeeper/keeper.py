"""Everything of a node that goes by the clock, for all partitions of its replica."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from colonyledger.wire import Executor

from services.cluster import Membership
from services.replica import Replica, SystemWriter
from services.timekeeper.heard import INTERVAL_SECONDS, HeardFrom
from services.timekeeper.parked import ParkedExecutors
from services.timekeeper.ticks import Ticker

__all__ = ["Timekeeper"]

Waiting = Callable[[], Iterable[tuple[int, Executor]]]
"""The partitions and records of the executors that wait for work at this node."""


class Timekeeper:
    """Ticks, and signs of life of executors, which may be silent for `patience` seconds (0: for ever)."""

    def __init__(
        self, replica: Replica, writer: SystemWriter, membership: Membership, patience: float
    ) -> None:
        self._replica = replica
        partitions = range(replica.ledger.partitions)
        interval = min(patience / 3, INTERVAL_SECONDS) if patience else INTERVAL_SECONDS
        self._tickers = [
            Ticker(replica, number, writer, partial(membership.rank, f"partition {number}", None, number))
            for number in partitions
        ]
        self._heard = [HeardFrom(replica, number, writer, interval) for number in partitions]
        self._patience = patience
        self._parked: ParkedExecutors | None = None

    def start(self, waiting: Waiting) -> None:
        """Begin, with the partitions that are served. Call it once the replica has caught up."""
        for partition in self._replica.served:
            self.take(partition)
        self._parked = ParkedExecutors(waiting, self.hear, self._patience / 3)
        self._parked.start()

    def take(self, partition: int) -> None:
        """Watch the deadlines of a partition that has caught up."""
        self._tickers[partition].start()

    def leave(self, partition: int) -> None:
        """Leave the deadlines of a partition to others."""
        self._tickers[partition].stop()

    def stop(self) -> None:
        """Append what was heard last, then no more."""
        for ticker in self._tickers:
            ticker.stop()
        if self._parked is not None:
            self._parked.stop()
        for heard in self._heard:
            heard.stop()

    def hear(self, partition: int, executor: Executor) -> None:
        """An executor made a signed call that is not in the ledger."""
        self._heard[partition].hear(executor)
