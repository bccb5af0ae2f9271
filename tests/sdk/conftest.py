"""Servers to talk to: one that misbehaves on purpose, and the keys and clients for a real one."""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar
from uuid import uuid4

import pytest
from colonyledger.client import Client
from colonyledger.environment import Environment
from colonyledger.identity import Identity, digest_of, recover
from colonyledger.wire import Executor as ExecutorRecord
from colonyledger.wire import Message, ReplyEnvelope, RequestEnvelope, decode, encode

from tests.servers import Server

M = TypeVar("M", bound=Message[Any])
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class FaultyServer:
    """Answers each request by the next of `answers`, the last one again and again."""

    def __init__(self) -> None:
        self.answers: deque[Answer] = deque()
        self.bodies: list[bytes] = []
        """The requests as they came."""
        self.hung_up = asyncio.Event()
        """Set when a client has gone away while it was to wait."""
        self.url = ""

    def messages(self, kind: type[M]) -> list[M]:
        """The requests as messages of `kind`."""
        return [decode(_payload(body), kind) for body in self.bodies]

    def signers(self) -> list[str]:
        """Who signed the requests."""
        envelopes = [decode(body, RequestEnvelope) for body in self.bodies]
        return [
            recover(digest_of(envelope.payload.encode()), bytes.fromhex(envelope.signature))
            for envelope in envelopes
        ]

    def says(self, record: object, *, payloadtype: str = "reply") -> None:
        """Answer with `record`."""
        payload = b64encode(encode(record)).decode()
        self.sends(200, encode(ReplyEnvelope(payloadtype, payload, error=False)))

    def refuses(self, status: int, message: str, *, retry_after: str = "") -> None:
        """Answer with an error."""
        payload = b64encode(encode({"status": status, "message": message})).decode()
        self.sends(status, encode(ReplyEnvelope("error", payload, error=True)), retry_after=retry_after)

    def sends(self, status: int, body: bytes, *, retry_after: str = "", delay: float = 0.0) -> None:
        """Answer with any body, `delay` seconds later."""
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n"
        if retry_after:
            head += f"Retry-After: {retry_after}\r\n"
        self.writes(f"{head}\r\n".encode() + body, delay=delay)

    def writes(self, raw: bytes, *, delay: float = 0.0, closing: bool = False) -> None:
        """Answer with any bytes."""

        async def answer(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(delay)
            writer.write(raw)
            if closing:
                writer.close()

        self.answers.append(answer)

    def drops(self) -> None:
        """Close the connection without an answer."""
        self.writes(b"", closing=True)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode("latin-1").lower().split("\r\n")
                length = next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)
                self.bodies.append(await reader.readexactly(length))
                answer = self.answers[0] if len(self.answers) == 1 else self.answers.popleft()
                await answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.hung_up.set()
        finally:
            writer.close()


def _payload(body: bytes) -> bytes:
    return b64decode(decode(body, RequestEnvelope).payload)


@pytest.fixture
async def faulty() -> AsyncIterator[FaultyServer]:
    """A misbehaving server that listens."""
    server = FaultyServer()
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()
    server.url = f"http://{host}:{port}"
    yield server
    listener.close()


@pytest.fixture
def identity() -> Identity:
    """Somebody."""
    return Identity.generate()


@pytest.fixture
async def nowhere() -> str:
    """The address of a port where nobody listens."""
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    return f"http://127.0.0.1:{port}"


class Members:
    """Clients of a real server for everybody who has a key there."""

    def __init__(self, server: Server) -> None:
        self.server = server
        settings = Environment(server.environment)
        self.colony_owner_identity = settings.colony_owner
        self.user = Client(server.url, settings.identity, colony=settings.colony)
        self.colony_owner = self.user.using(settings.colony_owner)
        self.server_owner = self.user.using(settings.server_owner)

    async def executor(self, kind: str) -> Client:
        """A client for a new, approved executor of type `kind`."""
        identity = Identity.generate()
        name = f"{kind}-{identity.id[:8]}"
        await self.colony_owner.add_executor(
            ExecutorRecord(executorid=identity.id, executortype=kind, executorname=name)
        )
        await self.colony_owner.approve_executor(name)
        return self.user.using(identity)


@pytest.fixture
async def members(dev_server: Server) -> AsyncIterator[Members]:
    """Everybody, until the test ends."""
    everybody = Members(dev_server)
    async with everybody.user:
        yield everybody


@pytest.fixture
def kind() -> str:
    """An executor type that no other test uses."""
    return f"type-{uuid4().hex[:12]}"


@pytest.fixture
def cli_environment(dev_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line, and everything else that reads the environment, find the real server."""
    for name in list(os.environ):
        if name.startswith("COLONIES_"):
            monkeypatch.delenv(name)
    for name, value in dev_server.environment.items():
        monkeypatch.setenv(name, value)
