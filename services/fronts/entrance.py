"""Where the tunnels of a front come out, at the owner."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from services.fronts.tunnel import SURPLUS

__all__ = ["Entrance"]

_AT_ONCE = 64
"""Connections that are taken in one turn of the loop."""

logger = logging.getLogger(__name__)


class Entrance:
    """Takes the connections that a front passes on through `channel`, each into a protocol made by `other`."""

    def __init__(self, channel: socket.socket, other: Callable[[bool], asyncio.Protocol]) -> None:
        self._channel = channel
        self._other = other
        self._loop = asyncio.get_running_loop()
        self._arriving: set[asyncio.Task[None]] = set()
        self._loop.add_reader(channel.fileno(), self._take)

    def close(self) -> None:
        """Take no more."""
        if self._channel.fileno() >= 0:
            self._loop.remove_reader(self._channel.fileno())
            self._channel.close()

    def _take(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                kind, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
            except BlockingIOError:
                return
            except OSError as error:
                logger.warning("connections cannot be taken from a front: %s", error)
                kind, descriptors = b"", []
            if not kind:
                self.close()
                return
            for descriptor in descriptors:
                arrived = socket.socket(fileno=descriptor)
                arrived.set_inheritable(False)
                arrived.setblocking(False)
                task = self._loop.create_task(self._connect(arrived, kind == SURPLUS))
                self._arriving.add(task)
                task.add_done_callback(self._arriving.discard)

    async def _connect(self, arrived: socket.socket, is_surplus: bool) -> None:
        await self._loop.connect_accepted_socket(lambda: self._other(is_surplus), arrived)
