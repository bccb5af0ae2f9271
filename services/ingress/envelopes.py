"""Request and reply envelopes as bytes (protocol: envelope.md sections 2 to 4)."""

from __future__ import annotations

from binascii import b2a_base64, unhexlify
from typing import NamedTuple

from colonyledger.identity import SignatureError, digest_of, recover
from colonyledger.wire import ErrorBody, MalformedJson, RequestEnvelope, decode, encode

from projections.event import Refusal

__all__ = ["Signed", "error_envelope", "open_envelope", "reply_envelope", "request_envelope", "verify"]


class Signed(NamedTuple):
    """A request whose signer is known."""

    payloadtype: str
    payload: bytes
    digest: bytes
    signature: bytes
    caller: str


def open_envelope(body: bytes) -> RequestEnvelope:
    """Read a request body.

    Raises:
        Refusal: 400, it is no request envelope.
    """
    try:
        return decode(body, RequestEnvelope)
    except MalformedJson as error:
        raise Refusal(400, f"The request is not an RPC envelope: {error}") from None


def verify(envelope: RequestEnvelope) -> Signed:
    """Recover who signed a request (protocol: identity.md section 2).

    Raises:
        Refusal: 403, nobody can have signed it.
    """
    payload = envelope.payload.encode()
    digest = digest_of(payload)
    try:
        signature = unhexlify(envelope.signature)
        return Signed(envelope.payloadtype, payload, digest, signature, recover(digest, signature))
    except SignatureError as error:
        raise Refusal(403, str(error)) from None
    except ValueError as error:
        raise Refusal(403, f"Invalid signature: {error}") from None


def request_envelope(signed: Signed) -> bytes:
    """The body of a request as its signer may have sent it: the signature covers the payload, nothing else."""
    payload, signature = signed.payload.decode(), signed.signature.hex()
    return encode(RequestEnvelope(signed.payloadtype, payload, signature))


def reply_envelope(payloadtype: str, reply: bytes) -> bytes:
    """The body of a successful reply whose JSON is `reply`."""
    return b'{"payloadtype":"%b","payload":"%b","error":false}' % (
        payloadtype.encode(),
        b2a_base64(reply, newline=False),
    )


def error_envelope(status: int, message: str) -> bytes:
    """The body of an error reply."""
    reply = encode(ErrorBody(status, message))
    return b'{"payloadtype":"error","payload":"%b","error":true}' % b2a_base64(reply, newline=False)
