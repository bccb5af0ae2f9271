"""A keep-alive HTTP/1.1 connection for requests that were made and signed beforehand.

Client and server share a machine, so what the client does is kept small while time is measured: a conversation
goes on in the very call that brings the last reply, without a task in between, and replies are looked at afterwards.
"""

from __future__ import annotations

import asyncio
import re
import time
from binascii import a2b_base64
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from colonyledger.identity import Identity
from colonyledger.wire import ErrorBody, Message, ReplyEnvelope, signed

__all__ = ["Broken", "Connection", "Refused", "Then", "payload_of", "request"]

Then = Callable[[bytes, float], bytes | None]
"""Told a reply's body and the seconds that it took; gives the next request, None at the end of the conversation."""

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"
_ENVELOPE = msgspec.json.Decoder(ReplyEnvelope)
_ERROR = msgspec.json.Decoder(ErrorBody)


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


def payload_of(body: bytes) -> bytes:
    """The JSON that a reply carries.

    Raises:
        Refused: it says that the request was refused.
        Broken: it is no reply envelope.
    """
    try:
        envelope = _ENVELOPE.decode(body)
        payload = a2b_base64(envelope.payload, strict_mode=True)
        if not envelope.error:
            return payload
        refused = _ERROR.decode(payload)
    except (msgspec.DecodeError, ValueError) as error:
        raise Broken(f"no reply envelope: {body[:200]!r}") from error
    raise Refused(refused.status, refused.message)


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
    """One conversation at a time, one request of it at a time."""

    def __init__(self) -> None:
        self.status = 0
        """The HTTP status of the last reply."""
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = b""
        self._body_from = -1
        self._length = 0
        self._began = 0.0
        self._then: Then | None = None
        self._ended: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, url: str) -> Connection:
        """Connect to a server."""
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, parts.hostname or "localhost", parts.port or 80)
        return connection

    def close(self) -> None:
        """Hang up; a reply that is still to come is not waited for any more."""
        if self._ended is not None:
            self._ended.cancel()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        self._transport = None
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(exc or ConnectionResetError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        buffer = self._buffer = self._buffer + data if self._buffer else data
        if self._body_from < 0:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(buffer, 0, end + 2)
            self._length = int(length.group(1)) if length else -1
            self._body_from = end + 4
        if self._length < 0 and buffer.endswith(_LAST_CHUNK):
            self._answer(_unchunked(buffer[self._body_from :]))
        elif 0 <= self._length <= len(buffer) - self._body_from:
            self._answer(buffer[self._body_from :])

    def _answer(self, body: bytes) -> None:
        seconds = time.perf_counter() - self._began
        self.status = int(self._buffer[9:12])
        self._buffer = b""
        self._body_from = -1
        if self._then is None or self._ended is None or self._ended.done():
            return
        try:
            following = self._then(body, seconds)
        except Exception as error:  # noqa: BLE001 (whoever waits for the end is told)
            self._ended.set_exception(error)
            return
        if following is None:
            self._ended.set_result(None)
        else:
            self._send(following)

    def _send(self, raw: bytes) -> None:
        if self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self._began = time.perf_counter()
        self._transport.write(raw)

    def converse(self, first: bytes, then: Then) -> asyncio.Future[None]:
        """Send a request, and after each reply what `then` gives; done at the end, with what `then` raised if it did."""
        self._then, self._ended = then, asyncio.get_running_loop().create_future()
        self._send(first)
        return self._ended

    async def send(self, raw: bytes) -> bytes:
        """Send a request and give the reply's body."""
        bodies: list[bytes] = []
        await self.converse(raw, lambda body, _: bodies.append(body))
        return bodies[0]

    async def call(self, raw: bytes) -> bytes:
        """Send a request and give the JSON that it is answered with.

        Raises:
            Refused: the server refused it.
            Broken: the answer is no reply envelope.
        """
        return payload_of(await self.send(raw))
