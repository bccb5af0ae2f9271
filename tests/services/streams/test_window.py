"""Windows as Kafka records."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.codec import CodecError, schema_versions
from services.streams.sketch import Sketch
from services.streams.window import Window, WindowKey, decode_window, encode_window

INT64 = st.integers(0, 2**63 - 1)
INT32 = st.integers(0, 2**31 - 1)
SKETCHES = st.builds(Sketch, total=INT64, counts=st.dictionaries(st.integers(0, 500), st.integers(1, 10**9)))
WINDOWS = st.builds(
    Window,
    partition=INT32,
    offset=INT64,
    index=INT32,
    start=INT64,
    seconds=INT32,
    assigned=INT64,
    succeeded=INT64,
    failed=INT64,
    cancelled=INT64,
    put_back=INT64,
    waited=SKETCHES,
    executed=SKETCHES,
)


@given(WINDOWS)
def test_what_is_written_is_read(window: Window) -> None:
    assert decode_window(encode_window(window)) == window
    assert WindowKey.decode(window.key.encode()) == window.key


@pytest.mark.parametrize("length", [0, 4, 5, 20])
def test_what_is_no_window_is_a_codec_error(length: int) -> None:
    value = encode_window(Window.empty(WindowKey(0, 0, "dev", "f", "e"), 60))
    with pytest.raises(CodecError):
        decode_window(value[:length])


def test_the_schema_has_the_fields_of_the_struct() -> None:
    fields: list[dict[str, Any]] = schema_versions()["org.colonyledger.Window"][-1].schema["fields"]
    assert [field["name"] for field in fields] == list(Window.__struct_fields__)
