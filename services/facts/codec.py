"""Facts as Kafka records: Avro in Confluent framing, and headers that CloudEvents' Kafka binding asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import msgspec
from fastavro import parse_schema, schemaless_reader, schemaless_writer

from services.facts.fact import (
    Body,
    ExecutorBody,
    Fact,
    GraphBody,
    LogBody,
    MemberBody,
    MessageBody,
    ProcessBody,
)
from services.ledger.codec import CodecError, schema_versions

__all__ = ["CONTENT_TYPE", "Headers", "decode", "encode", "headers_of"]

CONTENT_TYPE = "application/avro"

Headers = list[tuple[str, bytes]]

_PREFIX_BYTES = 5
_NAMESPACE = "org.colonyledger"
_BODIES: dict[str, type[Body]] = {
    f"{_NAMESPACE}.{body.__name__}": body
    for body in (ProcessBody, GraphBody, LogBody, MessageBody, ExecutorBody, MemberBody)
}
_NAMES = {body: name for name, body in _BODIES.items()}
_SUBJECTS = {
    "process": "processid",
    "graph": "graphid",
    "log": "processid",
    "message": "processid",
    "executor": "executorname",
    "member_left": "identity",
}
"""The field of the body that names what a fact of this kind is about."""
_SECOND = 1_000_000_000

_VERSIONS = {
    b"\x00" + version.id.to_bytes(4, "big"): parse_schema(version.schema)
    for version in schema_versions()[f"{_NAMESPACE}.Fact"]
}
_NEWEST_PREFIX, _NEWEST = list(_VERSIONS.items())[-1]


def encode(fact: Fact) -> bytes:
    """The body of a Kafka record that holds `fact`, in the newest schema."""
    body = None if fact.body is None else (_NAMES[type(fact.body)], msgspec.structs.asdict(fact.body))
    stream = BytesIO()
    stream.write(_NEWEST_PREFIX)
    schemaless_writer(stream, _NEWEST, msgspec.structs.asdict(fact) | {"body": body})
    return stream.getvalue()


def decode(value: bytes) -> Fact:
    """The fact in a Kafka record's value, written in any version of the schema.

    Raises:
        CodecError: the value names an unknown schema, is truncated, or is no Avro.
    """
    stream = BytesIO(value)
    written = _VERSIONS.get(stream.read(_PREFIX_BYTES))
    if written is None:
        raise CodecError("the value names no schema of facts that schemas/avro/ids.json lists")
    try:
        fields: Any = schemaless_reader(stream, written, _NEWEST, return_record_name=True)
        if fields["body"] is not None:
            name, body = fields["body"]
            fields["body"] = _BODIES[name](**body)
        return Fact(**fields)
    except (
        Exception
    ) as error:  # fastavro raises whatever its readers meet: EOFError, IndexError, UnicodeError, …
        raise CodecError(f"the value is no fact: {error}") from error


def headers_of(fact: Fact, source: str) -> Headers:
    """The headers of a Kafka record that holds `fact` (CloudEvents 1.0, binary mode).

    `source` names the ledger; with it the id, "partition/offset/index", names the fact.
    """
    kind = fact.kind
    if isinstance(fact.body, ProcessBody):
        kind = f"process.{fact.body.change}"
    subject = fact.colony if fact.body is None else getattr(fact.body, _SUBJECTS[fact.kind])
    texts = {
        "ce_specversion": "1.0",
        "ce_id": f"{fact.partition}/{fact.offset}/{fact.index}",
        "ce_source": source,
        "ce_type": f"{_NAMESPACE}.{kind}",
        "ce_time": _rfc3339(fact.time),
        "ce_subject": subject or fact.colony,
        "content-type": CONTENT_TYPE,
    }
    return [(name, text.encode()) for name, text in texts.items()]


def _rfc3339(time: int) -> str:
    seconds, rest = divmod(time, _SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
