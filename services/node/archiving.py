"""An archive beside a node: what is new in the partitions that it leads is added now and then."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec

from services.archive import Archived
from services.ingress.metrics import Metrics
from services.node.settings import NodeSettings
from services.replica import Replica
from services.subprocesses import output_of

__all__ = ["Archiving"]

_AGAIN_SECONDS = 30
"""Longest pause after a failure."""

logger = logging.getLogger(__name__)


class Archiving:
    """Has a process of its own archive, with less priority than everything else; serving never waits for it.

    Of several nodes the one ranked first for a partition archives it. Should two do it, that does no harm.
    """

    def __init__(self, settings: NodeSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._replica: Replica | None = None
        self._leads: Callable[[int], bool] = lambda _: False
        self._ends: dict[int, int] = {}
        """Where the archive of each partition ends that this node leads, as far as it knows."""
        self._complete_at: dict[int, float] = {}
        """When the archive of each partition that this node leads had all of it, or when it began to lead it."""
        self._failed = 0
        self._working: asyncio.Task[None] | None = None
        metrics.gauge(
            "colonyledger_archive_lag_records", "Records folded that are not archived", self._behind
        )
        metrics.gauge(
            "colonyledger_archive_lag_seconds", "Time since the archive had all records", self._late
        )
        metrics.counter("colonyledger_archive_failures", "Attempts to archive that failed", self._failures)

    def start(self, replica: Replica, leads: Callable[[int], bool]) -> None:
        """Archive from now on the partitions that `leads` names."""
        if self._settings.archive and self._working is None:
            self._replica, self._leads = replica, leads
            self._working = asyncio.create_task(self._archive_for_ever(replica), name="archive")

    async def stop(self) -> None:
        """Archive no more. What is under way is given up; the next run goes on from what is there."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)

    async def _archive_for_ever(self, replica: Replica) -> None:
        every = self._settings.archive_seconds
        while True:
            pause = every
            try:
                await self._archive(replica)
            except (OSError, RuntimeError, msgspec.DecodeError) as error:
                self._failed += 1
                pause = min(every, _AGAIN_SECONDS)
                logger.warning("the ledger is not archived, trying again in %d s: %s", pause, error)
            await asyncio.sleep(pause)

    async def _archive(self, replica: Replica) -> None:
        """Archive what is new in the partitions that this node leads now.

        Raises:
            RuntimeError: it failed; the text says why.
        """
        began = time.monotonic()
        led = [number for number in range(len(replica.states)) if self._leads(number)]
        self._complete_at = {number: self._complete_at.get(number, began) for number in led}
        self._ends = {number: self._ends[number] for number in led if number in self._ends}
        news = [number for number in led if self._missing(replica, number)]
        for archived in await self._run(news) if news else []:
            self._ends[archived.partition] = archived.end
            if archived.records:
                logger.debug("partition %d is archived up to offset %d", archived.partition, archived.end)
        self._complete_at = dict.fromkeys(led, began)

    async def _run(self, partitions: list[int]) -> list[Archived]:
        told = await output_of(
            "services.archive",
            *(self._settings.ledger_url, self._settings.archive, ",".join(map(str, partitions))),
        )
        return msgspec.json.decode(told, type=list[Archived])

    def _missing(self, replica: Replica, partition: int) -> int:
        """How many folded records of a partition are not archived."""
        return max(replica.states[partition].next_offset - self._ends.get(partition, 0), 0)

    def _behind(self) -> float:
        replica = self._replica
        return 0 if replica is None else sum(self._missing(replica, number) for number in self._complete_at)

    def _late(self) -> float:
        replica, now = self._replica, time.monotonic()
        if replica is None:
            return 0
        waiting = (since for number, since in self._complete_at.items() if self._missing(replica, number))
        return max((now - since for since in waiting), default=0)

    def _failures(self) -> float:
        return self._failed
