"""`/pubsub` as a whole server offers it, and as the ecosystem's Python client uses it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from base64 import b64decode

import httpx
import pytest
from colonyledger.client import Client
from colonyledger.environment import Environment
from colonyledger.spec import function_spec
from colonyledger.wire import Process, SubscribeProcesses, signed
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import CloseCode

from tests.conftest import StartServer
from tests.servers import Server

PATIENCE = 20.0


def client_of(server: Server) -> Client:
    settings = Environment(server.environment)
    return Client(server.url, settings.identity, colony=settings.colony)


def websocket_url(server: Server, path: str = "/pubsub") -> str:
    return f"ws://{server.host}:{server.port}{path}"


def test_without_an_upgrade_it_is_a_bad_request(dev_server: Server) -> None:
    answer = httpx.get(f"{dev_server.url}/pubsub")
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("path", ["/", "/api", "/pubsub/more"])
async def test_there_are_no_websockets_elsewhere(dev_server: Server, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(websocket_url(dev_server, path), proxy=None)
    assert refused.value.response.status_code == 404


@pytest.mark.parametrize("name", ["subscribechannelmsg", "subscribeprocessmsg", "subscribeprocessesmsg"])
def test_subscriptions_cannot_be_posted(dev_server: Server, name: str) -> None:
    user = Environment(dev_server.environment).identity
    message = SubscribeProcesses(executortype="x", colonyname="dev")
    body = signed(message, user).replace(b"subscribeprocessesmsg", name.encode())
    answer = httpx.post(f"{dev_server.url}/api", content=body)
    assert answer.status_code == 403
    assert json.loads(b64decode(answer.json()["payload"]))["message"] == (
        f"invalid rpcMsg.PayloadType: {name}"
    )


async def test_frames_of_clients_are_small(dev_server: Server) -> None:
    async with connect(websocket_url(dev_server), proxy=None, compression=None) as connection:
        await connection.send("x" * 70_000)
        with pytest.raises(ConnectionClosed) as closed:
            await connection.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == CloseCode.MESSAGE_TOO_BIG


async def test_pages_of_any_origin_may_connect(dev_server: Server) -> None:
    elsewhere = {"Origin": "https://elsewhere.example"}
    async with connect(websocket_url(dev_server), additional_headers=elsewhere, proxy=None) as connection:
        assert connection.response is not None
        assert "Sec-WebSocket-Extensions" not in connection.response.headers


async def test_a_server_that_stops_says_so(start_server: StartServer) -> None:
    server = start_server("--dev")
    user = Environment(server.environment).identity
    message = SubscribeProcesses(executortype="x", timeout=60, colonyname="dev")
    async with connect(websocket_url(server), proxy=None) as connection:
        await connection.send(signed(message, user).decode())
        server.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == CloseCode.SERVICE_RESTART
    assert server.wait() == 0


async def test_limits_are_settings(start_server: StartServer) -> None:
    server = start_server("--dev", LEDGER_MAX_SUBSCRIBERS="1", LEDGER_MAX_SUBSCRIPTIONS="1")
    user = Environment(server.environment).identity
    frame = signed(SubscribeProcesses(executortype="x", timeout=60, colonyname="dev"), user).decode()
    async with connect(websocket_url(server), proxy=None) as connection:
        for _ in range(2):
            await connection.send(frame)
        assert b"at most 1" in b64decode(json.loads(await connection.recv())["payload"])
        with pytest.raises(InvalidStatus) as refused:
            await connect(websocket_url(server), proxy=None)
        assert refused.value.response.status_code == 429
        async with httpx.AsyncClient() as http:
            scraped = (await http.get(f"{server.url}/metrics")).text
        assert "colonyledger_subscribers 1.0" in scraped
        assert "colonyledger_subscriptions 1.0" in scraped


WAIT = """
import sys
from pycolonies import Colonies
host, port, prvkey, processid, seconds = sys.argv[1:]
colonies = Colonies(host, int(port), tls=False)
print("waiting", flush=True)
print(colonies.wait(colonies.get_process(processid, prvkey), int(seconds), prvkey).state)
"""
"""A program of its own: the client leaves its socket open when the server says goodbye first."""


class Waiting:
    """A program that waits for a process with pycolonies."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._process: asyncio.subprocess.Process | None = None

    async def begin(self, process: Process, seconds: int) -> None:
        """Let it wait for up to `seconds`."""
        server = self._server
        prvkey = server.environment["COLONIES_PRVKEY"]
        arguments = (server.host, str(server.port), prvkey, process.processid, str(seconds))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WAIT, *arguments, stdout=asyncio.subprocess.PIPE
        )
        assert await self._line() == "waiting"

    async def state(self) -> str:
        """The state of the process after the wait."""
        assert self._process is not None
        state = await self._line()
        assert await self._process.wait() == 0
        return state

    async def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            return (await self._process.stdout.readline()).decode().strip()


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_pycolonies_waits_for_a_process_that_does_not_succeed(dev_server: Server, when: str) -> None:
    waiting = Waiting(dev_server)
    async with client_of(dev_server) as client:
        process = await client.submit(function_spec("f", executortype=f"nobody-{when}"))
        if when == "before":
            await client.cancel(process.processid)
        await waiting.begin(process, 60)
        if when == "meanwhile":
            await client.cancel(process.processid)
        assert await waiting.state() == "4"


async def test_pycolonies_waits_no_longer_than_it_said(dev_server: Server) -> None:
    waiting = Waiting(dev_server)
    async with client_of(dev_server) as client:
        process = await client.submit(function_spec("f", executortype="nobody-waits"))
        await waiting.begin(process, 1)
        assert await waiting.state() == "0"
