"""Deadlines fire without anybody calling: a tick is appended when the wall clock passes the earliest one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from colonyledger.wire import SECOND

from projections.event import Event, Outcome
from projections.system import Tick
from projections.timers import Timers
from services.ledger import LedgerUnavailable
from services.replica import Answer, Replica, SystemWriter

__all__ = ["Ticker"]

_AGAIN_SECONDS = 0.1
"""Pause before the next tick if the log's clock was behind the node's, or the ledger away."""

_TURN_SECONDS = 1.0
"""How long a node leaves a deadline to the one that goes before it."""

_LONGEST_SLEEP = 3600.0
"""Longest pause of one timer, in seconds."""

logger = logging.getLogger(__name__)


class Ticker:
    """One per partition. It sleeps until the partition's earliest deadline and appends a tick then.

    `rank` says how many other nodes go before this one: each is given a second.
    """

    def __init__(
        self,
        replica: Replica,
        partition: int,
        writer: SystemWriter,
        rank: Callable[[], int] = lambda: 0,
    ) -> None:
        self._rank = rank
        self._replica = replica
        self._partition = partition
        self._writer = writer
        self._due: int | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._ticking = False
        replica.listeners.append(self._on_fold)

    def start(self) -> None:
        """Begin to watch the deadlines. Call it once the partition has caught up."""
        self._ticking = True
        self._set_alarm()

    def stop(self) -> None:
        """Append no more ticks."""
        self._ticking = False
        if self._alarm is not None:
            self._alarm.cancel()

    @property
    def _timers(self) -> Timers:
        return self._replica.states[self._partition].timers

    @property
    def _earliest(self) -> int | None:
        """The deadline to wait for; a partition that is closed has none."""
        is_closed = self._replica.states[self._partition].successor is not None
        return None if is_closed else self._timers.earliest

    def _on_fold(self, event: Event, outcome: Outcome) -> None:
        if self._ticking and event.partition == self._partition and self._earliest != self._due:
            self._set_alarm()

    def _set_alarm(self, at_least: float = 0.0) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = None
        self._due = self._earliest
        if self._due is not None and self._ticking:
            delay = max((self._due - time.time_ns()) / SECOND + self._rank() * _TURN_SECONDS, at_least)
            delay = min(delay, _LONGEST_SLEEP)
            self._alarm = asyncio.get_running_loop().call_later(delay, self._ring)

    def _ring(self) -> None:
        self._timers.prune(self._replica.states[self._partition])
        if self._due == self._earliest and self._due is not None and time.time_ns() >= self._due:
            self._writer.append(self._partition, Tick()).add_done_callback(self._ticked)
        else:
            self._set_alarm()

    def _ticked(self, done: asyncio.Future[Answer]) -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, LedgerUnavailable):
            logger.error("a tick failed", exc_info=error)
        self._set_alarm(_AGAIN_SECONDS)
