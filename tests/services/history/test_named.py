"""The queries with names: every one runs, for all and for one colony."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from colonyledger.wire import SECOND

from services.history.asking import ask
from services.history.engine import Engine
from services.history.guard import checked
from services.history.named import NamedQuery, UnknownQuery, named_queries, named_query
from services.history.opening import open_history
from services.history.tables import views
from tests.projections.world import START, World
from tests.services.history.asked import LIMITS, rows, write
from tests.services.history.story import tell

QUERIES = named_queries()
LONG_AGO = "100000"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The history of two colonies."""
    pytest.importorskip("chdb")
    world = World()
    tell(world)
    engine = open_history(tmp_path_factory.mktemp("named") / "history")
    write(engine, world)
    yield engine
    engine.close()


def given(engine: Engine, query: NamedQuery) -> dict[str, str]:
    """Values with which the query finds something in the story."""
    values = {"hours": LONG_AGO, "executortype": "edge"}
    if "processid" in query.parameters:
        values["processid"] = rows(engine, "SELECT processid FROM processes WHERE function = 'lucky'")[0][0]
    return query.values({name: value for name, value in values.items() if name in query.parameters})


@pytest.mark.parametrize("query", QUERIES, ids=[query.name for query in QUERIES])
def test_a_query_finds_something(history: Engine, query: NamedQuery) -> None:
    for colony in (None, "dev"):
        assert ask(history, colony, query.sql, given(history, query), LIMITS).rows


@pytest.mark.parametrize("query", QUERIES, ids=[query.name for query in QUERIES])
def test_a_query_says_what_it_answers_and_needs(query: NamedQuery) -> None:
    assert query.answers.endswith(".")
    needed = dict.fromkeys(query.parameters, "1")
    assert checked(query.sql, needed, views(), ()).tables


def answer(history: Engine, name: str, **values: str) -> list[list[object]]:
    query = named_query(name)
    return rows(
        history,
        query.sql,
        "dev",
        **query.values({"hours": LONG_AGO, **values} if "hours" in query.parameters else values),
    )


def test_slowest_functions(history: Engine) -> None:
    assert answer(history, "slowest-functions") == [["step", 1, 6, 6, 6], ["lucky", 1, 3, 3, 3]]
    assert answer(history, "slowest-functions", count="1") == [["step", 1, 6, 6, 6]]


def test_failure_rates(history: Engine) -> None:
    assert answer(history, "failure-rates") == [
        ["overdue", 2, 1, 1, 1],
        ["evicted", 1, 0, 1, 1],
        ["failing", 1, 1, 0, 1],
        ["undelivered", 1, 0, 1, 1],
        ["lucky", 1, 0, 0, 0],
        ["step", 1, 0, 0, 0],
    ]


def test_the_timeline_of_a_process(history: Engine) -> None:
    processid = rows(history, "SELECT processid FROM processes WHERE function = 'lucky'")[0][0]
    found = answer(history, "process-timeline", processid=str(processid))
    assert [row[1:] for row in found] == [
        ["submitted", 0, "alice", "lucky"],
        ["assigned", 1, "edge1", "waited 2 s"],
        ["log", 0, "edge1", "half"],
        ["log", 0, "edge1", "done; 100 %"],
        ["succeeded", 1, "edge1", "ran 3 s"],
    ]


def test_the_evidence_for_a_process(history: Engine) -> None:
    processid = rows(history, "SELECT processid FROM processes WHERE function = 'overdue'")[0][0]
    found = answer(history, "evidence", processid=str(processid))
    assert [(row[4], row[6]) for row in found] == [
        ("alice", "submitfuncspecmsg"),
        ("edge1", "assignprocessmsg"),
        ("edge1", "assignprocessmsg"),
    ]


def test_what_waits(history: Engine) -> None:
    assert [row[:4] for row in answer(history, "waiting")] == [["dev", "edge", 1, 0], ["dev", "rare", 1, 0]]


def test_only_recent_work_counts_unless_told(history: Engine) -> None:
    assert START < 1_800_000_000 * SECOND
    query = named_query("activity")
    assert rows(history, query.sql, **query.values({})) == []


def test_a_query_that_is_not_there() -> None:
    with pytest.raises(UnknownQuery, match="there are activity, evidence"):
        named_query("nonsense")


def test_a_parameter_that_is_missing_or_unknown() -> None:
    query = named_query("process-timeline")
    with pytest.raises(UnknownQuery, match="needs processid: id of the process"):
        query.values({})
    with pytest.raises(UnknownQuery, match="has no parameter hours; it has processid"):
        query.values({"hours": "1"})
