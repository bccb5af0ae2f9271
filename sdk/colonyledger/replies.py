"""The record or the error in the bytes of an answer (protocol: envelope.md sections 3 and 4)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import TypeVar, get_origin

from colonyledger.errors import BadReply, ColonyError, ConnectionFailed, refusal
from colonyledger.wire import ErrorBody, MalformedJson, ReplyEnvelope, decode

__all__ = ["record_in"]

R = TypeVar("R")

_GATEWAY_STATUSES = (502, 503, 504)
"""What a proxy answers with words of its own when the server behind it is away."""


def record_in(
    body: bytes, *, status: int, headers: Mapping[str, str], to: type[R], payloadtype: str, url: str
) -> R:
    """The record of type `to` that the server at `url` answered `payloadtype` with.

    Raises:
        ServerRefused: the answer is an error.
        ConnectionFailed: a proxy answered that the server is away.
        BadReply: the answer is no reply of the protocol.
    """
    try:
        envelope = decode(body, ReplyEnvelope)
    except MalformedJson:
        raise _not_an_envelope(status, url) from None
    try:
        payload = b64decode(envelope.payload, validate=True)
        if envelope.error:
            problem = decode(payload, ErrorBody)
            raise refusal(
                problem.status, problem.message, payloadtype, retry_after=_seconds(headers.get("retry-after"))
            )
        if payload == b"null" and get_origin(to) is list:
            payload = b"[]"  # how other servers send an empty list (envelope.md section 7)
        return decode(payload, to)
    except (MalformedJson, binascii.Error) as error:
        raise BadReply(f"{url} answered {payloadtype} with something unreadable: {error}.") from None


def _not_an_envelope(status: int, url: str) -> ColonyError:
    if status in _GATEWAY_STATUSES:
        return ConnectionFailed(f"A proxy answered for {url} that the server is away (HTTP status {status}).")
    return BadReply(
        f"{url} does not answer like a Colonies server (HTTP status {status}); check host, port and TLS."
    )


def _seconds(retry_after: str | None) -> float | None:
    """The seconds in a Retry-After header; its other form, a date, counts as absent."""
    if retry_after is None or not retry_after.isascii() or not retry_after.isdecimal():
        return None
    return float(retry_after)
