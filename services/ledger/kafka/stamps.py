"""Times of records in a topic. Kafka knows milliseconds; a copied record has the rest in a header."""

from __future__ import annotations

from typing import Any

__all__ = ["headers_of", "milliseconds_of", "time_of"]

_MILLISECOND = 1_000_000
_REST = "ns"
"""Name of the header: 3 bytes, big-endian, the nanoseconds of the time after its last whole millisecond."""
_REST_BYTES = 3


def milliseconds_of(time: int) -> int:
    """The timestamp of a record with this time, in nanoseconds since 1970."""
    return time // _MILLISECOND


def headers_of(time: int) -> list[tuple[str, bytes]]:
    """The headers of a record with this time; none if whole milliseconds say it."""
    rest = time % _MILLISECOND
    return [(_REST, rest.to_bytes(_REST_BYTES, "big"))] if rest else []


def time_of(record: Any) -> int:
    """When a record that a consumer gave was appended, in nanoseconds since 1970."""
    time: int = record.timestamp * _MILLISECOND
    for name, value in record.headers:
        if name == _REST and value is not None and len(value) == _REST_BYTES:
            return time + min(int.from_bytes(value, "big"), _MILLISECOND - 1)
    return time
