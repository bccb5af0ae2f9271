"""The tables of the history: what is written, in which order, as which types, and the SQL that makes them.

What is written goes to tables named `…_rows`; what is read are views over them that show every row
once. The SQL stands in `infra/clickhouse/`, where every column is described.
"""

from __future__ import annotations

import re
from enum import Enum, IntEnum
from importlib.resources import files
from typing import Any, NamedTuple

__all__ = [
    "ATTEMPTS",
    "LOGS",
    "POSITIONS",
    "PROCESSES",
    "RECORDS",
    "REMOVALS",
    "SCHEMA",
    "TABLES",
    "Kind",
    "Outcomes",
    "Row",
    "Table",
    "qualified",
    "statements",
    "views",
]

SCHEMA = 1
"""Version of the tables and of what is written to them. A history of another version is dropped and rebuilt."""

Row = tuple[Any, ...]

_STATEMENT_END = re.compile(r";\s*(?:\n|\Z)")
_VIEW = re.compile(r"^CREATE VIEW IF NOT EXISTS (\w+)\n.*?\nAS (.*)", re.DOTALL | re.MULTILINE)
_ROWS_NAME = re.compile(r"\b[a-z]+_rows\b")


class Outcomes(IntEnum):
    """How an attempt ended, as the number that is written."""

    RUNNING = 0
    SUCCEEDED = 1
    FAILED = 2
    CANCELLED = 3
    DEADLINE = 4
    UNDELIVERED = 5
    EXECUTOR_REMOVED = 6


class Kind(Enum):
    """How the values of a column are handed to the engine."""

    TEXT = "text"
    TEXTS = "list of texts"
    BOOL = "boolean"
    CODE = "number of an enumeration"
    INT32 = "integer of 32 bits"
    INT64 = "integer of 64 bits"
    UINT16 = "unsigned integer of 16 bits"
    UINT32 = "unsigned integer of 32 bits"
    UINT64 = "unsigned integer of 64 bits"
    TIME = "nanoseconds since 1970, or None"
    DIGEST = "32 bytes"
    SIGNATURE = "65 bytes"


class Table(NamedTuple):
    """A table that is written: its name, and its columns in the order of a row's values."""

    name: str
    columns: tuple[tuple[str, Kind], ...]


RECORDS = Table(
    "record_rows",
    (
        ("partition", Kind.UINT32),
        ("offset", Kind.UINT64),
        ("time", Kind.TIME),
        ("arrived", Kind.TIME),
        ("kind", Kind.TEXT),
        ("payloadtype", Kind.TEXT),
        ("colony", Kind.TEXT),
        ("identity", Kind.TEXT),
        ("role", Kind.TEXT),
        ("who", Kind.TEXT),
        ("status", Kind.UINT16),
        ("refusal", Kind.TEXT),
        ("digest", Kind.DIGEST),
        ("signature", Kind.SIGNATURE),
        ("node", Kind.TEXT),
        ("sequence", Kind.UINT64),
        ("rules", Kind.UINT32),
        ("payload", Kind.TEXT),
    ),
)
PROCESSES = Table(
    "process_rows",
    (
        ("colony", Kind.TEXT),
        ("processid", Kind.TEXT),
        ("partition", Kind.UINT32),
        ("offset", Kind.UINT64),
        ("created", Kind.UINT64),
        ("workflow", Kind.TEXT),
        ("node", Kind.TEXT),
        ("function", Kind.TEXT),
        ("label", Kind.TEXT),
        ("initiatorid", Kind.TEXT),
        ("initiator", Kind.TEXT),
        ("executortype", Kind.TEXT),
        ("executorid", Kind.TEXT),
        ("executor", Kind.TEXT),
        ("state", Kind.CODE),
        ("waitforparents", Kind.BOOL),
        ("priority", Kind.INT32),
        ("prioritytime", Kind.INT64),
        ("submitted", Kind.TIME),
        ("started", Kind.TIME),
        ("ended", Kind.TIME),
        ("waitdeadline", Kind.TIME),
        ("execdeadline", Kind.TIME),
        ("retries", Kind.UINT32),
        ("attempts", Kind.UINT32),
        ("parents", Kind.TEXTS),
        ("children", Kind.TEXTS),
        ("spec", Kind.TEXT),
        ("input", Kind.TEXT),
        ("output", Kind.TEXT),
        ("errors", Kind.TEXTS),
        ("removed", Kind.BOOL),
    ),
)
ATTEMPTS = Table(
    "attempt_rows",
    (
        ("colony", Kind.TEXT),
        ("executortype", Kind.TEXT),
        ("submitted", Kind.TIME),
        ("processid", Kind.TEXT),
        ("attempt", Kind.UINT32),
        ("partition", Kind.UINT32),
        ("offset", Kind.UINT64),
        ("workflow", Kind.TEXT),
        ("node", Kind.TEXT),
        ("function", Kind.TEXT),
        ("label", Kind.TEXT),
        ("executorid", Kind.TEXT),
        ("executor", Kind.TEXT),
        ("ready", Kind.TIME),
        ("assigned", Kind.TIME),
        ("assigned_offset", Kind.UINT64),
        ("ended", Kind.TIME),
        ("outcome", Kind.CODE),
    ),
)
LOGS = Table(
    "log_rows",
    (
        ("colony", Kind.TEXT),
        ("processid", Kind.TEXT),
        ("time", Kind.TIME),
        ("partition", Kind.UINT32),
        ("offset", Kind.UINT64),
        ("fact", Kind.UINT32),
        ("executor", Kind.TEXT),
        ("message", Kind.TEXT),
    ),
)
REMOVALS = Table(
    "removal_rows",
    (("colony", Kind.TEXT), ("partition", Kind.UINT32), ("offset", Kind.UINT64), ("time", Kind.TIME)),
)
POSITIONS = Table(
    "position_rows",
    (("partition", Kind.UINT32), ("next", Kind.UINT64), ("origin", Kind.TEXT), ("schema", Kind.UINT32)),
)
TABLES = (RECORDS, PROCESSES, ATTEMPTS, LOGS, REMOVALS, POSITIONS)


def statements() -> list[str]:
    """The SQL that makes all tables and views, in order."""
    folder = files("infra") / "clickhouse"
    names = sorted(path.name for path in folder.iterdir() if path.name.endswith(".sql"))
    texts = [(folder / name).read_text("utf-8") for name in names]
    return [part.strip() for text in texts for part in _STATEMENT_END.split(text) if part.strip()]


def views() -> dict[str, str]:
    """The SELECT of every view, by the view's name; each ends in its WHERE clause."""
    found = (_VIEW.search(statement) for statement in statements())
    return {view[1]: view[2] for view in found if view is not None}


def qualified(sql: str, database: str) -> str:
    """`sql` with the tables that are written named in full, so that it means the same in any database."""
    return _ROWS_NAME.sub(lambda name: f"`{database}`.{name[0]}", sql)
