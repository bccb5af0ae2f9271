"""Announcements as bytes: Avro in Confluent framing, as records are."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import msgspec
from fastavro import parse_schema, schemaless_reader, schemaless_writer

from services.cluster.roster import Announcement
from services.ledger.codec import CodecError, schema_versions

__all__ = ["decode", "encode"]

_PREFIX_BYTES = 5

_VERSIONS: dict[bytes, Any] = {
    b"\x00" + version.id.to_bytes(4, "big"): parse_schema(version.schema)
    for version in schema_versions()["org.colonyledger.Node"]
}
_NEWEST_PREFIX, _NEWEST = list(_VERSIONS.items())[-1]


def encode(announcement: Announcement) -> bytes:
    """The body of `announcement`, in the newest schema."""
    stream = BytesIO()
    stream.write(_NEWEST_PREFIX)
    schemaless_writer(stream, _NEWEST, msgspec.structs.asdict(announcement))
    return stream.getvalue()


def decode(body: bytes) -> Announcement:
    """The announcement in `body`, written in any version of the schema.

    Raises:
        CodecError: it is none.
    """
    stream = BytesIO(body)
    written = _VERSIONS.get(stream.read(_PREFIX_BYTES))
    if written is None:
        raise CodecError("the body names no schema of nodes that schemas/avro/ids.json lists")
    try:
        return msgspec.convert(schemaless_reader(stream, written, _NEWEST), Announcement)
    except Exception as error:  # fastavro raises whatever its readers meet: EOFError, UnicodeError, …
        raise CodecError(f"the body is no announcement: {error}") from error
