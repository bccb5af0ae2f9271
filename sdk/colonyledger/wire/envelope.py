"""What travels over `POST /api`: the signed request, the reply, the error (envelope.md sections 2 to 4)."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Generic, TypeVar, get_args

import msgspec

from colonyledger.identity import Identity
from colonyledger.wire.json import encode

__all__ = [
    "Empty",
    "ErrorBody",
    "Message",
    "ReplyEnvelope",
    "RequestEnvelope",
    "payloadtype_of",
    "reply_type_of",
    "signed",
]

R = TypeVar("R")


class RequestEnvelope(msgspec.Struct, gc=False):
    """A request as it is sent: the signature covers the base64 text of `payload`."""

    payloadtype: str = ""
    payload: str = ""
    signature: str = ""


class ReplyEnvelope(msgspec.Struct, gc=False):
    """A reply as it is sent; `payload` is the base64 of its JSON. Replies are not signed."""

    payloadtype: str
    payload: str
    error: bool


class ErrorBody(msgspec.Struct, gc=False):
    """The payload of a reply whose `error` is true; `status` equals the HTTP status."""

    status: int
    message: str


class Empty(msgspec.Struct, gc=False):
    """The reply `{}` of an RPC that has nothing to say."""


class Message(
    msgspec.Struct, Generic[R], kw_only=True, frozen=True, tag_field="msgtype", omit_defaults=True, gc=False
):
    """The signed content of one RPC; `R` is the record that a successful call replies with.

    `nonce`, if given, makes the call safe to repeat: the same signed bytes sent twice have one
    effect and get the same reply. The reference ignores it.
    """

    nonce: str = ""


def payloadtype_of(message: Message[Any] | type[Message[Any]]) -> str:
    """The RPC's name, such as `addcolonymsg`."""
    return str(message.__struct_config__.tag)


def reply_type_of(message: type[Message[R]]) -> type[R]:
    """The type of the record that `message` is answered with."""
    bases: tuple[Any, ...] = message.__orig_bases__  # type: ignore[attr-defined]
    reply: type[R] = get_args(bases[0])[0]
    return reply


def signed(message: Message[Any], identity: Identity) -> bytes:
    """The complete request body for `message`, signed by `identity`."""
    payload = b64encode(encode(message))
    return encode(RequestEnvelope(payloadtype_of(message), payload.decode("ascii"), identity.sign(payload)))
