"""How records look to people: tables that fit the terminal, local times, short values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from rich import table as rich_table
from rich.box import ASCII, ROUNDED

from colonyledger.wire import ZERO_TIME, instant, json_text

__all__ = [
    "Column",
    "Table",
    "details",
    "ident",
    "local_time",
    "local_time_ns",
    "moment",
    "number",
    "pairs",
    "seconds",
    "table",
    "text",
    "values",
]

_SHORT_ID = 12
_WIDE_TEXT = 24
"""Characters that a column of words is given before others are left out for its sake."""
_FRAME = 3
"""Characters of the frame per column."""


class _Kind(Enum):
    TEXT = "folded when the terminal is narrow"
    IDENT = "shortened to its last digits when the terminal is narrow"
    FIXED = "always whole"


@dataclass(frozen=True)
class Column:
    """A column of a table; made by `text`, `ident`, `moment` or `number`."""

    header: str
    kind: _Kind
    right: bool = False


def text(header: str) -> Column:
    """A column of words."""
    return Column(header, _Kind.TEXT)


def ident(header: str) -> Column:
    """A column of ids."""
    return Column(header, _Kind.IDENT)


def moment(header: str) -> Column:
    """A column of times."""
    return Column(header, _Kind.FIXED)


def number(header: str) -> Column:
    """A column of numbers."""
    return Column(header, _Kind.FIXED, right=True)


@dataclass(frozen=True)
class Table:
    """A table with its columns in the order in which people care for them."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]

    def drawn(self, width: int | None, *, ascii_only: bool) -> rich_table.Table:
        """The table for a terminal of `width` characters; None shows everything.

        If it does not fit, ids are shortened, then empty columns are left out, then others from
        the right, but no ids.
        """
        shown = list(zip(self.columns, _columns(self.rows, len(self.columns)), strict=True))
        if width is not None and _width(shown) > width:
            gap = ".." if ascii_only else "…"
            shown = [(column, _shown(column, cells, gap)) for column, cells in shown]
            while _width(shown) > width and (place := _dispensable(shown)) is not None:
                del shown[place]
        kept = [column for column, _ in shown]
        left_out = [column.header for column in self.columns if column not in kept]
        drawn = rich_table.Table(
            title=self.title,
            title_justify="left",
            title_style="bold",
            box=ASCII if ascii_only else ROUNDED,
            caption=f"Left out here: {', '.join(left_out)}. -o json has everything." if left_out else None,
            caption_justify="left",
        )
        for column in kept:
            drawn.add_column(
                column.header,
                justify="right" if column.right else "left",
                no_wrap=column.kind is not _Kind.TEXT,
                overflow="fold",
            )
        for row in zip(*(cells for _, cells in shown), strict=True):
            drawn.add_row(*row)
        return drawn


def table(title: str, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> Table:
    """A table with one row per record."""
    return Table(title, columns, [[_cell(value) for value in row] for row in rows])


def details(title: str, rows: Iterable[tuple[str, object]]) -> Table:
    """A table with one row per property of a record."""
    return table(title, [text("Property"), text("Value")], rows)


def local_time(moment: datetime) -> str:
    """An instant in the local time zone; empty if it is not set."""
    if moment.year <= ZERO_TIME.year:
        return ""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def local_time_ns(nanoseconds: int) -> str:
    """An instant in nanoseconds since 1970, in the local time zone."""
    return local_time(instant(nanoseconds))


def seconds(start: datetime, end: datetime) -> str:
    """The time from `start` to `end`, to now if there is no end yet; empty if there is no start."""
    if start.year <= ZERO_TIME.year:
        return ""
    until = end if end > start else datetime.now(UTC)
    return f"{(until - start).total_seconds():.2f} s"


def values(items: Iterable[Any]) -> str:
    """Free-form values, separated by spaces: texts as they are, anything else as JSON."""
    return " ".join(item if isinstance(item, str) else json_text(item) for item in items)


def pairs(items: Mapping[str, Any]) -> str:
    """Free-form keyword values as `key:value`, separated by spaces."""
    return " ".join(f"{key}:{values([item])}" for key, item in items.items())


def _columns(rows: Sequence[Sequence[str]], count: int) -> list[list[str]]:
    """The cells of each column."""
    return [[row[place] for row in rows] for place in range(count)]


def _width(shown: Sequence[tuple[Column, Sequence[str]]]) -> int:
    """Characters that a table with these columns needs to be readable."""
    width = 1
    for column, cells in shown:
        longest = max((len(cell) for cell in cells), default=0)
        if column.kind is _Kind.TEXT:
            header = max(map(len, column.header.split()), default=0)
            width += max(header, min(longest, _WIDE_TEXT)) + _FRAME
        else:
            width += max(len(column.header), longest) + _FRAME
    return width


def _shown(column: Column, cells: Sequence[str], gap: str) -> list[str]:
    """Ids by their last digits, for the first ones are the same for all of a colony; else `cells`."""
    if column.kind is not _Kind.IDENT:
        return list(cells)
    return [f"{gap}{cell[-_SHORT_ID:]}" if len(cell) > _SHORT_ID + len(gap) else cell for cell in cells]


def _dispensable(shown: Sequence[tuple[Column, Sequence[str]]]) -> int | None:
    """Which column to leave out: an empty one, else the rightmost, but neither the first two nor ids."""
    places = [
        place for place, (column, _) in enumerate(shown) if place > 1 and column.kind is not _Kind.IDENT
    ]
    empty = [place for place in places if not any(shown[place][1])]
    return max(empty or places, default=None)


def _cell(value: object) -> str:
    """`value` as text in which nothing can move the cursor or change colours."""
    shown = "yes" if value is True else "no" if value is False else str(value)
    return "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in shown)
