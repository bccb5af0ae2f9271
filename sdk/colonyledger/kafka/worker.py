"""Taking processes from Kafka: as many requests for work are under way as there are free slots."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from colonyledger.wire import Process
from colonyledger.worker import Worker

__all__ = ["SlotWorker"]

_log = logging.getLogger("colonyledger.executor")

_WITHDRAWN_SECONDS = 5.0
"""How long an executor that stops waits for the answers to what it withdrew: a process may be on its way."""


class SlotWorker(Worker):
    """A worker that asks for work for each free slot; `withdraw` takes back what it asked for."""

    def __init__(self, *args: Any, withdraw: Callable[[], Awaitable[None]], **named: Any) -> None:
        super().__init__(*args, **named)
        self._withdraw = withdraw
        self._grants: set[asyncio.Task[Process | None]] = set()

    async def run(self) -> None:
        """Take and run processes until told to stop, then finish those that run."""
        stop: asyncio.Task[Any] = asyncio.create_task(self._stopping.wait())
        try:
            while not stop.done():
                for _ in range(self._demand.concurrency - len(self._running) - len(self._grants)):
                    self._grants.add(self._ask())
                await asyncio.wait({stop, *self._grants, *self._running}, return_when=asyncio.FIRST_COMPLETED)
                await self._collect()
            if self._grants:
                await self._withdraw()
                await asyncio.wait(self._grants, timeout=_WITHDRAWN_SECONDS)
                await self._collect()
            await self._finish()
        finally:
            for task in (stop, *self._grants, *self._running):
                task.cancel()
            await asyncio.gather(*self._grants, return_exceptions=True)
            self._threads.shutdown(wait=False)

    async def _collect(self) -> None:
        """Begin what was given, and sit out the first of what went wrong."""
        answered = {grant for grant in self._grants if grant.done()}
        self._grants -= answered
        failed = [grant for grant in answered if grant.exception() is not None]
        for grant in answered.difference(failed):
            if process := await self._taken(grant):
                self._begin(process)
        if failed:
            await self._taken(failed[0])
