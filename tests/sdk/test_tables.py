"""Tables in terminals of any width."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from colonyledger.cli.tables import (
    Table,
    details,
    ident,
    local_time,
    moment,
    number,
    pairs,
    seconds,
    table,
    text,
    values,
)
from colonyledger.wire import ZERO_TIME
from rich.console import Console

ID = "0123456789abcdef" * 4
TIME = "2024-05-01 12:00:00"
WIDE = table(
    "Processes",
    [
        text("Function"),
        text("Args"),
        text("KwArgs"),
        moment("Ended"),
        number("Took"),
        text("Label"),
        ident("Id"),
    ],
    [("square", "4", "", TIME, "0.01 s", "night", ID), ("sum", "4 9", "", TIME, "0.02 s", "", ID)],
)


def printed(drawn: Table, width: int | None, *, ascii_only: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width or 100_000, markup=False, highlight=False)
    console.print(drawn.drawn(width, ascii_only=ascii_only))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_pipe_gets_everything_on_one_line_each() -> None:
    lines = printed(WIDE, None).splitlines()
    assert len(lines) == 7
    assert sum(ID in line for line in lines) == 2


def test_a_terminal_that_is_wide_enough_gets_everything_too() -> None:
    assert printed(WIDE, 160).count(ID) == 2


def test_ids_give_way_first() -> None:
    shown = printed(WIDE, 100)
    assert ID not in shown
    assert f"…{ID[-12:]}" in shown
    assert "KwArgs" in shown
    assert "Left out" not in shown


def test_then_empty_columns_then_the_last_ones() -> None:
    narrower = printed(WIDE, 80)
    assert "Left out here: KwArgs. -o json has everything." in narrower
    assert "night" in narrower
    narrowest = printed(WIDE, 50)
    assert "Left out here: KwArgs, Ended, Took, Label" in " ".join(narrowest.split())
    for kept in ("square", "4 9", ID[-12:]):
        assert kept in narrowest


@pytest.mark.parametrize("width", range(20, 180, 7))
def test_no_line_is_too_long_and_times_stay_whole(width: int) -> None:
    shown = printed(WIDE, width)
    assert all(len(line) <= width for line in shown.splitlines())
    assert TIME in shown or "Ended" not in shown.partition("Left out")[0]


def test_properties_are_never_left_out() -> None:
    drawn = details("User", [("Name", "ann"), ("User id", ID)])
    assert ID in printed(drawn, None)
    for width in (30, 50, 80):
        shown = printed(drawn, width)
        assert "ann" in shown
        assert ID[:10] in shown


def test_ascii() -> None:
    shown = printed(WIDE, 80, ascii_only=True)
    assert shown.isascii()
    assert f"..{ID[-12:]}" in shown


def test_data_cannot_move_the_cursor_or_name_styles() -> None:
    shown = printed(table("T", [text("A")], [("\x1b[2Jgone\r\x07",), ("[red]x[/red]",)]), None)
    assert "\\x1b[2Jgone\\x0d\\x07" in shown
    assert "[red]x[/red]" in shown


def test_an_empty_table_has_its_headers() -> None:
    assert "Function" in printed(table("T", [text("Function"), number("N")], []), 80)


def test_times_are_local(monkeypatch: pytest.MonkeyPatch) -> None:
    noon = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
    assert local_time(noon) == noon.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert local_time(ZERO_TIME) == ""


def test_how_long_something_took() -> None:
    start = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
    assert seconds(start, start + timedelta(seconds=1.5)) == "1.50 s"
    assert seconds(ZERO_TIME, ZERO_TIME) == ""
    assert float(seconds(datetime.now(UTC) - timedelta(seconds=5), ZERO_TIME).removesuffix(" s")) >= 5


def test_free_form_values() -> None:
    assert values(["a", 1, 2.5, None, [1, "b"], {"k": True}]) == 'a 1 2.5 null [1,"b"] {"k":true}'
    assert pairs({"a": "x", "b": [1]}) == "a:x b:[1]"
    assert values([]) == pairs({}) == ""


def test_truth_is_said_in_words() -> None:
    shown = printed(details("T", [("Paused", True), ("Waits", False)]), None)
    assert "yes" in shown
    assert "no" in shown
