"""The short way of plain RPCs: which requests take it, in what order, and what happens to all others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from colonyledger.wire import GetColony, signed
from hypothesis import given
from hypothesis import strategies as st

from services.ingress import door as doors
from services.ingress.connection import Connection
from services.ingress.door import Door, House
from services.ingress.heads import MAX_BODY_BYTES, MAX_HEAD_BYTES, Head, Heads
from services.ingress.load import Load
from services.ingress.response import Response
from tests.services.site import PATIENCE, Site

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Elsewhere(asyncio.Protocol):
    """Stands for the general implementation: says what it was given."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        transport.write(b"elsewhere:")

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def request(body: bytes, more: bytes = b"") -> bytes:
    return b"POST /api HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (more, len(body), body)


@asynccontextmanager
async def house(
    respond: Callable[[bytes, Connection], Awaitable[Response]] | None = None,
    *,
    limit: int = 100,
    max_connections: int = 100,
) -> AsyncIterator[tuple[House, Callable[[], Awaitable[Client]]]]:
    """Doors that answer with the body in capitals, and a way to connect to them."""

    async def loudly(body: bytes, connection: Connection) -> Response:
        await asyncio.sleep(0)
        return Response(200, body.upper())

    shared = House(
        respond or loudly, Heads(1 << 20), Load(limit), Elsewhere, max_connections, set[Any](), set()
    )
    server = await asyncio.get_running_loop().create_server(lambda: Door(shared), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    writers: list[asyncio.StreamWriter] = []

    async def connect() -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        return reader, writer

    try:
        async with asyncio.timeout(PATIENCE):
            yield shared, connect
    finally:
        for writer in writers:
            writer.close()
        server.close()


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that nobody tells of."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0)


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head and the body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
    return head, await reader.readexactly(int(length.partition(b": ")[2]))


async def test_requests_that_were_sent_ahead_are_answered_in_order() -> None:
    async with house() as (_, connect):
        reader, writer = await connect()
        bodies = [b"%d-abc" % number * 3000 for number in range(50)]
        writer.write(b"".join(map(request, bodies)))
        for body in bodies:
            assert (await answer(reader))[1] == body.upper()


@pytest.mark.parametrize("size", [1, 7, 30])
async def test_a_request_in_pieces(size: int) -> None:
    async with house() as (_, connect):
        reader, writer = await connect()
        data = request(b"some body") + request(b"another")
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await writer.drain()
            await asyncio.sleep(0)
        assert (await answer(reader))[1] == b"SOME BODY"
        assert (await answer(reader))[1] == b"ANOTHER"


@pytest.mark.parametrize(
    "other",
    [
        b"GET /health HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
        b"POST /api/ HTTP/1.1\r\n",
        b"POST /api HTTP/1.0\r\nContent-Length: 1\r\n\r\n1",
        b"POST /api HTTP/1.1\r\n\r\n",
        b"POST /api HTTP/1.1\r\n: no name\r\nContent-Length: 1\r\n\r\n",
        b"POST /api HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n1",
        b"POST /api HTTP/1.1\r\nContent-Length: +1\r\n\r\n1",
        request(b"1", b"Transfer-Encoding: chunked\r\n"),
        request(b"1", b"ORIGIN: http://page\r\n"),
        request(b"1", b"Expect: 100-continue\r\n"),
        request(b"1", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        request(b"1", b"Colony-Ledger-Forwarded: 1\r\n"),
        request(b"1" * (MAX_BODY_BYTES + 1)),
        b"POST /api HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES,
        request(b"1", b"X: " + b"x" * MAX_HEAD_BYTES + b"\r\n"),
    ],
)
async def test_everything_else_is_somebody_elses_whole(other: bytes) -> None:
    """Also after plain requests on the same connection; nothing of it is lost, nothing answered twice."""
    async with house() as (shared, connect):
        reader, writer = await connect()
        writer.write(request(b"first") + other)
        assert (await answer(reader))[1] == b"FIRST"
        assert await reader.readexactly(len(b"elsewhere:") + len(other)) == b"elsewhere:" + other
        writer.write(request(b"second"))
        assert await reader.readexactly(len(request(b"second"))) == request(b"second")
        assert not shared.doors


async def test_who_comes_when_all_doors_are_taken_is_somebody_elses() -> None:
    async with house(max_connections=1) as (_, connect):
        first, writer = await connect()
        writer.write(request(b"in"))
        assert (await answer(first))[1] == b"IN"
        second, _ = await connect()
        assert await second.readexactly(10) == b"elsewhere:"


async def test_a_client_that_will_not_come_again_is_told_goodbye() -> None:
    async with house() as (_, connect):
        reader, writer = await connect()
        writer.write(request(b"bye", b"Connection: close\r\n") + request(b"too late"))
        head, body = await answer(reader)
        assert body == b"BYE"
        assert b"\r\nconnection: close\r\n" in head
        assert await reader.read() == b""


async def test_too_much_work_is_refused_and_what_waits_is_none() -> None:
    go_on, waiting = asyncio.Event(), asyncio.Event()

    async def slowly(body: bytes, connection: Connection) -> Response:
        if body == b"park":
            watch = asyncio.create_task(connection.closed())
            waiting.set()
            await go_on.wait()
            watch.cancel()
        elif body == b"work":
            waiting.set()
            await go_on.wait()
        return Response(200, body)

    async with house(slowly, limit=1) as (shared, connect):
        clients = [await connect() for _ in range(3)]
        for (_, writer), body in zip(clients, (b"park", b"work"), strict=False):
            waiting.clear()
            writer.write(request(body))
            await waiting.wait()
            await asyncio.sleep(0)
        assert shared.load.in_work == 1
        reader, writer = clients[2]
        for _ in range(2):
            writer.write(request(b"more"))
            head, _ = await answer(reader)
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nretry-after: 1\r\n" in head
        go_on.set()
        for (other, _), body in zip(clients, (b"park", b"work"), strict=False):
            assert (await answer(other))[1] == body
        writer.write(request(b"now"))
        assert (await answer(reader))[1] == b"now"
        assert (shared.load.in_work, shared.load.refused) == (0, 2)


async def test_a_client_that_hangs_up_while_it_waits() -> None:
    gone = asyncio.Event()

    async def wait(body: bytes, connection: Connection) -> Response:
        assert not connection.is_closed
        await connection.closed()
        assert connection.is_closed
        gone.set()
        return Response(200, body)

    async with house(wait) as (shared, connect):
        _, writer = await connect()
        writer.write(request(b"x"))
        await writer.drain()
        writer.close()
        await gone.wait()
        await until(lambda: not shared.tasks)
        assert (shared.load.in_work, len(shared.doors)) == (0, 0)


async def test_a_client_that_takes_no_answers_gets_no_more() -> None:
    answered = 0

    async def much(body: bytes, connection: Connection) -> Response:
        nonlocal answered
        answered += 1
        return Response(200, b"x" * 1_000_000)

    async with house(much) as (_, connect):
        reader, writer = await connect()
        writer.write(request(b"x") * 500)
        await until(lambda: answered > 0)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert answered < 500
        for _ in range(500):
            assert len((await answer(reader))[1]) == 1_000_000


@pytest.mark.parametrize("part", [b"", b"POST /a", b"POST /api HTTP/1.1\r\nX: "])
async def test_who_does_not_begin_has_to_go(monkeypatch: pytest.MonkeyPatch, part: bytes) -> None:
    monkeypatch.setattr(doors, "HEAD_SECONDS", 0.05)
    async with house() as (_, connect):
        reader, writer = await connect()
        writer.write(part)
        assert await reader.read() == b""


async def test_who_does_not_finish_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "STALLED_SECONDS", 0.05)
    async with house() as (_, connect):
        reader, writer = await connect()
        writer.write(request(b"whole") + request(b"x" * 50)[:-1])
        assert (await answer(reader))[1] == b"WHOLE"
        head, _ = await answer(reader)
        assert head.startswith(b"HTTP/1.1 408 ")
        assert await reader.read() == b""


async def test_who_has_nothing_more_to_ask_has_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "KEEP_ALIVE_SECONDS", 0.05)
    async with house() as (_, connect):
        reader, writer = await connect()
        writer.write(request(b"once"))
        assert (await answer(reader))[1] == b"ONCE"
        assert await reader.read() == b""


