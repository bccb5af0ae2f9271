"""HTTP/1.1 as uvicorn reads it, with limits on what a stranger can make the server hold."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from projections.event import Refusal
from services.ingress.door import HEAD_SECONDS
from services.ingress.response import refused

__all__ = ["HEAD_BYTES", "SKIPPED_BYTES", "HttpProtocol"]

HEAD_BYTES = 64 * 1024
"""Bytes of a request's head; of one that is longer, no more than one read of the socket is looked at."""

SKIPPED_BYTES = 256 * 1024 * 1024
"""Bytes of refused bodies that are skipped before the connection is closed."""

_ALWAYS = (b"/health", b"/metrics")
"""What a server answers however many connections it has: whoever looks after it must be able to."""


class HttpProtocol(HttpToolsProtocol):
    """One connection. Uvicorn's `limit_concurrency` is the most connections that may ask for anything."""

    _is_surplus = False
    _in_head = False
    _head_bytes = 0
    _skipped_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected and has to begin."""
        super().connection_made(transport)
        # Uvicorn's own refusal is no RPC error, and would refuse /health too.
        self.limit_concurrency = None
        limit = self.config.limit_concurrency
        self._is_surplus = limit is not None and len(self.connections) > limit
        self._deadline = self.loop.call_later(HEAD_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._head_is_complete()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self.send_400_response("The request's head is too long.")
                return
        super().data_received(data)
        if self._in_head and self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The request's head is there."""
        self._head_is_complete()
        if self._is_surplus and self.url not in _ALWAYS:
            self.app = _send_away
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the request's body is there."""
        if self.cycle.response_complete:
            self._skipped_bytes += len(body)
            if self._skipped_bytes > SKIPPED_BYTES:
                self.transport.close()
        super().on_body(body)

    def _head_is_complete(self) -> None:
        self._in_head = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


async def _send_away(scope: Scope, receive: Receive, send: Send) -> None:
    """The server has as many connections as it may have."""
    answer = refused(Refusal(503, "The server has as many connections as it may have; ask again"))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer.body)),
        (b"retry-after", b"%d" % answer.retry_after),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
