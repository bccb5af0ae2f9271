"""The client's end of one request: whether somebody is still there to take the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["Connection", "Receive"]

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
"""ASGI's `receive`, once the request's body has been read: only the disconnection is left to come."""

_DISCONNECT = "http.disconnect"


class Connection:
    """A client that waits for its answer."""

    __slots__ = ("_receive",)

    def __init__(self, receive: Receive) -> None:
        self._receive = receive

    async def closed(self) -> None:
        """Wait until the client hangs up."""
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
