"""A keep-alive HTTP/1.1 connection for requests that were made and signed beforehand."""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from typing import Any
from urllib.parse import urlsplit

import msgspec
from colonyledger.identity import Identity
from colonyledger.wire import ErrorBody, Message, ReplyEnvelope, signed

__all__ = ["Broken", "Connection", "Refused", "request"]

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"


class Broken(Exception):
    """The server answered with something that is wrong; a measurement of it is worth nothing."""


class Refused(Exception):
    """The server refused a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


def request(identity: Identity, message: Message[Any]) -> bytes:
    """The bytes of a complete HTTP request."""
    body = signed(message, identity)
    head = f"POST /api HTTP/1.1\r\nHost: benchmark\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _unchunked(body: bytes) -> bytes:
    """The content of a body in chunks (RFC 9112 section 7.1)."""
    content, position = b"", 0
    while True:
        end = body.index(b"\r\n", position)
        size = int(body[position:end].split(b";")[0], 16)
        if not size:
            return content
        content += body[end + 2 : end + 2 + size]
        position = end + 2 + size + 2


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = bytearray()
        self._body_from = -1
        self._length = 0
        self._reply: asyncio.Future[bytes] | None = None

    @classmethod
    async def open(cls, url: str) -> Connection:
        """Connect to a server."""
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, parts.hostname or "localhost", parts.port or 80)
        return connection

    def close(self) -> None:
        """Hang up; a reply that is still to come is not waited for any more."""
        if self._reply is not None:
            self._reply.cancel()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        if isinstance(transport, asyncio.WriteTransport):
            self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._transport = None
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(exc or ConnectionResetError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._buffer += data
        if self._body_from < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(self._buffer, 0, end + 2)
            self._length = int(length.group(1)) if length else -1
            self._body_from = end + 4
        if self._reply is None:
            return
        if self._length < 0 and self._buffer.endswith(_LAST_CHUNK):
            self._answer(_unchunked(bytes(self._buffer[self._body_from :])))
        elif 0 <= self._length <= len(self._buffer) - self._body_from:
            self._answer(bytes(self._buffer[self._body_from :]))

    def _answer(self, body: bytes) -> None:
        self._buffer.clear()
        self._body_from = -1
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(body)

    def begin(self, raw: bytes) -> asyncio.Future[bytes]:
        """Send a request; gives what will be the reply's body."""
        if self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(raw)
        return self._reply

    async def send(self, raw: bytes) -> bytes:
        """Send a request and give the reply's body."""
        return await self.begin(raw)

    async def call(self, raw: bytes) -> bytes:
        """Send a request and give the JSON that it is answered with.

        Raises:
            Refused: the server refused it.
            Broken: the answer is no reply envelope.
        """
        body = await self.send(raw)
        try:
            envelope = msgspec.json.decode(body, type=ReplyEnvelope)
            payload = b64decode(envelope.payload)
            if not envelope.error:
                return payload
            refused = msgspec.json.decode(payload, type=ErrorBody)
        except (msgspec.DecodeError, ValueError) as error:
            raise Broken(f"no reply envelope: {body[:200]!r}") from error
        raise Refused(refused.status, refused.message)
