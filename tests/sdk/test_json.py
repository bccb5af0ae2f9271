"""JSON as the protocol reads and writes it (envelope.md section 7)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from colonyledger.wire import (
    MAX_DEPTH,
    ZERO_TIME,
    Executor,
    FunctionSpec,
    GetLogs,
    GetProcesses,
    Log,
    MalformedJson,
    Process,
    SubmitFunctionSpec,
    decode,
    encode,
    instant,
    json_text,
    nanoseconds,
)


def test_unknown_fields_are_ignored() -> None:
    assert decode(b'{"processid":"p","colour":"red"}', Log) == Log(processid="p")


def test_missing_fields_have_defaults() -> None:
    assert decode(b"{}", Log) == Log()


def test_null_is_the_same_as_missing() -> None:
    text = b"""{"nodename":null,"args":null,"kwargs":null,"priority":null,"conditions":null,"fs":null,"env":null,
    "channels":null}"""
    assert decode(text, FunctionSpec) == FunctionSpec()
    nested = b'{"conditions":{"executornames":null,"gpu":null,"dependencies":null,"nodes":null}}'
    assert decode(nested, FunctionSpec) == FunctionSpec()


def test_null_among_free_values_stays() -> None:
    spec = decode(b'{"args":[null,{"a":null}],"kwargs":{"k":null},"label":null}', FunctionSpec)
    assert spec.args == [None, {"a": None}]
    assert spec.kwargs == {"k": None}


def test_the_last_of_equal_keys_wins() -> None:
    assert decode(b'{"processid":"a","processid":"b"}', Log).processid == "b"


@pytest.mark.parametrize("number", ["3", "3.0", "3e0", "0.3e1"])
def test_whole_numbers_are_integers(number: str) -> None:
    assert decode(f'{{"count":{number}}}'.encode(), GetProcesses).count == 3


@pytest.mark.parametrize("number", ["1.5", '"1"', "true", "[]", "1e400", "NaN"])
def test_other_values_are_no_integers(number: str) -> None:
    with pytest.raises(MalformedJson):
        decode(f'{{"count":{number}}}'.encode(), GetProcesses)


@pytest.mark.parametrize(("number", "fits"), [(2**31 - 1, True), (2**31, False), (-(2**31) - 1, False)])
def test_32_bit_integers(number: int, fits: bool) -> None:
    text = f'{{"priority":{number}}}'.encode()
    if fits:
        assert decode(text, FunctionSpec).priority == number
    else:
        with pytest.raises(MalformedJson):
            decode(text, FunctionSpec)


@pytest.mark.parametrize(("number", "fits"), [(2**63 - 1, True), (2**63, False), (10**30, False)])
def test_64_bit_integers(number: int, fits: bool) -> None:
    text = f'{{"since":{number}}}'.encode()
    if fits:
        assert decode(text, GetLogs).since == number
    else:
        with pytest.raises(MalformedJson):
            decode(text, GetLogs)


@pytest.mark.parametrize("value", [2**53 + 1, 10**30, -(10**30), 0.1, "é", [1, [2, {"k": []}]], {"a": None}])
def test_free_values_come_back_as_they_were_sent(value: Any) -> None:
    text = encode(SubmitFunctionSpec(spec=FunctionSpec(args=[value])))
    assert json.loads(text)["spec"]["args"] == [value]
    again = decode(text, SubmitFunctionSpec)
    assert again.spec is not None
    assert again.spec.args == [value]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"nul",
        b'{"processid":"a"} x',
        b'{"processid":"a"}{}',
        b"[]",
        b'"text"',
        b"null",
        b"1",
        b'{"processid":1}',
        b'{"processid":["a"]}',
        b'{"timestamp":"1"}',
        b"{'processid':'a'}",
        b'{"processid":"a",}',
        b'{"processid":"\\x"}',
        b"\xff\xfe",
    ],
)
def test_malformed(text: bytes) -> None:
    with pytest.raises(MalformedJson) as raised:
        decode(text, Log)
    assert str(raised.value)


def test_invalid_utf8_becomes_the_replacement_character() -> None:
    assert decode(b'{"message":"a\xffb\xc3"}', Log).message == "a\ufffdb\ufffd"


def nested(depth: int) -> bytes:
    """A specification whose argument makes the whole text `depth` levels deep."""
    return b'{"args":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_the_deepest_that_is_accepted() -> None:
    assert decode(nested(MAX_DEPTH), FunctionSpec).args


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 10_000, 1_000_000])
def test_too_deep(depth: int) -> None:
    with pytest.raises(MalformedJson, match="nested deeper"):
        decode(nested(depth), FunctionSpec)


def test_brackets_in_texts_are_not_nesting() -> None:
    text = '["' + '\\"[{' * 500 + '"]'
    assert decode(f'{{"args":{text}}}'.encode(), FunctionSpec).args == ['"[{' * 500]


def test_unclosed_depth_is_refused_quickly() -> None:
    with pytest.raises(MalformedJson):
        decode(b"[" * 1_000_000, list)


def test_times_have_a_zone() -> None:
    text = b'{"commissiontime":"2024-05-01T14:00:00.123456789+02:00"}'
    assert decode(text, Executor).commissiontime == datetime(2024, 5, 1, 12, 0, 0, 123457, UTC)


def test_unset_times() -> None:
    assert json.loads(encode(Executor()))["commissiontime"] == "0001-01-01T00:00:00Z"
    assert decode(b'{"commissiontime":null}', Executor).commissiontime == ZERO_TIME


@pytest.mark.parametrize("moment", ['""', '"2024-05-01"', "1", '"now"'])
def test_what_is_no_time(moment: str) -> None:
    with pytest.raises(MalformedJson):
        decode(f'{{"commissiontime":{moment}}}'.encode(), Executor)


def test_nanoseconds() -> None:
    moment = datetime(2024, 5, 1, 12, 0, 0, 123456, UTC)
    assert nanoseconds(moment) == 1714564800123456000
    assert instant(1714564800123456789) == moment
    assert instant(nanoseconds(ZERO_TIME)) == ZERO_TIME


def test_a_process_of_the_reference_server_is_read() -> None:
    text = b"""{"processid":"p","initiatorid":"i","initiatorname":"n","spec":{"args":null,"executornames":null},
    "attributes":null,"parents":null,"children":null,"in":null,"out":null,"errors":null,"state":2}"""
    process = decode(text, Process)
    assert list(process.input) == list(process.output) == list(process.errors) == list(process.parents) == []
    assert process.state == 2


def test_text_is_compact() -> None:
    assert json_text({"a": [1, "é<"]}) == '{"a":[1,"é<"]}'
