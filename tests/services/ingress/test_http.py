"""The HTTP surface (protocol: envelope.md sections 1 and 3): what answers where, CORS, bodies, limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from colonyledger.identity import Identity
from colonyledger.wire import GetColonies, GetColony, GetPauseStatus, PauseStatus, encode, signed

from services.ingress.http import HEAD_BYTES
from services.node.dev import SERVER_OWNER
from tests.conftest import StartServer
from tests.servers import Server
from tests.services.site import Site, error_in, reply_in

ORIGIN = {"Origin": "https://dashboard.example"}
LIMIT = 50_000


@pytest.fixture
def small_server(start_server: StartServer) -> Server:
    """A server that takes only small requests."""
    return start_server("--dev", LEDGER_MAX_BODY_BYTES=str(LIMIT))


async def connect(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(server.host, server.port)


async def test_health(site: Site) -> None:
    answer = await site.http.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api"),
        ("PUT", "/api"),
        ("DELETE", "/api"),
        ("GET", "/"),
        ("POST", "/"),
        ("GET", "/api/v1"),
        ("POST", "/api//"),
        ("POST", "/API"),
        ("POST", "/health"),
        ("HEAD", "/health"),
        ("POST", "/metrics"),
        ("GET", "/%2e%2e/api"),
        ("GET", "/%c3%a9"),
        ("OPTIONS", "/api"),
        ("TRACE", "/api"),
    ],
)
async def test_nothing_else_answers(site: Site, method: str, path: str) -> None:
    answer = await site.http.request(method, path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == ("" if method == "HEAD" else "404 page not found")


@pytest.mark.parametrize(
    ("method", "path", "status", "location"),
    [
        ("POST", "/api/", 307, "/api"),
        ("GET", "/health/", 301, "/health"),
        ("GET", "/metrics/", 301, "/metrics"),
        ("GET", "/nothing/", 404, None),
        ("GET", "/api/", 404, None),
    ],
)
async def test_a_trailing_slash(
    site: Site, method: str, path: str, status: int, location: str | None
) -> None:
    answer = await site.http.request(method, path)
    assert (answer.status_code, answer.headers.get("location")) == (status, location)


async def test_a_client_that_follows_the_redirection_is_answered(site: Site) -> None:
    body = signed(GetColonies(), SERVER_OWNER)
    answer = await site.http.post("/api/", content=body, follow_redirects=True)
    assert site.name in [colony["name"] for colony in reply_in(answer, list[dict[str, str]])]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "image/png", None])
async def test_the_content_type_of_a_request_does_not_matter(site: Site, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    body = signed(GetColony(colonyname=site.name), site.user)
    answer = await site.http.post("/api", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"


async def test_a_reply_envelope_has_three_fields_in_order(site: Site) -> None:
    answer = await site.post(signed(GetColony(colonyname=site.name), site.user))
    assert answer.content.startswith(b'{"payloadtype":"getcolonymsg","payload":"')
    assert answer.content.endswith(b'","error":false}')


async def test_the_pause_status_is_replied_to_under_its_own_name(site: Site) -> None:
    answer = await site.post(signed(GetPauseStatus(colonyname=site.name), site.user))
    assert reply_in(answer, PauseStatus, "pausestatusreplymsg") == PauseStatus(site.name, False)


@pytest.mark.parametrize("path", ["/api", "/health", "/nowhere"])
async def test_a_preflight_is_answered_everywhere(site: Site, path: str) -> None:
    answer = await site.http.options(path, headers=ORIGIN)
    assert (answer.status_code, answer.content) == (204, b"")
    allowed = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
    assert allowed == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS",
        "access-control-allow-headers": "Origin,Content-Length,Content-Type",
        "access-control-max-age": "43200",
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/api", 400), ("GET", "/health", 200), ("GET", "/nowhere", 404), ("POST", "/api/", 307)],
)
async def test_pages_of_other_servers_may_read_every_answer(
    site: Site, method: str, path: str, status: int
) -> None:
    foreign = await site.http.request(method, path, headers=ORIGIN)
    assert foreign.status_code == status
    assert foreign.headers["access-control-allow-origin"] == "*"
    own = await site.http.request(method, path, headers={"Origin": site.server.url})
    plain = await site.http.request(method, path)
    assert own.status_code == plain.status_code == status
    assert not {"access-control-allow-origin"} & {*own.headers, *plain.headers}


async def test_one_connection_serves_many_requests(site: Site) -> None:
    reader, writer = await connect(site.server)
    body = signed(GetColony(colonyname=site.name), site.user)
    for _ in range(3):
        writer.write(b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" not in head
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        assert b'"error":false' in await reader.readexactly(length)
    writer.close()


async def test_a_chunked_body(site: Site) -> None:
    body = signed(GetColony(colonyname=site.name), site.user)

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 50):
            yield body[start : start + 50]

    answer = await site.http.post("/api", content=parts())
    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert answer.status_code == 200


async def test_a_client_that_asks_before_it_sends(site: Site) -> None:
    reader, writer = await connect(site.server)
    body = signed(GetColony(colonyname=site.name), site.user)
    writer.write(
        b"POST /api HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_a_client_that_hangs_up_within_its_request_leaves_nothing(site: Site) -> None:
    before = await site.folded()
    for part in (b"PO", b"POST /api HTTP/1.1\r\nContent-Length: 100\r\n\r\n", b"POST /api HTTP/1.1\r\n" * 2):
        _, writer = await connect(site.server)
        writer.write(part)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert await site.folded() == before
    assert (await site.http.get("/health")).status_code == 200


@pytest.mark.parametrize(
    "raw", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"POST\r\n\r\n", b"GET \xff HTTP/1.1\r\n\r\n"]
)
async def test_what_is_not_http_is_refused(site: Site, raw: bytes) -> None:
    reader, writer = await connect(site.server)
    writer.write(raw)
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_a_head_without_end_is_refused(site: Site) -> None:
    reader, writer = await connect(site.server)
    writer.write(b"GET /health HTTP/1.1\r\nX: ")
    with pytest.raises(ConnectionError):  # noqa: PT012 (whichever write comes after the server has hung up)
        for _ in range(100):
            writer.write(b"x" * HEAD_BYTES)
            await writer.drain()
        await reader.readexactly(1_000_000)
    writer.close()


async def test_a_body_at_the_limit_is_read_and_a_larger_one_refused(small_server: Server) -> None:
    async with Site(small_server) as site:
        body = signed(GetColony(colonyname=site.name), site.user)
        largest = body.ljust(LIMIT)
        assert (await site.post(largest)).status_code == 200
        for announced in (largest + b" ", b"[" * 10 * LIMIT):
            assert error_in(await site.post(announced)) == (
                413,
                f"The request is larger than {LIMIT} bytes",
            )

        async def unannounced() -> AsyncIterator[bytes]:
            for _ in range(30):
                yield b" " * 4096

        answer = await site.http.post("/api", content=unannounced())
        assert error_in(answer)[0] == 413
        assert (await site.post(largest)).status_code == 200


async def test_a_large_request_is_refused_before_it_has_come(small_server: Server) -> None:
    reader, writer = await connect(small_server)
    writer.write(b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n ")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_the_largest_body_is_64_mib(site: Site) -> None:
    body = signed(GetColony(colonyname=site.name), site.user)
    assert (await site.post(body.ljust(64 * 1024 * 1024))).status_code == 200
    assert error_in(await site.post(body.ljust(64 * 1024 * 1024 + 1)))[0] == 413


@pytest.mark.embedded("a file is in the way of the reads log's directory")
async def test_a_server_that_cannot_answer_says_so_in_the_same_shape(
    start_server: StartServer, tmp_path: Path
) -> None:
    """The reads log cannot be opened here, so the server waits for it and serves nothing."""
    (tmp_path / "server-0").mkdir()
    (tmp_path / "server-0" / "reads").write_text("in the way")
    server = start_server("--dev", wait=False)
    async with httpx.AsyncClient(base_url=server.url) as http:
        health = await http.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "starting")
        assert "reads" in health.json()["reason"]
        assert health.headers["retry-after"] == "1"
        answer = await http.post("/api", content=signed(GetColonies(), Identity.generate()))
        assert error_in(answer)[0] == 503
        assert "reads" in error_in(answer)[1]
        assert answer.headers["retry-after"] == "1"
        (tmp_path / "server-0" / "reads").unlink()
        server.wait_until_ready()
        assert (await http.get("/health")).status_code == 200
        envelope = encode({"payloadtype": "", "payload": "", "signature": ""})
        assert error_in(await http.post("/api", content=envelope))[0] == 403
