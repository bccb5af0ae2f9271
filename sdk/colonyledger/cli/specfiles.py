"""Specifications in JSON files, and lists of values on the command line."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from colonyledger.errors import InvalidArgument
from colonyledger.wire import FunctionSpec, MalformedJson, WorkflowSpec, decode

__all__ = ["read_spec", "read_specs", "split_pairs", "split_values"]

T = TypeVar("T")


def read_spec(file: str, to: type[T]) -> T:
    """The record of type `to` in a JSON file, or on stdin if `file` is "-".

    Raises:
        InvalidArgument: the file cannot be read, or does not hold such a record; the text says where.
    """
    return _decoded(file, _content(file), to)


def read_specs(file: str) -> list[FunctionSpec]:
    """The functions of a workflow in a file: a bare array of specifications, or a whole workflow specification.

    Raises:
        InvalidArgument: as from `read_spec`.
    """
    content = _content(file)
    if content.lstrip().startswith(b"{"):
        return _decoded(file, content, WorkflowSpec).functionspecs
    return _decoded(file, content, list[FunctionSpec])


def _content(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InvalidArgument(f"{file} cannot be read: {error.strerror}.") from error


def _decoded(file: str, content: bytes, to: type[T]) -> T:
    try:
        return decode(content, to)
    except MalformedJson as error:
        raise InvalidArgument(f"{file}{_place(content) or f': {error}.'}") from None


def split_values(values: Sequence[str]) -> list[str]:
    """Values that were given as one or more lists with commas; quotes keep a comma from separating."""
    return [item for line in csv.reader(values, skipinitialspace=True) for item in line]


def split_pairs(values: Sequence[str], option: str, separator: str) -> dict[str, str]:
    """Keys and values that were given as one or more lists with commas.

    Raises:
        InvalidArgument: one of them has no separator.
    """
    pairs = {}
    for item in split_values(values):
        key, found, value = item.partition(separator)
        if not found or not key:
            raise InvalidArgument(f"{option} {item!r} is not of the form key{separator}value.")
        pairs[key] = value
    return pairs


def _place(content: bytes) -> str:
    """Where `content` stops being JSON, with the line in question; empty if it is JSON."""
    try:
        parsed: Any = json.loads(content)
    except json.JSONDecodeError as error:
        line = error.doc.splitlines()[error.lineno - 1 : error.lineno] or [""]
        return f", line {error.lineno}, column {error.colno}: {line[0].strip()}          <-- {error.msg}"
    except UnicodeDecodeError as error:
        return f": not UTF-8 text ({error.reason} at byte {error.start})."
    del parsed
    return ""
