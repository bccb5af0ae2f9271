"""Whose rows a question sees, and the statement that is run for it.

The tables that a question names are common table expressions put before it. For a colony they
select the colony's rows in the first step of reading, before anything that the question says is
computed; the engine is told not to move any condition of the question in front of that, and, as a
second lock, filters the rows of the colony in every table by itself.
"""

from __future__ import annotations

from typing import NamedTuple

from services.history.guard import Question
from services.history.tables import POSITIONS, TABLES, qualified, views

__all__ = ["EVERYTHING", "Limits", "Scope", "statement"]

_NEVER_MOVED = (
    "query_plan_filter_push_down",
    "query_plan_merge_filters",
    "query_plan_merge_expressions",
    "enable_optimize_predicate_expression",
    "optimize_move_to_prewhere",
)
"""What the engine does to conditions, switched off for questions about one colony."""

_ANSWERS = (
    ("readonly", "1"),
    ("enable_global_with_statement", "1"),
    ("do_not_merge_across_partitions_select_final", "1"),
    ("date_time_output_format", "'iso'"),
    ("output_format_json_quote_64bit_integers", "0"),
    ("output_format_json_quote_denormals", "0"),
    ("output_format_json_quote_decimals", "0"),
)


class Scope(NamedTuple):
    """The rows that a question sees: all, or those of a colony from a point on."""

    colony: str | None
    since: int = 0
    """Rows of records before this offset belong to an earlier colony of the same name."""


EVERYTHING = Scope(None)


class Limits(NamedTuple):
    """What one question may cost."""

    rows: int
    seconds: int = 30
    memory: int = 1024 * 1024 * 1024
    """Bytes while it runs."""
    result: int = 64 * 1024 * 1024
    """Bytes of the rows that it gives."""
    threads: int = 2


def statement(question: Question, scope: Scope, database: str, limits: Limits) -> str:
    """The SQL that is run: `question` over the rows of `scope`, one row more than asked for at most."""
    sources = [f"{name} AS ({_source(name, scope, database)})" for name in question.tables]
    ctes = ", ".join(sources)
    if question.has_ctes:
        text = f"WITH {ctes}, {question.text}" if ctes else f"WITH {question.text}"
    else:
        text = f"WITH {ctes} {question.text}" if ctes else question.text
    settings = ", ".join(f"{name} = {value}" for name, value in _settings(scope, database, limits))
    return f"{question.explain} {text} SETTINGS {settings}".strip()


def _source(view: str, scope: Scope, database: str) -> str:
    if scope.colony is None:
        return f"SELECT * FROM `{database}`.{view}"  # noqa: S608 (names of ours)
    body, _, condition = qualified(views()[view], database).rpartition(" FINAL\nWHERE ")
    own = _of_colony(scope.colony)
    return f"{body} FINAL PREWHERE {own} WHERE ({condition}) AND offset >= {scope.since}"


def _of_colony(name: str) -> str:
    return f"colony = unhex('{name.encode().hex()}')"


def _settings(scope: Scope, database: str, limits: Limits) -> list[tuple[str, str]]:
    settings = [
        *_ANSWERS,
        ("limit", str(limits.rows + 1)),
        ("max_execution_time", str(limits.seconds)),
        ("max_memory_usage", str(limits.memory)),
        ("max_result_bytes", str(limits.result)),
        ("max_threads", str(limits.threads)),
    ]
    if scope.colony is not None:
        settings += [(name, "0") for name in _NEVER_MOVED]
        own = _of_colony(scope.colony).replace("'", "\\'")
        filters = [f"'{database}.{table.name}': '{'0' if table is POSITIONS else own}'" for table in TABLES]
        settings.append(("additional_table_filters", "{" + ", ".join(filters) + "}"))
    return settings
