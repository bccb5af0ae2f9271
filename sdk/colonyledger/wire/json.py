"""JSON as the protocol reads and writes it (protocol: envelope.md section 7).

The fast path decodes straight into a type. Input that a strict decoder refuses but the protocol
accepts (`null` for any field, `1.0` for an integer, an array of numbers for bytes, invalid UTF-8) is
mended on a slow path.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

__all__ = ["MAX_DEPTH", "MalformedJson", "decode", "encode", "json_text"]

T = TypeVar("T")

MAX_DEPTH = 128
"""Deepest nesting of arrays and objects that is accepted. A limit of ours: the reference has none."""

encode = msgspec.json.Encoder().encode
"""The compact JSON of a record or message, as UTF-8 bytes."""

_MENDED_OPTIONS = (inspect.StructType, inspect.ListType, inspect.BytesType)
"""The member of a union that a value is mended for."""


class MalformedJson(ValueError):
    """The bytes are not JSON, or not JSON of the wanted shape. The text says what is wrong."""


def json_text(value: object) -> str:
    """The compact JSON of `value` as text."""
    return encode(value).decode()


def decode(data: bytes, to: type[T]) -> T:
    """Read `data` as a `to`.

    Raises:
        MalformedJson: not JSON, too deep, or a field of the wrong type.
    """
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _depth(data) > MAX_DEPTH:
        raise MalformedJson(f"JSON is nested deeper than {MAX_DEPTH} levels")
    try:
        value: T = _decoder(cast("Any", to)).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _mended(data, to)
    return value


@lru_cache(maxsize=1024)
def _decoder(to: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(to)


def _mended(data: bytes, to: type[T]) -> T:
    text = data.decode("utf-8", errors="replace").encode()
    try:
        value = msgspec.json.decode(text)
        return msgspec.convert(_mend(value, _type_of(cast("Any", to))), to)
    except msgspec.DecodeError as error:
        raise MalformedJson(str(error)) from None


@lru_cache(maxsize=1024)
def _type_of(to: Any) -> inspect.Type:
    return inspect.type_info(to)


def _mend(value: Any, kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.UnionType):
        kind = next((option for option in kind.types if isinstance(option, _MENDED_OPTIONS)), kind)
    if isinstance(kind, inspect.IntType):
        return int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(kind, inspect.BytesType) and isinstance(value, list):
        return _bytes_of(value)
    if isinstance(kind, inspect.StructType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in kind.fields}
        return {
            key: _mend(item, fields[key]) if key in fields else item
            for key, item in value.items()
            if item is not None
        }
    if isinstance(kind, inspect.ListType) and isinstance(value, list):
        return [_mend(item, kind.item_type) for item in value]
    if isinstance(kind, inspect.DictType) and isinstance(value, dict):
        return {key: _mend(item, kind.value_type) for key, item in value.items()}
    return value


def _bytes_of(numbers: list[Any]) -> Any:
    """The bytes of an array of numbers; if it is none, the array, which is then refused."""
    try:
        return bytes(numbers)
    except (TypeError, ValueError):
        return numbers


def _depth(data: bytes) -> int:
    """The deepest nesting outside of strings."""
    depth = deepest = 0
    quoted = escaped = False
    for byte in data:
        if quoted:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                quoted = False
        elif byte == 0x22:
            quoted = True
        elif byte in (0x5B, 0x7B):
            depth += 1
            deepest = max(deepest, depth)
        elif byte in (0x5D, 0x7D):
            depth -= 1
    return deepest
