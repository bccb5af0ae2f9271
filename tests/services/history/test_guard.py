"""Which questions may be asked: every one of the two lists of questions.py, on a real engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.history.asking import ask
from services.history.engine import Engine, HistoryError
from services.history.guard import checked
from services.history.lexing import SqlRefused
from services.history.opening import open_history
from services.history.tables import views
from services.history.vocabulary import functions
from tests.projections.world import World
from tests.services.history.asked import LIMITS, rows, write
from tests.services.history.questions import FAIR, SPYING, UNFAIR
from tests.services.history.story import tell


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The history of two colonies."""
    pytest.importorskip("chdb")
    world = World()
    tell(world)
    engine = open_history(tmp_path_factory.mktemp("guard") / "history")
    write(engine, world)
    yield engine
    engine.close()


@pytest.mark.parametrize("colony", [None, "dev"])
@pytest.mark.parametrize("sql", FAIR)
def test_fair_questions_are_answered(history: Engine, sql: str, colony: str | None) -> None:
    assert ask(history, colony, sql, {}, LIMITS).columns


@pytest.mark.parametrize("sql", SPYING)
def test_questions_of_spies_are_fair_in_form(history: Engine, sql: str) -> None:
    checked(sql, {}, views(), history.functions())


@pytest.mark.parametrize("sql", UNFAIR, ids=range(len(UNFAIR)))
def test_unfair_questions_are_refused(history: Engine, sql: str) -> None:
    with pytest.raises(SqlRefused, match=r"\.$"):
        checked(sql, {}, views(), history.functions())


@pytest.mark.parametrize("sql", UNFAIR, ids=range(len(UNFAIR)))
def test_unfair_questions_leave_the_history_whole(history: Engine, sql: str) -> None:
    with pytest.raises(SqlRefused):
        ask(history, None, sql, {}, LIMITS)
    assert rows(history, "SELECT count() FROM logs") == [[3]]


def test_the_engine_by_itself_would_read_files(history: Engine, tmp_path: Path) -> None:
    """Why functions have a list: readonly does not keep the engine from reading the disk."""
    (tmp_path / "private").write_text("keep out")
    attack = f"SELECT arrayMap(file, ['{tmp_path / 'private'}'])"
    assert b"keep out" in history.select(f"{attack} SETTINGS readonly = 1")
    with pytest.raises(SqlRefused, match="file"):
        ask(history, None, attack, {}, LIMITS)


def test_every_listed_function_is_one_of_the_engine(history: Engine) -> None:
    assert functions() - history.functions() == set()


def test_what_is_run_is_what_was_read(history: Engine) -> None:
    question = checked(
        "select/**/1 -- x\n,'--', \"function\" from attempts;", {}, views(), history.functions()
    )
    assert question.text == "select 1 , '--' , \"function\" from attempts"
    assert question.tables == ("attempts",)


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("String", "it's \\ 100 %; {x:Identifier} -- ", "it's \\ 100 %; {x:Identifier} -- "),
        ("UInt64", 2**63, 2**63),
        ("Float64", 1.5, 1.5),
        ("Bool", True, True),
        ("Array(String)", ["a", "b'c\\"], ["a", "b'c\\"]),
        ("Array(UInt8)", [1, 2], [1, 2]),
        ("Nullable(Date)", "2023-11-14", "2023-11-14"),
        ("DateTime64(3, 'UTC')", "2023-11-14 22:13:20.5", "2023-11-14T22:13:20.500Z"),
    ],
)
def test_parameters_are_values(history: Engine, kind: str, value: object, shown: object) -> None:
    assert rows(history, f"SELECT {{it:{kind}}}", it=value) == [[shown]]
    assert rows(history, f"SELECT {{it:{kind}}}", colony="dev", it=value) == [[shown]]


@pytest.mark.parametrize(
    ("sql", "parameters", "reason"),
    [
        ("SELECT {a:String}", {}, "The parameter a has no value"),
        ("SELECT 1", {"a": 1}, "The query has no parameter a"),
        ("SELECT {a:String}", {"a": {"b": 1}}, "must be a text"),
        ("SELECT {a:String}", {"a": None}, "must be a text"),
        ("SELECT {a:String}", {"a": "\x00"}, "control character"),
        ("SELECT {a:Identifier}", {"a": "attempts"}, "none that a value can have"),
        ("SELECT {a:String) , file(}", {"a": "x"}, "none that a value can have"),
        ("SELECT {a:Array(String}", {"a": "x"}, "lacks a closing parenthesis"),
        ("SELECT {a}", {"a": "x"}, "Braces hold a parameter"),
        ("SELECT {a:String", {"a": "x"}, "Braces hold a parameter"),
        ("SELECT {a:AggregateFunction(sum, UInt8)}", {"a": "x"}, "none that a value can have"),
    ],
)
def test_bad_parameters_are_refused(sql: str, parameters: dict[str, object], reason: str) -> None:
    with pytest.raises(SqlRefused, match=reason):
        checked(sql, parameters, views(), ())


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT colour FROM attempts", "Unknown expression identifier `colour`"),
        ("SELECT toUInt8('x')", "Cannot parse string 'x' as UInt8"),
        ("SELECT count(1, 2)", "count"),
    ],
)
def test_what_the_engine_refuses_is_said_in_a_sentence(history: Engine, sql: str, reason: str) -> None:
    with pytest.raises(HistoryError, match=reason) as refused:
        ask(history, "dev", sql, {}, LIMITS)
    assert "DB::Exception" not in str(refused.value)
    assert "unhex" not in str(refused.value)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            """
            SELECT count() FROM (SELECT arrayJoin(range(100000)) AS x) AS a
            CROSS JOIN (SELECT arrayJoin(range(100000)) AS y) AS b WHERE sipHash64(x, y) = 1
            """,
            "imeout",
        ),
        ("SELECT groupArray(repeat('x', 100000)) FROM (SELECT arrayJoin(range(100000))) AS a", "emory"),
        ("SELECT repeat('x', 1000000) FROM (SELECT arrayJoin(range(100))) AS a", "exceeded"),
    ],
)
def test_a_question_that_costs_too_much_is_given_up(history: Engine, sql: str, reason: str) -> None:
    limits = LIMITS._replace(seconds=1, memory=200_000_000, result=10_000_000)
    with pytest.raises(HistoryError, match=reason):
        ask(history, "dev", sql, {}, limits)
    assert rows(history, "SELECT 1") == [[1]]


def test_rows_beyond_the_limit_are_cut_off_and_it_is_said(history: Engine) -> None:
    some = ask(history, None, "SELECT offset FROM records ORDER BY offset", {}, LIMITS._replace(rows=3))
    assert some.truncated
    assert [bytes(row) for row in some.rows] == [b"[0]", b"[1]", b"[2]"]
    assert not ask(history, None, "SELECT 1", {}, LIMITS._replace(rows=1)).truncated
    union = "SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3"
    assert len(ask(history, None, union, {}, LIMITS._replace(rows=2)).rows) == 2


def test_what_a_failed_question_has_found_is_not_told_to_the_next_one(history: Engine) -> None:
    failing = "SELECT toUInt64(if(number < 150000, '77', 'x')) FROM (SELECT arrayJoin(range(200000)) AS number) AS a"
    with pytest.raises(HistoryError, match="Cannot parse"):
        ask(history, "dev", failing, {}, LIMITS._replace(rows=10**6))
    assert rows(history, "SELECT 1", "other") == [[1]]
