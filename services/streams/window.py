"""What happened to the calls of one function on one executor in one stretch of the ledger's time, and as bytes.

The Avro schema is `schemas/avro/window.avsc`; the two are kept equal by a test.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, NamedTuple

import msgspec
from fastavro import parse_schema, schemaless_reader, schemaless_writer

from services.facts.fact import NO_POSITION, Position
from services.ledger.codec import CodecError, schema_versions
from services.streams.sketch import Sketch

__all__ = ["Window", "WindowKey", "decode_window", "encode_window"]

_PREFIX_BYTES = 5
_VERSIONS = {
    b"\x00" + version.id.to_bytes(4, "big"): parse_schema(version.schema)
    for version in schema_versions()["org.colonyledger.Window"]
}
_NEWEST_PREFIX, _NEWEST = list(_VERSIONS.items())[-1]


class WindowKey(NamedTuple):
    """What a window is about. `start` is nanoseconds since 1970."""

    partition: int
    start: int
    colony: str
    function: str
    executor: str

    def encode(self) -> bytes:
        """The key of its Kafka record: a JSON list."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, key: bytes) -> WindowKey:
        """The key in the key of a Kafka record."""
        return msgspec.json.decode(key, type=cls)


class Window(msgspec.Struct, gc=False):
    """The counts of one window, up to and with the fact at (`offset`, `index`)."""

    partition: int
    offset: int
    index: int
    start: int
    """When it begins, nanoseconds since 1970."""
    seconds: int
    """How long it is."""
    colony: str
    function: str
    executor: str
    assigned: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    put_back: int = 0
    waited: Sketch = msgspec.field(default_factory=Sketch)
    """From ready to assigned, of the assignments."""
    executed: Sketch = msgspec.field(default_factory=Sketch)
    """From assigned to finished, of those that succeeded or failed."""

    @classmethod
    def empty(cls, key: WindowKey, seconds: int, at: Position = NO_POSITION) -> Window:
        """A window in which nothing has happened yet, up to and with the fact at a position."""
        return cls(key.partition, *at, key.start, seconds, key.colony, key.function, key.executor)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has happened in it."""
        return not (self.assigned or self.succeeded or self.failed or self.cancelled or self.put_back)

    @property
    def at(self) -> Position:
        """The position of the newest fact that is counted."""
        return Position(self.offset, self.index)

    @property
    def key(self) -> WindowKey:
        """What it is about."""
        return WindowKey(self.partition, self.start, self.colony, self.function, self.executor)


def encode_window(window: Window) -> bytes:
    """The value of a Kafka record that holds `window`, in the newest schema."""
    fields = {name: getattr(window, name) for name in window.__struct_fields__}
    for name in ("waited", "executed"):
        sketch: Sketch = fields[name]
        buckets = sorted(sketch.counts)
        counts = [sketch.counts[bucket] for bucket in buckets]
        fields[name] = {"total": sketch.total, "buckets": buckets, "counts": counts}
    stream = BytesIO()
    stream.write(_NEWEST_PREFIX)
    schemaless_writer(stream, _NEWEST, fields)
    return stream.getvalue()


def decode_window(value: bytes) -> Window:
    """The window in a Kafka record's value, written in any version of the schema.

    Raises:
        CodecError: the value names an unknown schema, is truncated, or is no Avro.
    """
    stream = BytesIO(value)
    written = _VERSIONS.get(stream.read(_PREFIX_BYTES))
    if written is None:
        raise CodecError("the value names no schema of windows that schemas/avro/ids.json lists")
    try:
        fields: Any = schemaless_reader(stream, written, _NEWEST)
        for name in ("waited", "executed"):
            sketch = fields[name]
            counts = dict(zip(sketch["buckets"], sketch["counts"], strict=True))
            fields[name] = Sketch(sketch["total"], counts)
        return Window(**fields)
    except (
        Exception
    ) as error:  # fastavro raises whatever its readers meet: EOFError, IndexError, UnicodeError, …
        raise CodecError(f"the value is no window: {error}") from error
