"""Records as bytes: Avro in Confluent framing, readable with this repository alone.

A body is 0x00, the schema's id (4 bytes, big-endian) and the Avro encoding of the record, exactly
what common Kafka tools expect of a topic with a schema registry. The ids are fixed in
`schemas/avro/ids.json`: per record name a list of versions, of which the last is written and every
one can be read, resolved to the last.
"""

from __future__ import annotations

import json
from importlib.resources import files
from io import BytesIO
from typing import Any, NamedTuple

from colonyledger.record import Record, RecordKind
from fastavro import parse_schema, schemaless_reader, schemaless_writer

from services.ledger.plain import encode_plainly

__all__ = [
    "BODY_START",
    "MAX_BODY_BYTES",
    "CodecError",
    "SchemaVersion",
    "body_fault",
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


_VERSIONS = schema_versions()[RECORD_NAME]
_NEWEST: Any = parse_schema(_VERSIONS[-1].schema)
_NEWEST_PREFIX = _prefix(_VERSIONS[-1].id)
_OLDER: dict[bytes, Any] = {_prefix(version.id): parse_schema(version.schema) for version in _VERSIONS[:-1]}


def encode(record: Record) -> bytes:
    """The body of `record`, in the newest schema.

    Raises:
        CodecError: a field does not fit the schema, such as a digest that has not 32 bytes, or the body
            would be over MAX_BODY_BYTES.
    """
    body = encode_plainly(record)
    if body is None:
        return _encode_by_schema(record)
    if len(body) > MAX_BODY_BYTES:
        raise CodecError(f"the record has {len(body)} bytes, more than the {MAX_BODY_BYTES} a ledger takes")
    return body


def _encode_by_schema(record: Record) -> bytes:
    """The same by the library, which is slower and says what is wrong."""
    body = BytesIO()
    body.write(_NEWEST_PREFIX)
    try:
        schemaless_writer(
            body,
            _NEWEST,
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
            },
        )
    except (
        Exception
    ) as error:  # fastavro raises whatever its writers meet: ValueError, TypeError, AttributeError, …
        raise CodecError(f"the record does not fit its schema: {error}") from error
    return body.getvalue()


def decode(body: bytes) -> Record:
    """The record in `body`, written in any version of the schema.

    Raises:
        CodecError: the body is truncated, has bytes to spare, names an unknown schema or is no Avro.
    """
    stream = BytesIO(body)
    prefix = stream.read(_PREFIX_BYTES)
    try:
        if prefix == _NEWEST_PREFIX:
            fields: Any = schemaless_reader(stream, _NEWEST, None)
        else:
            fields = schemaless_reader(stream, _older(prefix), _NEWEST)
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


def _older(prefix: bytes) -> Any:
    """The schema that `prefix` names, if it is not the newest."""
    if prefix not in _OLDER:
        raise _unknown(prefix)
    return _OLDER[prefix]


def _unknown(prefix: bytes) -> CodecError:
    if len(prefix) < _PREFIX_BYTES:
        return CodecError(f"the body has {len(prefix)} bytes, fewer than its frame needs")
    if prefix[0]:
        return CodecError(f"the body starts with {prefix[0]:#04x} instead of 0x00")
    schema_id = int.from_bytes(prefix[1:], "big")
    return CodecError(f"the body names schema {schema_id}, which schemas/avro/ids.json does not list")
