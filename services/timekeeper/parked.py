"""An executor that waits for work is alive, however long it waits (protocol: queue.md quirk Q5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from colonyledger.wire import Executor

__all__ = ["ParkedExecutors"]


class ParkedExecutors:
    """Hears from everybody who waits at this node every `seconds`; never if that is 0."""

    def __init__(
        self,
        waiting: Callable[[], Iterable[tuple[int, Executor]]],
        hear: Callable[[int, Executor], None],
        seconds: float,
    ) -> None:
        self._waiting = waiting
        self._hear = hear
        self._seconds = seconds
        self._alarm: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin."""
        if self._seconds:
            self._alarm = asyncio.get_running_loop().call_later(self._seconds, self._ring)

    def stop(self) -> None:
        """Hear from nobody any more."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _ring(self) -> None:
        for partition, executor in self._waiting():
            self._hear(partition, executor)
        self.start()
