"""docs/history.md says what the tables, the named queries and the limits are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.history.answering import DEFAULT_ROWS, MAX_ROWS, MAX_WAITING
from services.history.guard import MAX_SQL_LENGTH
from services.history.named import named_queries
from services.history.scope import Limits
from services.history.sink import SinkOptions
from services.history.tables import statements, views

PAGE = (Path(__file__).parents[3] / "docs" / "history.md").read_text("utf-8")
COLUMN = re.compile(r"^\s+(\w+)\s.*? COMMENT '(.*)',?$", re.MULTILINE)


@pytest.mark.parametrize("view", views())
def test_every_column_is_in_the_page(view: str) -> None:
    (statement,) = [each for each in statements() if f"CREATE VIEW IF NOT EXISTS {view}\n" in each]
    columns = COLUMN.findall(statement.partition("\n)\nCOMMENT")[0])
    section = PAGE.partition(f"\n### {view}\n")[2].partition("\n#")[0]
    found = re.findall(r"^\| `(\w+)` \| .*? \| (.*) \|$", section, re.MULTILINE)
    assert found == columns
    assert len(found) > 5


def test_every_named_query_is_in_the_page() -> None:
    found = re.findall(r"^\| `([a-z-]+)` \| (.*?) \| (.*?) ?\|$", PAGE, re.MULTILINE)
    expected = [
        (
            query.name,
            query.answers,
            ", ".join(
                f"`{name}`" if given.default is None else f"`{name}` = {given.default}"
                for name, given in query.parameters.items()
            ),
        )
        for query in named_queries()
    ]
    assert [row for row in found if row[0] in {query.name for query in named_queries()}] == expected


@pytest.mark.parametrize(
    "number",
    [
        f"{DEFAULT_ROWS:,} unless",
        f"at most {MAX_ROWS:,}",
        f"{MAX_WAITING}, of which",
        f"{MAX_SQL_LENGTH:,} characters",
        f"{Limits(1).seconds} s",
        f"{Limits(1).memory >> 30} GiB",
        f"{Limits(1).result >> 20} MiB",
        f"{SinkOptions().max_rows:,} rows or {SinkOptions().max_bytes >> 20} MiB",
    ],
)
def test_limits_are_what_the_page_says(number: str) -> None:
    assert number in PAGE
