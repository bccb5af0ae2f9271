"""The client's end of one request: whether somebody is still there to take the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from services.ingress.load import Work

__all__ = ["AsgiConnection", "Connection", "Receive"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
"""ASGI's `receive`, once the request's body has been read: only the disconnection is left to come."""

_DISCONNECT = "http.disconnect"


class Connection(Protocol):
    """A client that waits for its answer."""

    async def closed(self) -> None:
        """Wait until the client hangs up. Called when the request has to wait for work: it is no load meanwhile."""

    @property
    def is_closed(self) -> bool:
        """Whether the client has hung up, as far as this machine knows."""


class AsgiConnection:
    """A client behind an ASGI server."""

    __slots__ = ("_receive", "_work")

    def __init__(self, receive: Receive, work: Work | None = None) -> None:
        self._receive = receive
        self._work = work

    async def closed(self) -> None:
        """Wait until the client hangs up, because its request waits for work."""
        if self._work is not None:
            self._work.end()
        while (await self._receive())["type"] != _DISCONNECT:
            pass

    @property
    def is_closed(self) -> bool:
        """Whether the client has hung up, as far as this machine knows."""
        look = self._receive().__await__()
        try:
            next(look)
        except StopIteration as seen:
            message: MutableMapping[str, Any] = seen.value
            return bool(message["type"] == _DISCONNECT)
        look.close()
        return False
