"""A request on its way, and what comes back."""

from __future__ import annotations

from base64 import b64encode
from secrets import token_hex
from typing import NamedTuple

from colonyledger.identity import digest_of, recover
from colonyledger.kafka.protocol import MAX_REQUEST_BYTES
from colonyledger.wire import (
    AssignProcess,
    ErrorBody,
    ReplyEnvelope,
    RequestEnvelope,
    decode,
    encode,
    payloadtype_of,
)

__all__ = ["Answer", "Outgoing", "too_large"]

_ASSIGN = payloadtype_of(AssignProcess)
_TOO_LARGE = 413


class Answer(NamedTuple):
    """An answer as over HTTP."""

    status: int
    retry_after: str
    """Seconds after which to ask again; empty if that was not said."""
    body: bytes


class Outgoing(NamedTuple):
    """What is known of a request from its bytes, and its name."""

    id: str
    caller: str
    """Who signed it; empty if nobody did."""
    digest: str
    """The digest that was signed, in hex."""
    is_assign: bool

    @classmethod
    def of(cls, body: bytes) -> Outgoing:
        """A new name for `body`, a request of ours.

        Raises:
            MalformedJson: it is no envelope.
            SignatureError: its signature is none.
        """
        envelope = decode(body, RequestEnvelope)
        digest = digest_of(envelope.payload.encode())
        caller = recover(digest, bytes.fromhex(envelope.signature)) if envelope.signature else ""
        return cls(token_hex(16), caller, digest.hex(), envelope.payloadtype == _ASSIGN)


def too_large(size: int) -> Answer:
    """The answer to a request that no broker takes."""
    problem = ErrorBody(
        _TOO_LARGE, f"A request over Kafka has at most {MAX_REQUEST_BYTES} bytes, not {size}; HTTP takes more"
    )
    payload = b64encode(encode(problem)).decode()
    return Answer(_TOO_LARGE, "", encode(ReplyEnvelope("error", payload, error=True)))
