"""A request as it comes from the topic."""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import NamedTuple, TypeVar

import msgspec
from colonyledger.kafka.protocol import MAX_REQUEST_BYTES
from colonyledger.wire import AssignProcess, MalformedJson, decode, payloadtype_of

from projections.assignment import nothing_to_assign
from projections.event import Refusal
from projections.registry import REGISTRY, Kind
from services.ingress.envelopes import open_envelope, verify

__all__ = ["Request", "read_request"]

T = TypeVar("T")

_ASSIGN = payloadtype_of(AssignProcess)

_LATE_SECONDS = 10.0
"""How much later than it was meant to wait an `assign` may come and still be served."""


class _Named(msgspec.Struct, gc=False):
    """What matters here of any message."""

    nonce: str = ""


class _Waiting(msgspec.Struct, gc=False):
    """What matters here of an `assign`."""

    timeout: int = 0


class Request(NamedTuple):
    """A request whose signer is known."""

    body: bytes
    caller: str
    digest: bytes
    payloadtype: str
    nonce: str | None
    """None: the message cannot be read, so it will be refused."""
    timeout: int
    """Seconds that an `assign` waits; nothing for other requests."""

    @property
    def is_assign(self) -> bool:
        """Whether it asks for work."""
        return self.payloadtype == _ASSIGN

    def refusal(self, age: float) -> Refusal | None:
        """Why it is not served though HTTP would, `age` seconds after it was sent; None if it is.

        Kafka may deliver a request twice, so a command must say by a nonce that it is the same one.
        """
        if len(self.body) > MAX_REQUEST_BYTES:
            return Refusal(
                413, f"A request over Kafka has at most {MAX_REQUEST_BYTES} bytes; HTTP takes more"
            )
        rpc = REGISTRY.get(self.payloadtype)
        if rpc is not None and rpc.kind is Kind.COMMAND and self.nonce == "":
            return Refusal(400, "A command over Kafka needs a nonce: Kafka may deliver it twice")
        if self.is_assign and age > max(self.timeout, 0) + _LATE_SECONDS:
            return nothing_to_assign()
        return None


def read_request(body: bytes) -> Request:
    """Read an envelope, recover its signer, and look at what the message says of itself.

    Raises:
        Refusal: it is no envelope, or nobody can have signed it.
    """
    signed = verify(open_envelope(body))
    named = _peek(signed.payload, _Named)
    waiting = _peek(signed.payload, _Waiting) if signed.payloadtype == _ASSIGN else None
    return Request(
        body,
        signed.caller,
        signed.digest,
        signed.payloadtype,
        None if named is None else named.nonce,
        0 if waiting is None else waiting.timeout,
    )


def _peek(payload: bytes, what: type[T]) -> T | None:
    """Some of a message; None if it cannot be read, which whoever serves it finds out as well."""
    try:
        return decode(a2b_base64(payload, strict_mode=True), what)
    except (Base64Error, MalformedJson):
        return None
