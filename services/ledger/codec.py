"""Records as bytes: Avro in Confluent framing, readable with this repository alone.

A body is 0x00, the schema's id (4 bytes, big-endian) and the Avro encoding of the record, exactly
what common Kafka tools expect of a topic with a schema registry. The ids are fixed in
`schemas/avro/ids.json`: per record name a list of versions, of which every one can be read. A record is
written in the oldest version that holds all of it: only one that was copied from another ledger needs the last.
"""

from __future__ import annotations

import json
from importlib.resources import files
from io import BytesIO
from typing import Any, NamedTuple

from colonyledger.record import Record, RecordKind
from fastavro import parse_schema, schemaless_reader, schemaless_writer

from services.ledger.plain import avro_long, encode_plainly

__all__ = [
    "BODY_START",
    "MAX_BODY_BYTES",
    "CodecError",
    "SchemaVersion",
    "body_fault",
    "copied_body",
    "decode",
    "encode",
    "schema_versions",
]

RECORD_NAME = "org.colonyledger.Record"
BODY_START = b"\x00\x00\x00"
"""How every body begins: the magic byte and the upper half of an id, which is below 65,536."""

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest body a ledger takes. Payloads that large are refused or stored elsewhere long before."""

_PREFIX_BYTES = 5
_KINDS = {kind.value: kind for kind in RecordKind}


class CodecError(ValueError):
    """A record cannot be written as bytes, or bytes are no record."""


class SchemaVersion(NamedTuple):
    """One version of a schema: its id in every body, its file's name and its JSON."""

    id: int
    file: str
    schema: dict[str, Any]


def schema_versions() -> dict[str, list[SchemaVersion]]:
    """Every schema of `schemas/avro/`, by record name, oldest version first."""
    folder = files("schemas") / "avro"
    return {
        name: [
            SchemaVersion(entry["id"], entry["file"], json.loads((folder / entry["file"]).read_text("utf-8")))
            for entry in versions
        ]
        for name, versions in json.loads((folder / "ids.json").read_text("utf-8")).items()
    }


def _prefix(schema_id: int) -> bytes:
    return b"\x00" + schema_id.to_bytes(4, "big")


_SCHEMAS: dict[bytes, Any] = {
    _prefix(version.id): parse_schema(version.schema) for version in schema_versions()[RECORD_NAME]
}
_OWN_PREFIX, _COPIED_PREFIX = _SCHEMAS
"""Of records that were first appended where they are, and of those that were copied from another ledger."""


def encode(record: Record) -> bytes:
    """The body of `record`, in the oldest schema that holds all of it.

    Raises:
        CodecError: a field does not fit the schema, such as a digest that has not 32 bytes, or the body
            would be over MAX_BODY_BYTES.
    """
    body = encode_plainly(record) or _encode_by_schema(record)
    if len(body) > MAX_BODY_BYTES:
        raise CodecError(f"the record has {len(body)} bytes, more than the {MAX_BODY_BYTES} a ledger takes")
    return body


def _encode_by_schema(record: Record) -> bytes:
    """The same by the library, which is slower and says what is wrong."""
    body = BytesIO()
    prefix = _OWN_PREFIX if record.origin == -1 else _COPIED_PREFIX
    body.write(prefix)
    try:
        schemaless_writer(
            body,
            _SCHEMAS[prefix],
            {
                "kind": record.kind,
                "payloadtype": record.payloadtype,
                "digest": record.digest,
                "signature": record.signature,
                "identity": bytes.fromhex(record.identity),
                "arrived": record.arrived,
                "node": record.node,
                "sequence": record.sequence,
                "rules": record.rules,
                "payload": record.payload,
                "origin": record.origin,
            },
        )
    except (
        Exception
    ) as error:  # fastavro raises whatever its writers meet: ValueError, TypeError, AttributeError, …
        raise CodecError(f"the record does not fit its schema: {error}") from error
    return body.getvalue()


def copied_body(body: bytes, partition: int) -> bytes:
    """The body of a record of a partition as it is copied into another ledger: it says where it was first appended.

    Not one other byte is changed. What a body says already, it keeps.
    """
    own = len(_OWN_PREFIX)
    return _COPIED_PREFIX + body[own:] + avro_long(partition) if body.startswith(_OWN_PREFIX) else body


def decode(body: bytes) -> Record:
    """The record in `body`, written in any version of the schema.

    Raises:
        CodecError: the body is truncated, has bytes to spare, names an unknown schema or is no Avro.
    """
    stream = BytesIO(body)
    prefix = stream.read(_PREFIX_BYTES)
    try:
        # Without a newer schema to resolve it to: that takes twice as long.
        fields: Any = schemaless_reader(stream, _schema(prefix), None)
        record = Record(
            _KINDS[fields["kind"]],
            fields["payloadtype"],
            fields["digest"],
            fields["signature"],
            fields["identity"].hex(),
            fields["arrived"],
            fields["node"],
            fields["sequence"],
            fields["rules"],
            fields["payload"],
            fields.get("origin", -1),
        )
    except CodecError:
        raise
    except EOFError as error:
        raise CodecError(f"the body of {len(body)} bytes ends inside the record") from error
    except (
        Exception
    ) as error:  # fastavro raises whatever its readers meet: IndexError, UnicodeError, ValueError, …
        raise CodecError(f"the body is no record of schema {prefix[1:].hex()}: {error}") from error
    if stream.tell() != len(body):
        raise CodecError(f"the record ends at byte {stream.tell()} of a body of {len(body)}")
    return record


def body_fault(body: bytes) -> str:
    """Why bytes are no body at a glance, without decoding them; empty if they may be one."""
    if not body.startswith(BODY_START) or len(body) <= _PREFIX_BYTES:
        return f"the body of {len(body)} bytes does not begin as one does"
    if len(body) > MAX_BODY_BYTES:
        return f"the body has {len(body)} bytes, more than the {MAX_BODY_BYTES} a ledger takes"
    return ""


def _schema(prefix: bytes) -> Any:
    """The schema that `prefix` names."""
    if prefix not in _SCHEMAS:
        raise _unknown(prefix)
    return _SCHEMAS[prefix]


def _unknown(prefix: bytes) -> CodecError:
    if len(prefix) < _PREFIX_BYTES:
        return CodecError(f"the body has {len(prefix)} bytes, fewer than its frame needs")
    if prefix[0]:
        return CodecError(f"the body starts with {prefix[0]:#04x} instead of 0x00")
    schema_id = int.from_bytes(prefix[1:], "big")
    return CodecError(f"the body names schema {schema_id}, which schemas/avro/ids.json does not list")
