"""One question to the history, from SQL to rows. Blocks; the server asks in threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from colonyledger.wire import HistoryColumn, HistoryResult

from services.history.engine import Engine, QueryFailed
from services.history.guard import checked
from services.history.scope import EVERYTHING, Limits, Scope, statement
from services.history.tables import views

__all__ = ["ask"]


class _Statistics(msgspec.Struct):
    elapsed: float = 0.0


class _Answer(msgspec.Struct):
    """ClickHouse's JSONCompact."""

    meta: list[HistoryColumn]
    data: list[msgspec.Raw]
    statistics: _Statistics = msgspec.field(default_factory=_Statistics)


_DECODER = msgspec.json.Decoder(_Answer)


def ask(
    engine: Engine, colony: str | None, sql: str, parameters: Mapping[str, Any], limits: Limits
) -> HistoryResult:
    """Run `sql` over the rows of `colony`, of all colonies if it is None.

    Raises:
        SqlRefused: the question may not be asked.
        QueryFailed: the engine refused it, or gave it up at a limit.
        HistoryUnavailable: the engine cannot be asked now.
    """
    question = checked(sql, parameters, views(), engine.functions())
    scope = EVERYTHING if colony is None else Scope(colony, engine.removed_until(colony))
    reply = engine.select(statement(question, scope, engine.database, limits))
    try:
        answer = _DECODER.decode(reply)
    except msgspec.DecodeError as error:
        raise QueryFailed(f"The engine broke off its answer: {error}.") from error
    rows = cast("Sequence[Sequence[Any]]", answer.data[: limits.rows])
    return HistoryResult(answer.meta, rows, len(answer.data) > limits.rows, answer.statistics.elapsed)
