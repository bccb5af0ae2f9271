"""The server's answers to QueryHistory and QueryServerHistory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from colonyledger.wire import HistoryColumn, HistoryResult, QueryHistory, QueryServerHistory, decode, encode

import projections.history  # noqa: F401 (registers the two questions)
from projections.event import Refusal
from projections.fold import answer
from projections.registry import REGISTRY
from projections.turn import View
from services.history.answering import MAX_ROWS, MAX_WAITING, Answering
from services.history.engine import Engine
from services.history.opening import open_history
from tests.projections.world import World, identity
from tests.services.history.asked import write
from tests.services.history.server import Server


@pytest.fixture
async def answering(directory: Engine, world: World) -> AsyncIterator[Answering]:
    """The history of two colonies, ready to be asked."""
    write(directory, world)
    answering = Answering(directory)
    yield answering
    answering.close()


def scope(world: World, caller: str, message: QueryHistory | QueryServerHistory) -> object:
    """The scope that the rules give a question of `caller`."""
    rpc = REGISTRY["queryhistorymsg" if isinstance(message, QueryHistory) else "queryserverhistorymsg"]
    return answer([View(world.state, caller)], rpc, message)


def test_who_may_ask(world: World) -> None:
    colony, server = QueryHistory(colonyname="dev", sql="SELECT 1"), QueryServerHistory(sql="SELECT 1")
    assert scope(world, world.owner.id, colony) == "dev"
    assert scope(world, world.server.id, server) is None
    for who in ("user", "edge1", "other-owner", "server", "nobody"):
        with pytest.raises(Refusal, match="Access denied, not colony owner"):
            scope(world, identity(who).id, colony)
    for who in ("owner", "user", "nobody"):
        with pytest.raises(Refusal, match="Access denied, not server owner"):
            scope(world, identity(who).id, server)
    with pytest.raises(Refusal, match="does not exists"):
        scope(world, world.owner.id, QueryHistory(colonyname="nowhere", sql="SELECT 1"))


async def test_an_answer_is_columns_and_rows(answering: Answering) -> None:
    sql = "SELECT function, waited FROM attempts WHERE executor = {executor:String} AND function = 'lucky'"
    message = QueryHistory(colonyname="dev", sql=sql, parameters={"executor": "edge1"})
    found = decode(encode(await answering.answer("dev", message)), HistoryResult)
    assert found.columns == [
        HistoryColumn("function", "LowCardinality(String)"),
        HistoryColumn("waited", "Float64"),
    ]
    assert found.rows == [["lucky", 2]]
    assert not found.truncated
    assert found.elapsed > 0


async def test_the_scope_decides_what_is_seen(answering: Answering) -> None:
    sql = "SELECT DISTINCT colony FROM processes ORDER BY colony"
    own = await answering.answer("dev", QueryHistory(colonyname="dev", sql=sql))
    assert decode(encode(own.rows), list[list[str]]) == [["dev"]]
    every = await answering.answer(None, QueryServerHistory(sql=sql))
    assert decode(encode(every.rows), list[list[str]]) == [["dev"], ["other"]]


async def test_rows_are_cut_off_at_the_number_asked_for(answering: Answering) -> None:
    message = QueryServerHistory(sql="SELECT offset FROM records", maxrows=2)
    found = await answering.answer(None, message)
    assert len(found.rows) == 2
    assert found.truncated


@pytest.mark.parametrize(
    ("message", "status", "reason"),
    [
        (QueryServerHistory(sql="DROP TABLE x"), 400, "Failed to query history: A query starts with SELECT"),
        (QueryServerHistory(sql="SELECT colour FROM logs"), 400, "Unknown expression identifier"),
        (QueryServerHistory(sql="SELECT {a:String}"), 400, "The parameter a has no value"),
        (QueryServerHistory(sql="SELECT 1", maxrows=-1), 400, f"between 0 and {MAX_ROWS}"),
        (QueryServerHistory(sql="SELECT 1", maxrows=MAX_ROWS + 1), 400, f"between 0 and {MAX_ROWS}"),
    ],
)
async def test_a_bad_question_is_refused(
    answering: Answering, message: QueryServerHistory, status: int, reason: str
) -> None:
    with pytest.raises(Refusal, match=reason) as refused:
        await answering.answer(None, message)
    assert refused.value.status == status


async def test_a_server_without_history_says_so() -> None:
    with pytest.raises(Refusal, match="keeps no history") as refused:
        await Answering(None).answer(None, QueryServerHistory(sql="SELECT 1"))
    assert refused.value.status == 404


async def test_an_engine_that_is_away_is_503(tmp_path_factory: pytest.TempPathFactory) -> None:
    engine = open_history(Server(tmp_path_factory.mktemp("away")).url("away"))
    with pytest.raises(Refusal) as refused:
        await Answering(engine).answer(None, QueryServerHistory(sql="SELECT 1"))
    assert refused.value.status == 503


async def test_too_many_questions_at_once_are_refused(answering: Answering) -> None:
    message = QueryServerHistory(sql="SELECT count() FROM records")
    asked = [asyncio.ensure_future(answering.answer(None, message)) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Refusal, match="Too many") as refused:
        await answering.answer(None, message)
    assert refused.value.status == 429
    await asyncio.gather(*asked)
    await answering.answer(None, message)
