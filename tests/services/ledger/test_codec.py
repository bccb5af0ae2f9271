"""Records as bytes, and the schemas they are written by."""

from __future__ import annotations

import json
from contextlib import suppress
from importlib.resources import files
from io import BytesIO
from typing import Any

import msgspec
import pytest
from colonyledger.record import Record, RecordKind
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from services.ledger import CodecError
from services.ledger.codec import copied_body, decode, encode, schema_versions
from tests.services.ledger.conftest import RecordFactory

INT64 = st.integers(-(2**63), 2**63 - 1)
RECORDS = st.builds(
    Record,
    kind=st.sampled_from(RecordKind),
    payloadtype=st.text(),
    digest=st.binary(min_size=32, max_size=32),
    signature=st.binary(min_size=65, max_size=65),
    identity=st.binary(min_size=32, max_size=32).map(bytes.hex),
    arrived=INT64,
    node=st.text(),
    sequence=INT64,
    rules=st.integers(-(2**31), 2**31 - 1),
    payload=st.binary(),
    origin=st.just(-1) | st.integers(0, 2**31 - 1),
)


@given(RECORDS)
def test_what_is_written_is_read(record: Record) -> None:
    assert decode(encode(record)) == record


@given(RECORDS)
def test_what_is_written_is_what_the_library_writes(record: Record) -> None:
    own, copied = schema_versions()["org.colonyledger.Record"]
    version = own if record.origin == -1 else copied
    body = BytesIO(b"\x00" + version.id.to_bytes(4, "big"))
    body.seek(5)
    fields = msgspec.structs.asdict(record) | {"identity": bytes.fromhex(record.identity)}
    schemaless_writer(body, parse_schema(version.schema), fields)
    assert encode(record) == body.getvalue()


def test_the_body_is_confluent_framing_with_the_id_of_the_oldest_schema_that_holds_it(
    make_record: RecordFactory,
) -> None:
    record = make_record(1)
    assert encode(record)[:5] == b"\x00\x00\x00\x00\x01"
    record.origin = 0
    assert encode(record)[:5] == b"\x00\x00\x00\x00\x06"


@given(RECORDS, st.integers(0, 2**31 - 1))
def test_a_copied_body_says_where_it_was_first(record: Record, partition: int) -> None:
    there = record.origin if record.origin >= 0 else partition
    body = copied_body(encode(record), partition)
    assert body == encode(msgspec.structs.replace(record, origin=there))
    assert copied_body(body, 7) == body


@given(RECORDS)
def test_a_reader_of_the_newest_schema_understands_all(record: Record) -> None:
    """As consumers do that take their schemas from a registry."""
    versions = schema_versions()["org.colonyledger.Record"]
    body = encode(record)
    written = next(each for each in versions if body.startswith(b"\x00" + each.id.to_bytes(4, "big")))
    fields: Any = schemaless_reader(
        BytesIO(body[5:]), parse_schema(written.schema), parse_schema(versions[-1].schema)
    )
    assert (fields["payload"], fields["origin"]) == (record.payload, record.origin)


def test_every_truncated_body_is_refused(make_record: RecordFactory) -> None:
    body = encode(make_record(1))
    for length in range(len(body)):
        with pytest.raises(CodecError):
            decode(body[:length])


@given(RECORDS, st.data())
def test_a_damaged_body_is_a_codec_error_or_another_record(record: Record, data: st.DataObject) -> None:
    body = bytearray(encode(record))
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(CodecError):
        assert isinstance(decode(bytes(body)), Record)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "0 bytes, fewer than its frame needs"),
        (b"\x00\x00\x00", "3 bytes, fewer than its frame needs"),
        (b'{"kind": "rpc"}', "starts with 0x7b"),
        (b"\x00\x00\x01\x00\x00rest", "names schema 65536, which schemas/avro/ids.json does not list"),
        (b"\x00\x00\x00\x00\x01", "ends inside the record"),
        (b"\x00\x00\x00\x00\x01\x08", "no record of schema"),
    ],
)
def test_the_error_says_what_is_wrong(body: bytes, reason: str) -> None:
    with pytest.raises(CodecError, match=reason):
        decode(body)


def test_bytes_after_the_record_are_refused(make_record: RecordFactory) -> None:
    body = encode(make_record(1))
    with pytest.raises(CodecError, match=f"ends at byte {len(body)} of a body of {len(body) + 1}"):
        decode(body + b"\x00")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("digest", bytes(31)),
        ("signature", bytes(66)),
        ("identity", "not hex"),
        ("identity", "ab"),
        ("kind", "other"),
        ("arrived", 2**63),
        ("payload", None),
    ],
)
def test_a_field_that_does_not_fit_is_refused(make_record: RecordFactory, field: str, value: object) -> None:
    record = make_record(1)
    setattr(record, field, value)
    with pytest.raises(CodecError, match="does not fit its schema"):
        encode(record)


def test_the_struct_and_the_newest_schema_have_the_same_fields() -> None:
    newest = schema_versions()["org.colonyledger.Record"][-1].schema
    assert [field["name"] for field in newest["fields"]] == [
        field.name for field in msgspec.structs.fields(Record)
    ]
    kind = newest["fields"][0]["type"]
    assert kind["symbols"] == [kind.value for kind in RecordKind]


def test_ids_are_unique_and_every_schema_file_is_listed() -> None:
    versions = [version for versions in schema_versions().values() for version in versions]
    ids = [version.id for version in versions]
    assert len(ids) == len(set(ids))
    assert all(0 < schema_id < 65_536 for schema_id in ids)
    avsc = {file.name for file in (files("schemas") / "avro").iterdir() if file.name.endswith(".avsc")}
    assert {version.file for version in versions} == avsc
    assert len(versions) == len(avsc)


def test_names_in_the_id_file_are_those_of_the_schemas() -> None:
    for name, versions in schema_versions().items():
        for version in versions:
            assert f"{version.schema['namespace']}.{version.schema['name']}" == name


def test_every_field_of_every_schema_is_documented() -> None:
    def undocumented(schema: object, path: str) -> list[str]:
        if isinstance(schema, list):
            return [missing for branch in schema for missing in undocumented(branch, path)]
        if not isinstance(schema, dict):
            return []
        missing = [path] if schema["type"] == "record" and not schema.get("doc") else []
        for field in schema.get("fields", []):
            where = f"{path}.{field['name']}"
            missing += [where] if not field.get("doc") else []
            missing += undocumented(field["type"], where)
        return missing + undocumented(schema.get("items"), path) + undocumented(schema.get("values"), path)

    for file in (files("schemas") / "avro").iterdir():
        if file.name.endswith(".avsc"):
            assert undocumented(json.loads(file.read_text("utf-8")), file.name) == []
