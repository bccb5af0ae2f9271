"""Specifications in files, and lists on the command line."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from colonyledger.cli.specfiles import read_spec, split_pairs, split_values
from colonyledger.errors import InvalidArgument
from colonyledger.wire import FunctionSpec


def written(folder: Path, content: str | bytes) -> str:
    path = folder / "spec.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def test_a_specification(tmp_path: Path) -> None:
    file = written(tmp_path, '{"funcname": "square", "args": [4], "conditions": {"executortype": "edge"}}')
    spec = read_spec(file, FunctionSpec)
    assert (spec.funcname, spec.args, spec.conditions.executortype) == ("square", [4], "edge")


def test_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b'{"funcname":"f"}')))
    assert read_spec("-", FunctionSpec).funcname == "f"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            '{\n "args": [1 2]\n}',
            "spec.json, line 2, column 13: \"args\": [1 2]          <-- Expecting ',' delimiter",
        ),
        ("", "spec.json, line 1, column 1"),
        ('{"args": [1]}}', "line 1, column 14"),
        ('{"funcname": 1}', "spec.json: Expected `str`, got `int` - at `$.funcname`."),
        ("[]", "Expected `object`, got `array`"),
        ('{"args": ' + "[" * 500 + "]" * 500 + "}", "nested deeper"),
        (b"\xff\xfe{", "spec.json"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        read_spec(written(tmp_path, content), FunctionSpec)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="cannot be read: No such file"):
        read_spec(str(tmp_path / "none.json"), FunctionSpec)
    with pytest.raises(InvalidArgument, match="cannot be read: Is a directory"):
        read_spec(str(tmp_path), FunctionSpec)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        (["a"], ["a"]),
        (["a,b", "c"], ["a", "b", "c"]),
        (['"a,b",c'], ["a,b", "c"]),
        (["a, b"], ["a", "b"]),
        ([",a"], ["", "a"]),
    ],
)
def test_lists(given: list[str], expected: list[str]) -> None:
    assert split_values(given) == expected


def test_pairs() -> None:
    assert split_pairs(["a:1,b:x:y", "c:"], "--kwargs", ":") == {"a": "1", "b": "x:y", "c": ""}
    assert split_pairs(["A=b=c"], "--env", "=") == {"A": "b=c"}
    for bad in ("a", ":1"):
        with pytest.raises(InvalidArgument, match="--kwargs"):
            split_pairs([bad], "--kwargs", ":")
