"""HTTP answers to RPCs: as values, and as bytes."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from projections.event import Refusal
from services.ingress.envelopes import error_envelope

__all__ = ["OVERLOADED", "Response", "refused"]


class Response(NamedTuple):
    """An HTTP answer: status, body, and the seconds after which to try again (0: not said)."""

    status: int
    body: bytes
    retry_after: int = 0

    def to_bytes(self, *, last: bool) -> bytes:
        """The answer as HTTP/1.1 has it; `last` says that the connection is closed after it."""
        if self.status == _OK and not last:
            return _HEAD_OF_REPLY % len(self.body) + self.body
        lines = [
            b"HTTP/1.1 %d %b" % (self.status, HTTPStatus(self.status).phrase.encode()),
            b"content-type: application/json",
            b"content-length: %d" % len(self.body),
        ]
        if self.retry_after:
            lines.append(b"retry-after: %d" % self.retry_after)
        if last:
            lines.append(b"connection: close")
        return b"\r\n".join([*lines, b"", self.body])


def refused(refusal: Refusal) -> Response:
    """The answer that carries a refusal."""
    retry_after = 1 if refusal.status in (429, 503) else 0
    return Response(refusal.status, error_envelope(refusal.status, refusal.message), retry_after)


OVERLOADED = refused(Refusal(503, "The server has as much to do as it can; ask again in a moment"))
"""The answer to a request that is too much (services/ingress/load.py)."""

_OK = 200
_HEAD_OF_REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
