"""Heads of plain `POST /api` requests, read once for each that looks the same.

A client sends the same head again and again, so what it says is remembered by its bytes. What is not plain, anything
that needs more than a body of a known length and a reply, is left to the general HTTP implementation.
"""

from __future__ import annotations

from typing import NamedTuple

import httptools

__all__ = ["MARK", "MAX_BODY_BYTES", "MAX_HEAD_BYTES", "START", "Head", "Heads"]

START = b"POST /api HTTP/1.1\r\n"
"""How a plain request begins."""

MAX_HEAD_BYTES = 4096
"""A longer head is not plain."""

MAX_BODY_BYTES = 64 * 1024
"""A longer body is not plain: it comes in parts, and how much of such may be on its way is limited elsewhere."""

_REMEMBERED = 2048
"""Heads that are remembered, 8 MiB at most; then all are forgotten, which costs each client one reading."""

MARK = b"colony-ledger-forwarded"
"""The header of an RPC that another node has forwarded (services/ingress/forwarding.py)."""

_NOT_PLAIN = (b"transfer-encoding", b"expect", b"origin", b"upgrade", b"content-encoding", MARK)


class Head(NamedTuple):
    """What a plain request's head says: the bytes of its body, and whether the client goes afterwards."""

    length: int
    last: bool


class Heads:
    """Reads heads."""

    def __init__(self, max_body: int) -> None:
        self._longest = min(max_body, MAX_BODY_BYTES)
        self._known: dict[bytes, Head | None] = {}

    def read(self, head: bytes) -> Head | None:
        """What `head`, up to and with its empty line, says; None if it is not plain."""
        try:
            return self._known[head]
        except KeyError:
            if len(head) > MAX_HEAD_BYTES:
                return None
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        said = self._known[head] = self._parse(head)
        return said

    def _parse(self, head: bytes) -> Head | None:
        seen = _Seen()
        parser = httptools.HttpRequestParser(seen)
        try:
            parser.feed_data(head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        lengths = [value for name, value in seen.headers if name == b"content-length"]
        special = any(name in _NOT_PLAIN for name, _ in seen.headers)
        if special or len(lengths) != 1 or not lengths[0].isdigit() or int(lengths[0]) > self._longest:
            return None
        return Head(int(lengths[0]), not parser.should_keep_alive())


class _Seen:
    """Takes what the parser finds."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))
