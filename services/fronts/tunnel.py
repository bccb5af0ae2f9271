"""Connections that a front only passes on: everything that is no plain RPC goes to the owner byte by byte."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import MutableSet
from typing import Any, cast

__all__ = ["MADE", "SURPLUS", "Passage", "Tunnel"]

MADE, SURPLUS = b"t", b"s"
"""What a passage says of a tunnel: one more, or one that is too much."""

logger = logging.getLogger(__name__)


class Passage:
    """Gives the owner the far ends of tunnels, through `channel`, in the order in which they were made.

    An open socket goes over, so there is no address that somebody else could connect to. Those that the channel
    does not take yet wait; there are no more of them than connections.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[bytes, socket.socket]] = deque()

    def give(self, kind: bytes, far: socket.socket) -> None:
        """Give away one end, which is closed here afterwards."""
        self._waiting.append((kind, far))
        if len(self._waiting) == 1:
            self._send()

    def _send(self) -> None:
        while self._waiting:
            kind, far = self._waiting[0]
            try:
                socket.send_fds(self._channel, [kind], [far.fileno()])
            except BlockingIOError:
                self._loop.add_writer(self._channel.fileno(), self._send)
                return
            except OSError as error:
                logger.warning("a connection cannot be passed on: %s", error)
            self._waiting.popleft()
            far.close()
        self._loop.remove_writer(self._channel.fileno())


class Tunnel(asyncio.Protocol):
    """The client's end of a connection to the owner."""

    def __init__(self, clients: MutableSet[Any], max_connections: int, passage: Passage) -> None:
        self._clients = clients
        self._max_connections = max_connections
        self._passage = passage
        self._early = b""
        """What came before the other end was there."""
        self._end: _End | None = None
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client's connection is to be passed on."""
        self._transport = cast("asyncio.Transport", transport)
        self._clients.add(self)
        kind = SURPLUS if len(self._clients) > self._max_connections else MADE
        try:
            near, far = socket.socketpair()
        except OSError as error:
            logger.warning("a connection cannot be passed on: %s", error)
            self._transport.abort()
            return
        near.setblocking(False)
        self._passage.give(kind, far)
        if not self._transport.is_closing():
            self._transport.pause_reading()
        self._connecting = asyncio.create_task(self._connect(near))

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._clients.discard(self)
        if self._end is not None:
            self._end.transport.close()

    def data_received(self, data: bytes) -> None:
        """Pass on what the client sends."""
        if self._end is None:
            self._early += data
        else:
            self._end.transport.write(data)

    def pause_writing(self) -> None:
        """The client does not take what the owner sends."""
        if self._end is not None and not self._end.transport.is_closing():
            self._end.transport.pause_reading()

    def resume_writing(self) -> None:
        """It does again."""
        if self._end is not None and not self._end.transport.is_closing():
            self._end.transport.resume_reading()

    def shutdown(self) -> None:
        """The server stops: the owner ends it."""

    async def _connect(self, near: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        _, self._end = await loop.create_unix_connection(lambda: _End(self._transport), sock=near)
        self._connecting = None
        if self._early:
            self._end.transport.write(self._early)
            self._early = b""
        if self._transport.is_closing():
            self._end.transport.close()
        else:
            self._transport.resume_reading()


class _End(asyncio.Protocol):
    """The owner's end of a tunnel, as the front sees it."""

    transport: asyncio.Transport

    def __init__(self, client: asyncio.Transport) -> None:
        self._client = client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The owner can be reached."""
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The owner has nothing more to say."""
        self._client.close()

    def data_received(self, data: bytes) -> None:
        """Pass on what the owner sends."""
        if not self._client.is_closing():
            self._client.write(data)

    def pause_writing(self) -> None:
        """The owner does not take what the client sends."""
        if not self._client.is_closing():
            self._client.pause_reading()

    def resume_writing(self) -> None:
        """It does again."""
        if not self._client.is_closing():
            self._client.resume_reading()
