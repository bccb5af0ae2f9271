"""Facts as Kafka records."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import Any

import msgspec
import pytest
from fastavro import parse_schema, schemaless_reader
from hypothesis import given
from hypothesis import strategies as st

from services.facts.codec import decode, encode, headers_of
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

INT32 = st.integers(0, 2**31 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
STATES = st.sampled_from(["waiting", "running", "successful", "failed", "cancelled"])
CHANGES = st.sampled_from(["submitted", "ready", "assigned", "put_back", "closed", "removed"])
COUNTS = st.lists(INT32, min_size=5, max_size=5)
BODIES: dict[str, st.SearchStrategy[Body | None]] = {
    "process": st.builds(
        ProcessBody,
        change=CHANGES,
        state=STATES,
        attempt=INT32,
        priority=INT32,
        retries=INT32,
        submitted=INT64,
        started=INT64,
        ended=INT64,
        waitdeadline=INT64,
        execdeadline=INT64,
    ),
    "graph": st.builds(GraphBody, state=STATES, submitted=INT64, counts=COUNTS),
    "log": st.builds(LogBody, timestamp=INT64),
    "message": st.builds(MessageBody, position=INT64, size=INT32),
    "executor": st.builds(
        ExecutorBody, state=st.sampled_from(["pending", "approved", "rejected", "unregistered"])
    ),
    "member_left": st.builds(MemberBody),
    "assignments_resumed": st.none(),
    "colony_removed": st.none(),
}


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    kind = draw(st.sampled_from(sorted(BODIES)))
    body = draw(BODIES[kind])
    return Fact(draw(INT32), draw(INT64), draw(INT32), draw(INT64), draw(INT32), draw(st.text()), kind, body)


FACT = Fact(3, 17, 2, 1_700_000_000_000_000_005, 1, "dev", "member_left", MemberBody("ab" * 32))


@given(facts())
def test_what_is_written_is_read(fact: Fact) -> None:
    assert decode(encode(fact)) == fact


@given(facts(), st.data())
def test_a_damaged_value_is_a_codec_error_or_another_fact(fact: Fact, data: st.DataObject) -> None:
    value = bytearray(encode(fact))
    for _ in range(data.draw(st.integers(1, 5))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    with suppress(CodecError):
        assert isinstance(decode(bytes(value)), Fact)


def test_every_truncated_value_is_refused() -> None:
    value = encode(FACT)
    for length in range(len(value)):
        with pytest.raises(CodecError):
            decode(value[:length])


def test_anybody_can_read_it_with_the_schema_that_it_names() -> None:
    value = encode(FACT)
    versions = {version.id: version.schema for version in schema_versions()["org.colonyledger.Fact"]}
    schema = parse_schema(versions[int.from_bytes(value[1:5], "big")])
    fields: Any = schemaless_reader(BytesIO(value[5:]), schema, None)
    assert (fields["partition"], fields["offset"], fields["index"]) == (3, 17, 2)
    assert fields["body"] == {"identity": "ab" * 32}


def test_the_schema_has_the_fields_of_the_structs() -> None:
    schema = schema_versions()["org.colonyledger.Fact"][-1].schema
    assert [field["name"] for field in schema["fields"]] == list(Fact.__struct_fields__)
    bodies = {body["name"]: body for body in schema["fields"][-1]["type"] if body != "null"}
    for body in (ProcessBody, GraphBody, LogBody, MessageBody, ExecutorBody, MemberBody):
        fields = [field["name"] for field in bodies.pop(body.__name__)["fields"]]
        assert fields == list(body.__struct_fields__)
    assert not bodies


def test_headers_are_those_of_a_cloudevent() -> None:
    assert dict(headers_of(FACT, "/topics/facts")) == {
        "ce_specversion": b"1.0",
        "ce_id": b"3/17/2",
        "ce_source": b"/topics/facts",
        "ce_type": b"org.colonyledger.member_left",
        "ce_time": b"2023-11-14T22:13:20.000000005Z",
        "ce_subject": b"ab" * 32,
        "content-type": b"application/avro",
    }


@given(facts())
def test_every_fact_has_all_headers(fact: Fact) -> None:
    fact = msgspec.structs.replace(fact, time=abs(fact.time) % 2**62, colony="dev")
    headers = dict(headers_of(fact, "/x"))
    assert headers["ce_id"].decode() == f"{fact.partition}/{fact.offset}/{fact.index}"
    assert headers["ce_subject"]
    if isinstance(fact.body, ProcessBody):
        assert headers["ce_type"].decode() == f"org.colonyledger.process.{fact.body.change}"
