"""Proxies between one node and the brokers: a network that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from enum import StrEnum

__all__ = ["Cut", "Detour", "bound_sockets"]

_CHUNK = 65_536


class Cut(StrEnum):
    """What a network does when it fails."""

    SILENT = "silent"
    """Nothing comes through, and nobody is told."""
    DEAF = "deaf"
    """What the node sends arrives; the answers do not."""
    RESET = "reset"
    """Connections break, and new ones are refused at once."""


def bound_sockets(number: int) -> list[socket.socket]:
    """Sockets that listen on free ports of this machine."""
    sockets = [socket.create_server(("127.0.0.1", 0), backlog=128) for _ in range(number)]
    for each in sockets:
        each.setblocking(False)
    return sockets


class Detour:
    """One proxy per broker: `doors` are listened on, `ports` are where the brokers listen.

    What is held back while the network is cut is delivered when it mends, if the connection still stands.
    """

    def __init__(self, doors: Sequence[socket.socket], ports: Sequence[int]) -> None:
        self._doors = doors
        self._ports = ports
        self._cut: Cut | None = None
        self._mended = asyncio.Event()
        self._mended.set()
        self._accepting: list[asyncio.Task[None]] = []
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def bootstrap(self) -> str:
        """Where clients begin who are to go through the proxies."""
        return ",".join(f"127.0.0.1:{door.getsockname()[1]}" for door in self._doors)

    def start(self) -> None:
        """Begin to forward."""
        self._accepting = [
            asyncio.create_task(self._accept(door, port))
            for door, port in zip(self._doors, self._ports, strict=True)
        ]

    async def stop(self) -> None:
        """Forward no more. The sockets stay open for another one."""
        tasks = [*self._accepting, *self._connections]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def cut(self, how: Cut) -> None:
        """Cut the node off."""
        self._cut = how
        self._mended.clear()
        if how is Cut.RESET:
            for connection in self._connections:
                connection.cancel()

    def mend(self) -> None:
        """Let everything through again."""
        self._cut = None
        self._mended.set()

    async def _accept(self, door: socket.socket, port: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(door)
            if self._cut is Cut.RESET:
                client.close()
                continue
            connection = asyncio.create_task(self._connect(client, port))
            self._connections.add(connection)
            connection.add_done_callback(self._connections.discard)

    async def _connect(self, client: socket.socket, port: int) -> None:
        broker = socket.socket()
        broker.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(broker, ("127.0.0.1", port))
            directions = [
                asyncio.create_task(self._forward(client, broker, (Cut.SILENT,))),
                asyncio.create_task(self._forward(broker, client, (Cut.SILENT, Cut.DEAF))),
            ]
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for direction in directions:
                    direction.cancel()
                await asyncio.gather(*directions, return_exceptions=True)
        except OSError:
            return
        finally:
            client.close()
            broker.close()

    async def _forward(self, source: socket.socket, sink: socket.socket, held_by: Sequence[Cut]) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while chunk := await loop.sock_recv(source, _CHUNK):
                while self._cut in held_by:
                    await self._mended.wait()
                await loop.sock_sendall(sink, chunk)
