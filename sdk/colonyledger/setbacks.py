"""Going on when something does not work for now: say so, wait, longer each time."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from colonyledger.retries import Backoff

__all__ = ["Setbacks"]

_log = logging.getLogger("colonyledger.executor")


class Setbacks:
    """The setbacks of one loop that goes on until `stopping` is set."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping
        self._backoff = Backoff()

    async def sit_out(self, problem: object) -> None:
        """Log `problem`, and wait until it is worth another try or time to stop."""
        seconds = self._backoff.next()
        _log.warning("%s Next try in %.1f s.", problem, seconds)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def are_over(self) -> None:
        """Begin again with short pauses, after a success."""
        self._backoff.reset()
