"""The network that can be cut does what its tests rely on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.chaos.detour import Cut, Detour, bound_sockets

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """A broker that says what it hears, and remembers it."""

    def __init__(self) -> None:
        self.heard = asyncio.Queue[bytes]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            self.heard.put_nowait(line)
            writer.write(line)
        writer.close()


@pytest.fixture
def broker() -> Echo:
    return Echo()


@pytest.fixture
async def detour(broker: Echo) -> AsyncIterator[Detour]:
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    doors = bound_sockets(1)
    detour = Detour(doors, [server.sockets[0].getsockname()[1]])
    detour.start()
    yield detour
    await detour.stop()
    doors[0].close()
    server.close()


async def connect(detour: Detour) -> Streams:
    host, _, port = detour.bootstrap.partition(":")
    return await asyncio.open_connection(host, int(port))


async def say(streams: Streams, line: bytes) -> bytes:
    streams[1].write(line)
    async with asyncio.timeout(10):
        return await streams[0].readline()


async def test_everything_comes_through(detour: Detour) -> None:
    streams = await connect(detour)
    assert await say(streams, b"one\n") == b"one\n"
    assert await say(streams, b"two\n") == b"two\n"
    streams[1].close()


@pytest.mark.parametrize("how", [Cut.SILENT, Cut.DEAF])
async def test_answers_are_held_back(detour: Detour, broker: Echo, how: Cut) -> None:
    streams = await connect(detour)
    assert await say(streams, b"one\n") == b"one\n"
    assert await broker.heard.get() == b"one\n"
    detour.cut(how)
    answer = asyncio.create_task(say(streams, b"two\n"))
    if how is Cut.DEAF:
        assert await broker.heard.get() == b"two\n"
    await asyncio.sleep(0.05)
    assert not answer.done()
    assert broker.heard.empty()
    detour.mend()
    assert await answer == b"two\n"
    streams[1].close()


async def test_connections_break(detour: Detour) -> None:
    streams = await connect(detour)
    assert await say(streams, b"one\n") == b"one\n"
    detour.cut(Cut.RESET)
    assert await streams[0].read() == b""
    streams[1].close()
    refused = await connect(detour)
    assert await refused[0].read() == b""
    refused[1].close()
    detour.mend()
    streams = await connect(detour)
    assert await say(streams, b"two\n") == b"two\n"
    streams[1].close()
