"""Whoever sent a request through Kafka, as what serves it sees him."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from services.ingress.connection import Connection

__all__ = ["Sender"]


class Sender(Connection):
    """A client without a connection: it is there until it withdraws its request.

    `on_wait` is called when the request is parked until there is something to answer.
    """

    __slots__ = ("_gone", "_on_wait", "was_missed")

    def __init__(self, on_wait: Callable[[], None]) -> None:
        self._on_wait = on_wait
        self._gone = asyncio.Event()
        self.was_missed = False
        """Whether somebody had an answer and learnt that nobody was there for it."""

    def withdraw(self) -> None:
        """Nobody waits for an answer any more."""
        self._gone.set()

    async def closed(self) -> None:
        """Wait until the request is withdrawn."""
        self._on_wait()
        await self._gone.wait()

    @property
    def is_closed(self) -> bool:
        """Whether the request is withdrawn."""
        self.was_missed |= self._gone.is_set()
        return self._gone.is_set()
