"""Connections that a front passes on: every byte, both ways, no more than the other side takes, and until either hangs up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from services.fronts.entrance import Entrance
from services.fronts.tunnel import Passage, Tunnel
from tests.services.site import PATIENCE

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]

MUCH = 20_000_000
"""More than all buffers on the way hold together."""


class Owner(asyncio.Protocol):
    """The end of a tunnel at the owner."""

    def __init__(self) -> None:
        self.heard = 0
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += len(data)
        if data.endswith(b"?"):
            self.transport.write(b"heard %d;" % self.heard)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


class Way:
    """The way from clients to the owner, of `max_connections` that are wanted."""

    def __init__(self, max_connections: int) -> None:
        self.owners: list[tuple[Owner, bool]] = []
        self.clients: set[Any] = set()
        self._max_connections = max_connections
        self._channels = socket.socketpair()
        for channel in self._channels:
            channel.setblocking(False)
        self._passage = Passage(self._channels[0])
        self.entrance = Entrance(self._channels[1], self._other)
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._tunnel, "127.0.0.1", 0)

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
        self._server.close()
        self.entrance.close()
        await until(lambda: not self.clients)
        self._channels[0].close()

    async def connect(self) -> Client:
        """A client's connection."""
        reader, writer = await asyncio.open_connection(*self._server.sockets[0].getsockname())
        self._writers.append(writer)
        return reader, writer

    async def owner(self) -> Owner:
        """The owner's end of the newest connection."""
        await until(lambda: len(self.owners) == len(self.clients) > 0)
        newest = self.owners[-1][0]
        await until(lambda: hasattr(newest, "transport"))
        return newest

    def _other(self, is_surplus: bool) -> Owner:
        owner = Owner()
        self.owners.append((owner, is_surplus))
        return owner

    def _tunnel(self) -> Tunnel:
        return Tunnel(self.clients, self._max_connections, self._passage)


@asynccontextmanager
async def way(max_connections: int = 100) -> AsyncIterator[Way]:
    """Tunnels from a port of this machine."""
    made = Way(max_connections)
    await made.open()
    try:
        async with asyncio.timeout(PATIENCE):
            yield made
    finally:
        await made.close()


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that nobody tells of."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0)


async def test_every_byte_in_order_both_ways() -> None:
    async with way() as made:
        clients = [await made.connect() for _ in range(30)]
        for number, (_, writer) in enumerate(clients):
            writer.write(b"x" * number + b"?")
        for number, (reader, writer) in enumerate(clients):
            assert await reader.readuntil(b";") == b"heard %d;" % (number + 1)
            writer.write(b"more?")
            assert await reader.readuntil(b";") == b"heard %d;" % (number + 6)


async def test_an_owner_that_does_not_read_is_waited_for() -> None:
    async with way() as made:
        reader, writer = await made.connect()
        owner = await made.owner()
        owner.transport.pause_reading()
        writer.write(b"x" * MUCH + b"?")
        draining = asyncio.create_task(writer.drain())
        for _ in range(1000):
            await asyncio.sleep(0)
        assert not draining.done()
        owner.transport.resume_reading()
        await draining
        assert await reader.readuntil(b";") == b"heard %d;" % (MUCH + 1)


async def test_a_client_that_does_not_read_is_waited_for() -> None:
    async with way() as made:
        reader, _ = await made.connect()
        owner = await made.owner()
        owner.transport.write(b"y" * MUCH)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert owner.transport.get_write_buffer_size() > 0
        assert await reader.readexactly(MUCH) == b"y" * MUCH
        await until(lambda: owner.transport.get_write_buffer_size() == 0)


async def test_who_hangs_up_hangs_up_for_both() -> None:
    async with way() as made:
        _, writer = await made.connect()
        owner = await made.owner()
        writer.write(b"last words")
        writer.close()
        await owner.lost.wait()
        assert owner.heard == len(b"last words")
        await until(lambda: not made.clients)

    async with way() as made:
        reader, _ = await made.connect()
        owner = await made.owner()
        owner.transport.write(b"farewell")
        owner.transport.close()
        assert await reader.read() == b"farewell"


async def test_a_client_that_is_gone_before_the_owner_is_there() -> None:
    async with way() as made:
        _, writer = await made.connect()
        writer.transport.abort()
        await until(lambda: len(made.owners) == 1)
        await made.owners[0][0].lost.wait()


async def test_the_owner_learns_which_connections_are_too_many() -> None:
    async with way(max_connections=2) as made:
        for _ in range(3):
            await made.connect()
            await made.owner()
        assert [is_surplus for _, is_surplus in made.owners] == [False, False, True]


async def test_an_owner_that_is_gone_takes_nobody() -> None:
    async with way() as made:
        made.entrance.close()
        reader, _ = await made.connect()
        assert await reader.read() == b""
