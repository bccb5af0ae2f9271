"""Requests to other nodes over HTTP, each on a connection of its own that is kept for the next one."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import NamedTuple

import httptools

from services.cluster import Announcement
from services.ingress.response import Response

__all__ = ["Header", "Interrupted", "NotReached", "PeerError", "Peers"]

Header = tuple[bytes, bytes]
"""A header's name, in lower case, and its value."""

_CONNECT_SECONDS = 2.0
_READ_BYTES = 256 * 1024

_IDLE_CONNECTIONS = 256
"""Connections to one node that are kept while nothing is asked on them."""

_IDLE_SECONDS = 30.0
"""How long they are kept; servers keep them longer."""


class PeerError(Exception):
    """Another node did not answer."""


class NotReached(PeerError):
    """It cannot be connected to: nothing was sent."""


class Interrupted(PeerError):
    """The connection broke before the answer was there: nobody knows what became of the request."""


class _Line(NamedTuple):
    """A connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    idle_since: float

    @property
    def is_usable(self) -> bool:
        age = asyncio.get_running_loop().time() - self.idle_since
        return not self.reader.at_eof() and not self.writer.is_closing() and age < _IDLE_SECONDS


class Peers:
    """The way to the other nodes. `tls` is for those that speak HTTPS; None trusts whom the system trusts."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._idle: defaultdict[str, deque[_Line]] = defaultdict(deque)
        self._closed = False

    @property
    def tls(self) -> ssl.SSLContext:
        """What connections to nodes that speak HTTPS are made with."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    async def post(self, node: Announcement, body: bytes, headers: Iterable[Header] = ()) -> Response:
        """Send a request to `POST /api` of a node. Whoever cancels this hangs up.

        Raises:
            NotReached: nothing was sent.
            Interrupted: nobody knows what became of it.
        """
        line = self._pick(node.place) or await self._connect(node)
        more = b"".join(b"%b: %b\r\n" % header for header in headers)
        try:
            line.writer.write(
                b"POST /api HTTP/1.1\r\nhost: %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n"
                % (node.place.encode(), len(body), more)
            )
            line.writer.write(body)
            await line.writer.drain()
            answer = await _read(line.reader)
        except (OSError, EOFError, httptools.HttpParserError) as error:
            line.writer.close()
            raise Interrupted(
                f"the connection to {node.place} broke: {str(error) or type(error).__name__}"
            ) from error
        except BaseException:
            line.writer.close()
            raise
        self._keep(node.place, line, answer.stays)
        return Response(answer.status, bytes(answer.body), answer.retry_after)

    def close(self) -> None:
        """Close the connections that are idle, and the others when they have become so."""
        self._closed = True
        for lines in self._idle.values():
            for line in lines:
                line.writer.close()
        self._idle.clear()

    def _pick(self, place: str) -> _Line | None:
        lines = self._idle[place]
        while lines:
            line = lines.pop()
            if line.is_usable:
                return line
            line.writer.close()
        return None

    async def _connect(self, node: Announcement) -> _Line:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(
                    node.host, node.port, ssl=self.tls if node.tls else None
                )
        except (OSError, TimeoutError) as error:
            raise NotReached(
                f"{node.place} cannot be reached: {str(error) or 'it does not answer in time'}"
            ) from error
        return _Line(reader, writer, 0)

    def _keep(self, place: str, line: _Line, stays: bool) -> None:
        lines = self._idle[place]
        if self._closed or not stays:
            line.writer.close()
            return
        lines.append(line._replace(idle_since=asyncio.get_running_loop().time()))
        if len(lines) > _IDLE_CONNECTIONS:
            lines.popleft().writer.close()


class _Answer:
    """Takes what the parser finds in an answer."""

    def __init__(self) -> None:
        self.status = 0
        self.retry_after = 0
        self.body = bytearray()
        self.stays = False
        self.is_complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after" and value.isdigit():
            self.retry_after = int(value)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_complete = True


async def _read(reader: asyncio.StreamReader) -> _Answer:
    """The next answer.

    Raises:
        EOFError: the connection ends before it is complete.
        OSError: the connection breaks.
        httptools.HttpParserError: it is none.
    """
    answer = _Answer()
    parser = httptools.HttpResponseParser(answer)
    while not answer.is_complete:
        data = await reader.read(_READ_BYTES)
        if not data:
            raise EOFError("it was closed")
        parser.feed_data(data)
    answer.status = parser.get_status_code()
    answer.stays = parser.should_keep_alive()
    return answer
