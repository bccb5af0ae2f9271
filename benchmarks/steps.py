"""The steps of one RPC on the server, each beside the barest use of the library that does its work.

A case is one RPC on its way: everything that a step needs was made by the steps before it.
"""

from __future__ import annotations

import hashlib
import json
import socket
import time
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from typing import Any, NamedTuple

import httptools
import msgspec
from coincurve import PublicKey
from colonyledger.identity import Identity, digest_of, recover
from colonyledger.record import Record
from colonyledger.wire import Message, RequestEnvelope, encode, payloadtype_of, signed
from fastavro import parse_schema, schemaless_writer

from benchmarks.connection import request
from projections.event import Event
from projections.fold import answer, apply
from projections.messages import read_message
from projections.registry import REGISTRY, Rpc
from projections.roles import authorise
from projections.state import State
from projections.turn import View
from services.ingress.envelopes import open_envelope, reply_envelope, verify
from services.ledger import codec

__all__ = ["FOLD", "STEPS", "Case", "Step", "micros", "prepare"]

_SCHEMA_FILE = codec.schema_versions()["org.colonyledger.Record"][-1].file
_SCHEMA = parse_schema(json.loads((files("schemas") / "avro" / _SCHEMA_FILE).read_text("utf-8")))
_ENVELOPE = msgspec.json.Decoder(RequestEnvelope)
_PASSES = 7


@dataclass
class Case:
    """One RPC of somebody, signed."""

    rpc: Rpc
    caller: str
    raw: bytes
    body: bytes
    envelope: RequestEnvelope
    payload: bytes
    digest: bytes
    signature: bytes
    message: Message[Any]
    record: Record
    fields: dict[str, Any]
    """Of the record, as the Avro library takes them."""
    decoder: msgspec.json.Decoder[Any]
    text: bytes
    view: View
    state: State
    event: Event
    reply: Any = None
    encoded: bytes = b""


def prepare(state: State, who: Identity, event: Event) -> Case:
    """A case from an event of a script; it is not folded yet."""
    message = event.message
    if message is None:
        raise ValueError("an event of a script has its message")
    body = signed(message, who)
    envelope = open_envelope(body)
    verified = verify(envelope)
    record = event.record
    record.payload, record.digest, record.signature = verified.payload, verified.digest, verified.signature
    fields = msgspec.structs.asdict(record) | {"identity": bytes.fromhex(record.identity)}
    return Case(
        REGISTRY[payloadtype_of(message)],
        verified.caller,
        request(who, message),
        body,
        envelope,
        verified.payload,
        verified.digest,
        verified.signature,
        message,
        record,
        fields,
        msgspec.json.Decoder(type(message)),
        a2b_base64(verified.payload),
        View(state, verified.caller),
        state,
        event,
    )


class Step(NamedTuple):
    """A step: what we do, and what its library needs at least for it (`None`: nothing would do it)."""

    name: str
    ours: Callable[[Case], Any]
    bare: Callable[[Case], Any] | None
    library: str
    commands: bool = True
    """Whether commands take it."""
    queries: bool = True


class _Parsed:
    """Hears what the parser says, and does nothing."""

    def on_url(self, url: bytes) -> None:
        """Called by the parser."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""


def parse_bare(case: Case) -> None:
    """What httptools needs to parse a request."""
    httptools.HttpRequestParser(_Parsed()).feed_data(case.raw)


_HERE, _THERE = socket.socketpair()
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2048\r\n\r\n"


def exchange_bare(case: Case) -> None:
    """What the system needs to receive a request and to send a reply."""
    _THERE.send(case.raw)
    _HERE.recv(65536)
    _HERE.send(_HEAD + case.encoded)
    _THERE.recv(1 << 20)


def _recover_bare(case: Case) -> bytes:
    key = PublicKey.from_signature_and_message(case.signature, case.digest, hasher=None)
    return hashlib.sha3_256(key.format(compressed=False).hex().encode("ascii")).digest()


def _avro_bare(case: Case) -> bytes:
    body = BytesIO()
    schemaless_writer(body, _SCHEMA, case.fields)
    return body.getvalue()


def _fold(case: Case) -> None:
    outcome = apply(case.state, case.event)
    if outcome.refusal is not None:
        raise outcome.refusal
    case.reply = outcome.reply


def _answer(case: Case) -> None:
    case.reply = answer([case.view], case.rpc, case.message)


def _encode(case: Case) -> None:
    case.encoded = encode(case.reply)


FOLD = Step("fold, with authorise", _fold, None, "", queries=False)
"""It changes the state, so each case can take it only once."""

STEPS: Sequence[Step] = (
    Step(
        "envelope decode",
        lambda case: open_envelope(case.body),
        lambda case: _ENVELOPE.decode(case.body),
        "msgspec",
    ),
    Step(
        "digest",
        lambda case: digest_of(case.payload),
        lambda case: hashlib.sha3_256(case.payload).digest(),
        "hashlib",
    ),
    Step("recover", lambda case: recover(case.digest, case.signature), _recover_bare, "coincurve"),
    Step(
        "base64",
        lambda case: a2b_base64(case.payload, strict_mode=True),
        lambda case: a2b_base64(case.payload),
        "binascii",
    ),
    Step(
        "message decode, with base64",
        lambda case: read_message(case.rpc, case.payload),
        lambda case: case.decoder.decode(case.text),
        "msgspec",
    ),
    Step("authorise", lambda case: authorise(case.rpc, case.view, case.message), None, ""),
    Step("Avro encode", lambda case: codec.encode(case.record), _avro_bare, "fastavro", queries=False),
    FOLD,
    Step("answer, with authorise", _answer, None, "", commands=False),
    Step("reply encode", _encode, lambda case: msgspec.json.encode(case.reply), "msgspec"),
    Step(
        "reply envelope",
        lambda case: reply_envelope(case.rpc.replytype, case.encoded),
        lambda case: b2a_base64(case.encoded, newline=False),
        "binascii",
    ),
)
"""In their order. Those whose name says "with" another one hold it as well."""


def micros(step: Callable[[Case], Any], cases: Sequence[Case], *, once: bool = False) -> float:
    """Processor time of a step for one case, in µs: the best of some passes over all cases."""
    best = float("inf")
    for _ in range(1 if once else _PASSES):
        began = time.thread_time_ns()
        for case in cases:
            step(case)
        best = min(best, (time.thread_time_ns() - began) / len(cases) / 1000)
    return best
