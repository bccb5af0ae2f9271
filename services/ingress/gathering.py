"""Answers about the whole server that several nodes give together."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from colonyledger.wire import (
    ErrorBody,
    GetColonies,
    GetStatistics,
    ReplyEnvelope,
    Statistics,
    decode,
    payloadtype_of,
    reply_type_of,
)

from projections.event import Refusal
from projections.registry import Rpc
from services.ingress.response import Response

__all__ = ["combined", "payload_of", "together"]

_OK = 200


def _all_of_them(parts: Sequence[list[Any]]) -> list[Any]:
    return [each for part in parts for each in part]


def _sum(parts: Sequence[Statistics]) -> Statistics:
    counts = [msgspec.structs.asdict(part) for part in parts]
    return Statistics(**{name: sum(count[name] for count in counts) for name in counts[0]})


together: dict[str, Callable[[Sequence[Any]], Any]] = {
    payloadtype_of(GetColonies): _all_of_them,
    payloadtype_of(GetStatistics): _sum,
}
"""How the answers to queries about the whole server, each for some partitions, become one, by payload type.

To any other query one node's answer is that of all."""


def combined(rpc: Rpc, parts: Sequence[Any]) -> Any:
    """One answer of several, of this node's own and of those that came as JSON."""
    kind = reply_type_of(rpc.message)
    return together[rpc.payloadtype](
        [decode(bytes(part), kind) if isinstance(part, msgspec.Raw) else part for part in parts]
    )


def payload_of(response: Response) -> msgspec.Raw:
    """The JSON of another node's reply.

    Raises:
        Refusal: it has refused.
    """
    payload = b64decode(decode(response.body, ReplyEnvelope).payload)
    if response.status != _OK:
        error = decode(payload, ErrorBody)
        raise Refusal(error.status, error.message)
    return msgspec.Raw(payload)
