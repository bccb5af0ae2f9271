"""The history in a process of its own: the ledger, folded here, written by the sink that servers use.

It reads the ledger and not the facts, for most columns of the history (signatures, payloads, refusals,
who signed) are in no fact. How far each partition is written stands in the history itself, after the
rows that it covers, and rows may be written again: a worker that is killed goes on from there. With
snapshots it folds from the newest one that is not after that place, else from the first record.
"""

from __future__ import annotations

import asyncio
import logging

from projections.fold import apply
from projections.state import State
from services.history.engine import Engine
from services.history.sink import HistorySink
from services.ledger.base import Ledger, LedgerUnavailable
from services.snapshots import StateBefore, from_nothing

__all__ = ["Historian"]

logger = logging.getLogger(__name__)

_SLICE = 64
"""Events folded in one go, so that metrics and heartbeats wait for a few milliseconds at most."""
_LOOK_SECONDS = 5.0
"""How often the ledger is asked for its end."""


class Historian:
    """Folds a ledger, no faster than the engine takes rows. `failed` is done when it cannot go on."""

    def __init__(self, ledger: Ledger, engine: Engine, before: StateBefore = from_nothing) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ledger = ledger
        self._states = [State() for _ in range(ledger.partitions)]
        self._before = before
        self._written = [0] * ledger.partitions
        """What was in the history at the start, by partition: the next offset."""
        self._sink = HistorySink(engine, ledger, self._states, before=before)
        self._ends = [0] * ledger.partitions
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Make the tables if need be, and go on where the history ends.

        Raises:
            HistoryRefused: the history was written from another ledger.
            LedgerUnavailable: the ledger cannot be read.
        """
        await self._sink.start()
        self._ends = await self._ask_ends()
        self._tasks = [asyncio.create_task(self._look_at_ends(), name="ledger-ends")]
        self._tasks += [
            asyncio.create_task(self._follow(partition), name=f"history-{partition}")
            for partition in range(self._ledger.partitions)
        ]

    async def stop(self) -> None:
        """Write what is at hand, if the engine takes it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sink.close()

    @property
    def fault(self) -> str | None:
        """Why the history is not being written, in words for an operator; None if it is."""
        return self._sink.fault

    @property
    def lag(self) -> tuple[int, float]:
        """Records in the ledger that are not in the history, and the ledger time between its newest folded and written."""
        unread = sum(
            max(end - max(state.next_offset, written), 0)
            for end, state, written in zip(self._ends, self._states, self._written, strict=True)
        )
        lag = self._sink.lag
        return unread + lag.records, lag.seconds

    async def _follow(self, partition: int) -> None:
        try:
            position = self._written[partition] = await self._sink.next(partition)
            state = self._states[partition] = await self._before(partition, position)
            if state.next_offset:
                logger.info("partition %d is folded from offset %d", partition, state.next_offset)
            async for events in self._ledger.follow(partition, state.next_offset):
                for start in range(0, len(events), _SLICE):
                    for event in events[start : start + _SLICE]:
                        self._sink.accept(event, apply(state, event))
                    await self._sink.room()
                    await asyncio.sleep(0)
        except Exception as error:
            logger.exception("partition %d cannot be folded any more", partition)
            if not self.failed.done():
                self.failed.set_exception(error)

    async def _look_at_ends(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                self._ends = await self._ask_ends()
            except LedgerUnavailable as error:
                logger.warning("the ledger does not say where it ends: %s", error)

    async def _ask_ends(self) -> list[int]:
        ends = (self._ledger.end(partition) for partition in range(self._ledger.partitions))
        return await asyncio.gather(*ends)
