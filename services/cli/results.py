"""Answers of the history as tables, JSON, CSV and Parquet."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Sequence
from enum import StrEnum
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from colonyledger.cli import Session
from colonyledger.cli.tables import Column, number, table, text
from colonyledger.errors import ColonyError
from colonyledger.wire import HistoryResult, encode, json_text
from msgspec import json

__all__ = ["ResultFormat", "print_result"]

_WRAPPED = re.compile(r"(?:LowCardinality|Nullable)\((.*)\)")
_INTEGER = re.compile(r"U?Int(?:8|16|32|64)")
_NUMBER = re.compile(r"U?Int\d+|Float\d+|Decimal.*")


class ResultFormat(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


def print_result(session: Session, result: HistoryResult, form: ResultFormat, file: Path | None) -> None:
    """Print an answer, or write it to `file`; that there were more rows is said on stderr.

    Raises:
        ColonyError: the file cannot be written, or Parquet would go to a terminal.
    """
    if form is ResultFormat.TABLE and file is None:
        columns = [_column(column.name, _bare(column.type)) for column in result.columns]
        rows = [[_shown(value) for value in row] for row in result.rows]
        counted = f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
        session.show(result, table(f"{counted}, {result.elapsed:.3f} s", columns, rows))
    else:
        _write(_rendered(result, form), form, file)
    if result.truncated:
        session.say(f"There are more than these {len(result.rows)} rows; --max-rows asks for more.")
    if file is not None:
        session.say("Written", File=file, Rows=len(result.rows))


def _write(content: bytes, form: ResultFormat, file: Path | None) -> None:
    if file is None:
        if form is ResultFormat.PARQUET and sys.stdout.isatty():
            raise ColonyError(
                "Parquet is not for a terminal; name a file with --file, or redirect the output."
            )
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        file.write_bytes(content)
    except OSError as error:
        raise ColonyError(f"{file} cannot be written: {error.strerror}.") from error


def _rendered(result: HistoryResult, form: ResultFormat) -> bytes:
    if form is ResultFormat.PARQUET:
        return _parquet(result)
    if form is ResultFormat.CSV:
        return _csv(result)
    names = [column.name for column in result.columns]
    return json.format(encode([dict(zip(names, row, strict=True)) for row in result.rows]), indent=2) + b"\n"


def _csv(result: HistoryResult) -> bytes:
    lines = StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(column.name for column in result.columns)
    for row in result.rows:
        writer.writerow(_shown(value) for value in row)
    return lines.getvalue().encode()


def _parquet(result: HistoryResult) -> bytes:
    import pyarrow as pa  # noqa: PLC0415 (slow to load, and needed for this alone)
    from pyarrow import parquet  # noqa: PLC0415

    columns = []
    for place, column in enumerate(result.columns):
        values = [row[place] for row in result.rows]
        columns.append(_arrow(pa, values, _bare(column.type)))
    content = BytesIO()
    parquet.write_table(pa.table(columns, _distinct([column.name for column in result.columns])), content)
    return content.getvalue()


def _arrow(pa: Any, values: Sequence[Any], kind: str) -> Any:
    """A column of values of a ClickHouse type; what has no type of its own in Parquet becomes JSON text."""
    if kind.startswith("DateTime"):
        return pa.array(values, pa.string()).cast(pa.timestamp("ns", tz="UTC"))
    if kind in ("Date", "Date32"):
        return pa.array(values, pa.string()).cast(pa.date32())
    if kind.startswith(("Float", "Decimal")):
        return pa.array(values, pa.float64())
    if _INTEGER.fullmatch(kind):
        return pa.array(values, getattr(pa, kind.lower())())
    own = {"Bool": pa.bool_(), "Array(String)": pa.list_(pa.string())}
    if kind in own:
        return pa.array(values, own[kind])
    return pa.array([value if value is None else _shown(value) for value in values], pa.string())


def _bare(kind: str) -> str:
    """A type without LowCardinality and Nullable around it."""
    while found := _WRAPPED.fullmatch(kind):
        kind = found[1]
    return kind


def _column(name: str, kind: str) -> Column:
    return number(name) if _NUMBER.fullmatch(kind) else text(name)


def _shown(value: object) -> str:
    """A value as a cell: nothing for null, texts as they are, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json_text(value)


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, with a number behind those that came before."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return result
