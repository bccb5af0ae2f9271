"""`colony history`: replay, query and queries."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path

import pytest
from colonyledger.record import Record
from pyarrow import parquet

from services.history.named import NamedQuery, named_queries
from services.history.opening import open_history
from services.history.replay import replay
from services.ledger import open_ledger
from tests.ledgers import Ledgers
from tests.projections.world import World
from tests.services.cli.conftest import Keep, Run
from tests.services.history.server import Server
from tests.services.history.story import tell

pytest.importorskip("chdb", reason="chdb is not installed")

FUNCTIONS = """
    SELECT function, attempts, submitted, errors, removed, priority
    FROM processes WHERE colony = 'dev' ORDER BY created
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory, ledgers: Ledgers) -> Path:
    """A data directory with a ledger and its history; nobody changes it."""
    directory = tmp_path_factory.mktemp("data")
    world = World()
    tell(world)

    async def make() -> None:
        ledger = await open_ledger(ledgers.place(directory), partitions=1)
        for event in world.events:
            await ledger.append(0, event.record)
        engine = open_history(directory / "history")
        await replay(ledger, engine)
        engine.close()
        await ledger.close()

    asyncio.run(make())
    return directory


def test_replaying_again_changes_nothing(run: Run, keep: Keep, records: list[Record]) -> None:
    place = keep(records)
    first = run("history", "replay", *place.flags)
    assert first.code == 0
    assert f"History written Records={len(records)}" in first.err
    again = run("history", "replay", *place.flags, "--json")
    assert json.loads(again.out)["records"] == len(records)
    done = run(
        "history", "query", "--data-dir", place.directory, "SELECT count() AS n FROM records", "-o", "json"
    )
    assert json.loads(done.out) == [{"n": len(records)}]


def test_a_table_for_people(run: Run, directory: Path) -> None:
    done = run("history", "query", "--data-dir", directory, "SELECT 'x' AS word, 7 AS number")
    assert done.code == 0
    assert [line for line in done.out.splitlines() if "│" in line] == [
        "│ word │ number │",
        "│ x    │      7 │",
    ]
    assert done.out.startswith("1 row, ")


def test_json_is_a_list_of_rows(run: Run, directory: Path) -> None:
    for option in (["-o", "json"], ["--json"]):
        found = json.loads(run("history", "query", "--data-dir", directory, FUNCTIONS, *option).out)
        assert found[0]["function"] == "lucky"
        assert found[0]["priority"] == 3
        assert found[0]["submitted"].endswith("Z")
        assert found[0]["errors"] == []


def test_csv_has_a_header(run: Run, directory: Path) -> None:
    sql = (
        "SELECT function, 'a,\"b\"\n' AS odd, NULL AS blank, errors FROM processes WHERE function = 'failing'"
    )
    found = list(
        csv.reader(io.StringIO(run("history", "query", "--data-dir", directory, sql, "-o", "csv").out))
    )
    assert found == [
        ["function", "odd", "blank", "errors"],
        ["failing", 'a,"b"\n', "", '["out of luck","twice"]'],
    ]


@pytest.mark.parametrize("to_file", [True, False])
def test_parquet_has_types(run: Run, directory: Path, tmp_path: Path, *, to_file: bool) -> None:
    file = tmp_path / "rows.parquet"
    options = ["--file", file] if to_file else []
    done = run("history", "query", "--data-dir", directory, FUNCTIONS, "-o", "parquet", *options)
    content = file.read_bytes() if to_file else done.data
    found = parquet.read_table(io.BytesIO(content))
    assert {field.name: str(field.type) for field in found.schema} == {
        "function": "string",
        "attempts": "uint32",
        "submitted": "timestamp[ns, tz=UTC]",
        "errors": "list<element: string>",
        "removed": "bool",
        "priority": "int32",
    }
    assert found.column("function").to_pylist()[:2] == ["lucky", "overdue"]


def test_parquet_of_types_that_it_does_not_have(run: Run, directory: Path) -> None:
    sql = "SELECT map('a', 1) AS m, (1, 'x') AS t, toDate('2023-11-14') AS d, toDecimal64(1.5, 2) AS f, NULL AS n, 1, 1"
    done = run("history", "query", "--data-dir", directory, sql, "-o", "parquet")
    (row,) = parquet.read_table(io.BytesIO(done.data)).to_pylist()
    assert (row["m"], row["t"], str(row["d"]), row["f"], row["n"], row["1"], row["1_2"]) == (
        '{"a":1}', '[1,"x"]', "2023-11-14", 1.5, None, 1, 1,
    )  # fmt: skip


