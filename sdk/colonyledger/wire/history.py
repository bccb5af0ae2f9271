"""Questions to the history in SQL: RPCs of our own, in the common envelope (docs/history.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from colonyledger.wire.envelope import Message
from colonyledger.wire.integers import Int32

__all__ = ["HistoryColumn", "HistoryResult", "QueryHistory", "QueryServerHistory"]


class HistoryColumn(msgspec.Struct, gc=False):
    """A column of a result; `type` is its ClickHouse type, such as `DateTime64(9, 'UTC')`."""

    name: str = ""
    type: str = ""


class HistoryResult(msgspec.Struct, gc=False):
    """Rows, each a list with one value for each column.

    Times are RFC 3339 in UTC, whole numbers and decimals are JSON numbers, NaN and infinity are null.
    `truncated` says that there were more rows than were asked for. `elapsed` is how long the engine
    took, in seconds.
    """

    columns: list[HistoryColumn] = []
    rows: Sequence[Sequence[Any]] = []
    truncated: bool = False
    elapsed: float = 0.0


class QueryHistory(Message[HistoryResult], tag="queryhistorymsg", frozen=True, gc=False):
    """Colony owner: run one SELECT over the history of the colony.

    Each `{name:Type}` in `sql` takes its value from `parameters`. At most `maxrows` rows come back;
    0 means the server's default.
    """

    colonyname: str = ""
    sql: str = ""
    parameters: dict[str, Any] = {}
    maxrows: Int32 = 0


class QueryServerHistory(Message[HistoryResult], tag="queryserverhistorymsg", frozen=True, gc=False):
    """Server owner: run one SELECT over the history of all colonies; otherwise as QueryHistory."""

    sql: str = ""
    parameters: dict[str, Any] = {}
    maxrows: Int32 = 0
