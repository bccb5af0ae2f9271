"""Signs of life of executors that leave no record in the ledger, such as polls that found nothing.

At most one `heard` event per partition in some seconds names the executors heard from since.
"""

from __future__ import annotations

import asyncio
import time

from colonyledger.wire import Executor

from projections import system
from projections.system import Heard
from services.replica import Answer, Replica, SystemWriter

__all__ = ["INTERVAL_SECONDS", "HeardFrom"]

INTERVAL_SECONDS = 30.0
"""Shortest time between two `heard` events of one partition, unless executors may not be silent for so long."""


class HeardFrom:
    """Collects signs of life of one partition's executors and appends them, at most once in `interval` seconds."""

    def __init__(
        self, replica: Replica, partition: int, writer: SystemWriter, interval: float = INTERVAL_SECONDS
    ) -> None:
        self._partition = partition
        self._writer = writer
        self._heard: dict[tuple[str, str], int] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._interval = interval
        self._last = -interval
        self._stopped = False

    def hear(self, executor: Executor) -> None:
        """An executor made a signed call that is not in the ledger."""
        self._heard[executor.colonyname, executor.executorid] = time.time_ns()
        if self._alarm is None and not self._stopped:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_at(max(self._last + self._interval, loop.time()), self._append)

    def stop(self) -> None:
        """Append what was heard last, then no more."""
        self._stopped = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._append()

    def _append(self) -> None:
        self._alarm = None
        self._last = asyncio.get_running_loop().time()
        heard, self._heard = self._heard, {}
        message = Heard(executors=tuple(system.HeardFrom(*who, when) for who, when in heard.items()))
        self._writer.append(self._partition, message).add_done_callback(_forget)


def _forget(done: asyncio.Future[Answer]) -> None:
    """A lost sign of life is made up for by the next one."""
    if not done.cancelled():
        done.exception()