def test_rows_left_out_are_told_of(run: Run, directory: Path) -> None:
    done = run(
        "history",
        "query",
        "--data-dir",
        directory,
        "SELECT offset FROM records",
        "--max-rows",
        "2",
        "-o",
        "json",
    )
    assert len(json.loads(done.out)) == 2
    assert "There are more than these 2 rows" in done.err


def test_parameters(run: Run, directory: Path) -> None:
    sql = "SELECT {a:String} AS a, {b:UInt8} + 1 AS b"
    done = run("history", "query", "--data-dir", directory, sql, "-p", "a=x=y", "-p", "b=1", "-o", "json")
    assert json.loads(done.out) == [{"a": "x=y", "b": 2}]


@pytest.mark.parametrize("query", named_queries(), ids=[query.name for query in named_queries()])
def test_named_queries_run(run: Run, directory: Path, query: NamedQuery) -> None:
    needed = [name for name, parameter in query.parameters.items() if parameter.default is None]
    options = [option for name in needed for option in ("-p", f"{name}=edge")]
    assert run("history", "query", "--data-dir", directory, "--named", query.name, *options).code == 0


def test_queries_are_listed_with_what_they_need(run: Run) -> None:
    listed = json.loads(run("history", "queries", "-o", "json").out)
    assert [query["name"] for query in listed] == [query.name for query in named_queries()]
    assert "slowest-functions" in run("history", "queries").out


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["SELECT colour FROM logs"], "Unknown expression identifier `colour`"),
        (["DROP TABLE log_rows"], "A query starts with SELECT"),
        (["SELECT {a:String}"], "The parameter a has no value"),
        (["SELECT 1", "-p", "a"], "--parameter a has no value"),
        (["--named", "nonsense"], "There is no query 'nonsense'"),
        (["--named", "evidence"], "evidence needs processid"),
        (["--named", "waiting", "-p", "x=1"], "waiting has no parameter x"),
        (["--named", "waiting", "SELECT 1"], "Give either a query or --named"),
        ([], "Give either a query or --named"),
        (["SELECT 1", "-o", "csv", "--file", "no/such/folder"], "no/such/folder cannot be written"),
    ],
)
def test_mistakes_are_told_in_a_line(run: Run, directory: Path, options: list[str], reason: str) -> None:
    done = run("history", "query", "--data-dir", directory, *options)
    assert done.code == 1
    assert reason in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["query", "SELECT 1"], "Nobody is there to ask the server: set COLONIES_COLONY_PRVKEY"),
        (["query", "SELECT 1", "--data-dir", "nowhere"], "There is no history in nowhere/history"),
        (["query", "SELECT 1", "--history", "mysql://me:pw@x"], "mysql:// is no history"),
        (["query", "SELECT 1", "--history", "clickhouse://127.0.0.1:1/x"], "cannot be used now"),
        (["replay"], "Say where the history is"),
        (["replay", "--history", "x"], "Say which ledger"),
        (["replay", "--data-dir", "nowhere"], "nowhere/ledger holds no ledger"),
    ],
)
def test_places_that_are_not_there(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("history", *arguments)
    assert done.code == 1
    assert reason in done.err
    assert "pw" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there(run: Run) -> None:
    keys = {"COLONIES_COLONY_PRVKEY": "1" * 64, "COLONIES_COLONY_NAME": "dev"}
    done = run("history", "query", "SELECT 1", "--port", "1", **keys)
    assert done.code == 1
    assert "No server answers" in done.err


def test_a_clickhouse_server(run: Run, keep: Keep, records: list[Record], tmp_path: Path) -> None:
    server = Server(tmp_path / "clickhouse")
    server.start()
    try:
        url = server.url("history")
        place = keep(records)
        done = run("history", "replay", *place.flags, "--history", url)
        assert done.code == 0
        query = run("history", "query", "--history", url, "SELECT count() AS n FROM records", "-o", "json")
        assert json.loads(query.out) == [{"n": len(records)}]
        assert run("history", "replay", *place.flags, "--history", url, "--afresh").code == 0
    finally:
        server.stop()
