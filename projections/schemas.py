"""What the spec of a blueprint must be like (protocol: blueprints.md section 4, quirk B11)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import msgspec
from colonyledger.wire import BlueprintSchema, json_text

__all__ = ["Shape", "same_value", "shape_of", "violation"]


class Shape(msgspec.Struct, frozen=True, gc=False):
    """A schema made ready: checking a value costs as much as the value is large, whatever the schema."""

    type: str
    required: Sequence[str]
    properties: dict[str, Shape]
    items: Shape | None
    choices: Sequence[Any]
    choice_keys: frozenset[Hashable]


def shape_of(schema: BlueprintSchema) -> Shape:
    """Make a schema ready for checks."""
    return Shape(
        schema.type,
        schema.required,
        {name: shape_of(part) for name, part in schema.properties.items()},
        None if schema.items is None else shape_of(schema.items),
        schema.enum,
        frozenset(map(_key, schema.enum)),
    )


def violation(spec: dict[str, Any], shape: Shape) -> str | None:
    """What is wrong with a spec, None if it is as it must be.

    Missing fields are told first; then fields in the order of their names.
    """
    return _wrong_object(spec, shape, "")


def same_value(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same: 1 and 1.0 are, 1 and true are not."""
    return _key(one) == _key(other)


def _key(value: Any) -> Hashable:
    """Something that is equal for the same JSON values only."""
    if isinstance(value, dict):
        return "object", tuple(sorted((name, _key(item)) for name, item in value.items()))
    if isinstance(value, list):
        return "array", tuple(map(_key, value))
    return "boolean" if isinstance(value, bool) else "", value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and value == int(value)


_TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("a string", lambda value: isinstance(value, str)),
    "number": ("a number", _is_number),
    "integer": ("an integer", _is_integer),
    "boolean": ("a boolean", lambda value: isinstance(value, bool)),
    "object": ("an object", lambda value: isinstance(value, dict)),
    "array": ("an array", lambda value: isinstance(value, list)),
}
_NAMES = {
    str: "string",
    bool: "bool",
    int: "float64",
    float: "float64",
    dict: "map[string]interface {}",
    list: "[]interface {}",
    type(None): "<nil>",
}
"""What the types of JSON values are called in refusals, as they always were."""


def _wrong_object(fields: dict[str, Any], shape: Shape, path: str) -> str | None:
    for name in shape.required:
        if name not in fields:
            return f"required field '{path}{name}' is missing"
    for name in sorted(fields):
        part = shape.properties.get(name)
        wrong = None if part is None else _wrong_value(fields[name], part, path + name)
        if wrong is not None:
            return wrong
    return None


def _wrong_value(value: Any, shape: Shape, path: str) -> str | None:
    expected = _TYPES.get(shape.type)
    if expected is not None and not expected[1](value):
        return f"field '{path}' must be {expected[0]}, got {_NAMES[type(value)]}"
    if shape.type == "array" and shape.items is not None:
        for index, item in enumerate(value):
            wrong = _wrong_value(item, shape.items, f"{path}[{index}]")
            if wrong is not None:
                return wrong
    if shape.choices and _key(value) not in shape.choice_keys:
        return f"field '{path}' must be one of [{' '.join(map(_shown, shape.choices))}], got {_shown(value)}"
    if shape.type == "object":
        return _wrong_object(value, shape, f"{path}.")
    return None


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)