async def test_a_server_that_stops_answers_first() -> None:
    go_on = asyncio.Event()

    async def slowly(body: bytes, connection: Connection) -> Response:
        await go_on.wait()
        return Response(200, body)

    async with house(slowly) as (shared, connect):
        idle, _ = await connect()
        busy, writer = await connect()
        writer.write(request(b"last"))
        await until(lambda: bool(shared.tasks))
        for each in list(shared.doors):
            each.shutdown()
        assert await idle.read() == b""
        go_on.set()
        head, body = await answer(busy)
        assert (body, b"connection: close" in head) == (b"last", True)
        assert await busy.read() == b""


@given(st.lists(st.binary(max_size=20), max_size=4), st.integers(0, 70_000))
def test_a_head_is_read_alike_whether_it_is_new_or_known(names: list[bytes], length: int) -> None:
    more = b"".join(b"%b: 1\r\n" % name for name in names)
    head = b"POST /api HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (more, length)
    heads = Heads(1 << 20)
    first = heads.read(head)
    assert heads.read(head) == first
    assert first in (None, Head(length, last=False))
    if not names:
        assert (first is None) == (length > MAX_BODY_BYTES)


async def test_an_rpc_and_a_page_over_one_connection(site: Site) -> None:
    reader, writer = await asyncio.open_connection(site.server.host, site.server.port)
    asked = signed(GetColony(colonyname=site.name), site.user)
    writer.write(request(asked) + b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" + request(asked))
    answers = [await answer(reader) for _ in range(3)]
    assert [head.partition(b"\r\n")[0] for head, _ in answers] == [b"HTTP/1.1 200 OK"] * 3
    assert answers[0][1] == answers[2][1]
    assert b"ready" in answers[1][1]
    writer.close()
