"""A request that is being served."""

from __future__ import annotations

import asyncio

from services.dispatch.intake import Done
from services.dispatch.request import Request
from services.dispatch.sender import Sender

__all__ = ["Flight"]

_MAX_IDS = 16
"""How many names one answer repeats: those of the last repeats of the request."""


class Flight:
    """A request under way, under the names that it was sent by. `done` is told when it may be forgotten here."""

    __slots__ = ("ids", "is_safe", "position", "request", "sender")

    def __init__(self, request: Request, name: str, done: Done) -> None:
        def on_wait() -> None:
            self.is_safe.set()
            done()

        self.request = request
        self.ids = [name] if name else []
        self.is_safe = asyncio.Event()
        """Set when nothing is lost if this node dies: the request is answered, or parked, and then its sender repeats it."""
        self.sender = Sender(on_wait)
        self.position: tuple[int, int] | None = None
        """The partition and offset of the record that an assignment follows from."""

    def add(self, name: str) -> str | None:
        """The request came again under `name`; gives the name that is forgotten for it, if one is."""
        if not name or name in self.ids:
            return None
        self.ids.append(name)
        return self.ids.pop(0) if len(self.ids) > _MAX_IDS else None
