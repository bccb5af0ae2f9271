"""From the payload of a record to a typed message (protocol: envelope.md sections 2, 5 and 7)."""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import Any

import msgspec
from colonyledger.record import RecordKind
from colonyledger.wire import MalformedJson, Message, decode

from projections.event import Event, Refusal
from projections.registry import Rpc

__all__ = ["read_message", "system_message"]


_NAMED_FIRST = b'{"msgtype"'
"""How most messages start; the decoder then checks the name itself."""


class _Named(msgspec.Struct, gc=False):
    msgtype: str = ""


def read_message(rpc: Rpc, payload: bytes) -> Message[Any]:
    """Decode the base64 JSON of a payload as the message of `rpc`.

    Raises:
        Refusal: 400, it is not that message.

    """
    try:
        text = a2b_base64(payload, strict_mode=True)
    except Base64Error as error:
        reason = f"the payload is not base64: {error}"
        raise Refusal(400, f"Failed to {rpc.purpose}, invalid JSON: {reason}") from None
    try:
        if not text.startswith(_NAMED_FIRST):
            _check_name(rpc, text)
        return decode(text, rpc.message)
    except MalformedJson as error:
        reason = str(error)
    _check_name(rpc, text)
    raise Refusal(400, f"Failed to {rpc.purpose}, invalid JSON: {reason}")


def system_message(event: Event, rpc: Rpc) -> Message[Any] | None:
    """What a record says if it is this system event; None if it is another one, or cannot be read."""
    record = event.record
    if record.kind is not RecordKind.SYSTEM or record.payloadtype != rpc.payloadtype:
        return None
    try:
        return event.message or read_message(rpc, record.payload)
    except Refusal:
        return None


def _check_name(rpc: Rpc, text: bytes) -> None:
    try:
        name = decode(text, _Named).msgtype
    except MalformedJson as error:
        raise Refusal(400, f"Failed to {rpc.purpose}, invalid JSON: {error}") from None
    if name != rpc.payloadtype:
        raise Refusal(400, f"Failed to {rpc.purpose}, msg.MsgType does not match payloadType")
