"""What a blueprint's spec must be like (blueprints.md section 4)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from colonyledger.wire import BlueprintSchema, decode, encode
from hypothesis import given
from hypothesis import strategies as st

from projections.schemas import same_value, shape_of, violation


def wrong(spec: dict[str, Any], schema: dict[str, Any]) -> str | None:
    return violation(decode(encode(spec), dict[str, Any]), shape_of(decode(encode(schema), BlueprintSchema)))


VALUES: dict[str, tuple[Any, str]] = {
    "text": ("x", "string"),
    "number": (1.5, "float64"),
    "integer": (2, "float64"),
    "whole": (2.0, "float64"),
    "true": (True, "bool"),
    "object": ({"a": 1}, "map[string]interface {}"),
    "array": ([1], "[]interface {}"),
    "null": (None, "<nil>"),
}
TYPES = {
    "string": ("a string", {"text"}),
    "number": ("a number", {"number", "integer", "whole"}),
    "integer": ("an integer", {"integer", "whole"}),
    "boolean": ("a boolean", {"true"}),
    "object": ("an object", {"object"}),
    "array": ("an array", {"array"}),
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", VALUES)
def test_types(kind: str, name: str) -> None:
    value, its_name = VALUES[name]
    wanted, good = TYPES[kind]
    found = wrong({"f": value}, {"properties": {"f": {"type": kind}}})
    assert found == (None if name in good else f"field 'f' must be {wanted}, got {its_name}")


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("schema", [{}, {"type": "date"}, {"description": "anything", "default": 1}])
def test_what_is_not_checked(name: str, schema: dict[str, Any]) -> None:
    assert wrong({"f": VALUES[name][0]}, {"type": "array", "properties": {"f": schema}}) is None


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"a": 1, "b": None}, None),
        ({"a": 1, "b": 2, "other": "x"}, None),
        ({"b": 1}, "required field 'a' is missing"),
        ({}, "required field 'b' is missing"),
        ({"a": "x"}, "required field 'b' is missing"),
    ],
)
def test_required_fields_come_first(spec: dict[str, Any], found: str | None) -> None:
    schema = {"required": ["b", "a"], "properties": {"a": {"type": "number"}}}
    assert wrong(spec, schema) == found


def test_fields_are_checked_in_order() -> None:
    schema = {"properties": {name: {"type": "string"} for name in "cab"}}
    assert wrong({"c": 1, "b": 2, "a": "fine"}, schema) == "field 'b' must be a string, got float64"


@pytest.mark.parametrize(
    ("choices", "value", "shown"),
    [
        (["a", "b c"], "d", "[a b c], got d"),
        ([1, 2.5], 3, "[1 2.5], got 3"),
        ([1], True, "[1], got true"),
        ([True], 1, "[true], got 1"),
        (["1"], 1, "[1], got 1"),
        ([None], False, "[null], got false"),
        ([{"a": 1}], {"a": 2}, '[{"a":1}], got {"a":2}'),
        ([[1]], [1, 2], "[[1]], got [1,2]"),
    ],
)
def test_a_value_that_is_no_choice(choices: list[Any], value: Any, shown: str) -> None:
    assert (
        wrong({"f": value}, {"properties": {"f": {"enum": choices}}}) == f"field 'f' must be one of {shown}"
    )


@pytest.mark.parametrize("value", ["a", 1, 1.0, None, {"a": [1, {"b": True}]}, [[], {}]])
def test_a_value_that_is_a_choice(value: Any) -> None:
    choices = ["a", 1, None, {"a": [1.0, {"b": True}]}, [[], {}]]
    assert wrong({"f": value}, {"properties": {"f": {"enum": choices}}}) is None


NESTED = {
    "properties": {
        "ports": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["port"],
                "properties": {"port": {"type": "integer"}, "protocol": {"enum": ["TCP", "UDP"]}},
            },
            "enum": [],
        },
        "env": {"type": "object", "properties": {"size": {"type": "number", "enum": [1, 2]}}},
        "loose": {"items": {"type": "string"}, "properties": {"a": {"type": "string"}}},
    }
}


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"ports": []}, None),
        ({"ports": [{"port": 1}, {"port": 2, "protocol": "UDP", "name": "x"}]}, None),
        ({"ports": [{"port": 1}, {"protocol": "TCP"}]}, "required field 'ports[1].port' is missing"),
        ({"ports": [{"port": 1.5}]}, "field 'ports[0].port' must be an integer, got float64"),
        (
            {"ports": [{"port": 1, "protocol": "X"}]},
            "field 'ports[0].protocol' must be one of [TCP UDP], got X",
        ),
        ({"ports": [1]}, "field 'ports[0]' must be an object, got float64"),
        ({"env": {"size": 3}}, "field 'env.size' must be one of [1 2], got 3"),
        ({"env": {"size": "3"}}, "field 'env.size' must be a number, got string"),
        ({"env": {"other": "3"}}, None),
        ({"loose": [1]}, None),
        ({"loose": {"a": 1}}, None),
    ],
)
def test_nested_values(spec: dict[str, Any], found: str | None) -> None:
    assert wrong(spec, NESTED) == found


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, 1.0, 2.5])
    | st.sampled_from(["", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)


def canonical(value: Any) -> str:
    def numbers(item: Any) -> Any:
        if isinstance(item, float):
            return int(item) if item.is_integer() else item
        if isinstance(item, dict):
            return {key: numbers(inner) for key, inner in item.items()}
        return [numbers(inner) for inner in item] if isinstance(item, list) else item

    return json.dumps(numbers(value), sort_keys=True)


@given(JSON, JSON)
def test_the_same_json(one: Any, other: Any) -> None:
    assert same_value(one, other) == (canonical(one) == canonical(other))
    assert same_value(one, json.loads(json.dumps(one)))
