"""The history of a real server: written beside the fold, asked through RPCs and the command line."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from colonyledger import Identity, SyncClient, function_spec
from colonyledger.errors import AccessDenied, InvalidRequest, NotFound
from colonyledger.wire import AddColony, Colony, HistoryResult, QueryHistory, QueryServerHistory

from services.node.dev import COLONY_OWNER, SERVER_OWNER, USER
from tests.conftest import StartServer
from tests.ledgers import Ledgers
from tests.servers import COLONY, STARTS_WITHIN, Server, clean_environment
from tests.services.history.server import Server as ClickHouse

COUNT = "SELECT count() FROM records WHERE payloadtype = 'submitfuncspecmsg'"


def client(server: Server, identity: Identity) -> SyncClient:
    return SyncClient(server.url, identity, colony="dev")


def ask(server: Server, sql: str, **parameters: str) -> HistoryResult:
    """What the server's owner is answered."""
    with client(server, SERVER_OWNER) as owner:
        return owner.call(QueryServerHistory(sql=sql, parameters=dict(parameters)))


def submit(server: Server, count: int) -> None:
    with client(server, USER) as user:
        for _ in range(count):
            user.submit(function_spec("echo", executortype="nobody"))


def until_counted(server: Server, sql: str, expected: int) -> None:
    """Ask until the history, which may lag, has come so far."""
    deadline = time.monotonic() + STARTS_WITHIN
    while (found := ask(server, sql).rows) != [[expected]]:
        assert time.monotonic() < deadline, f"{found} instead of {expected}"


def colony(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line against the server."""
    return subprocess.run(
        [str(COLONY), *arguments],
        env=clean_environment(**server.environment),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, ledgers: Ledgers) -> Iterator[Server]:
    """A server with its history in a directory, three processes, and another colony."""
    server = ledgers.server(tmp_path_factory.mktemp("asked"), "--dev", "--history", "chdb", variables={})
    try:
        server.start()
        submit(server, 3)
        with client(server, SERVER_OWNER) as owner:
            owner.call(AddColony(colony=Colony(Identity.generate().id, "hidden")))
        until_counted(server, "SELECT count() FROM records WHERE colony = 'hidden'", 1)
        yield server
        assert server.stop() == 0
    finally:
        server.end()


def test_owners_are_answered_and_others_are_not(asked: Server) -> None:
    sql = "SELECT DISTINCT colony FROM records WHERE colony != '' ORDER BY colony"
    with client(asked, COLONY_OWNER) as owner:
        assert owner.call(QueryHistory(colonyname="dev", sql=sql)).rows == [["dev"]]
    assert ask(asked, sql).rows == [["dev"], ["hidden"]]
    for identity, question in (
        (USER, QueryHistory(colonyname="dev", sql=sql)),
        (SERVER_OWNER, QueryHistory(colonyname="dev", sql=sql)),
        (COLONY_OWNER, QueryHistory(colonyname="hidden", sql=sql)),
        (COLONY_OWNER, QueryServerHistory(sql=sql)),
    ):
        with client(asked, identity) as stranger, pytest.raises(AccessDenied):
            stranger.call(question)


def test_a_question_that_may_not_be_asked_is_refused(asked: Server) -> None:
    with (
        client(asked, COLONY_OWNER) as owner,
        pytest.raises(InvalidRequest, match="file cannot be used here"),
    ):
        owner.call(QueryHistory(colonyname="dev", sql="SELECT file('/etc/passwd')"))


def test_the_command_line_asks_the_server(asked: Server) -> None:
    sql = "SELECT colony, count() AS n FROM records WHERE payloadtype = {kind:String} GROUP BY colony"
    given = ["-p", "kind=addcolonymsg", "-o", "json"]
    mine = colony(asked, "history", "query", sql, *given)
    assert json.loads(mine.stdout) == [{"colony": "dev", "n": 1}]
    every = colony(asked, "history", "query", sql, *given, "--all-colonies")
    assert sorted(row["colony"] for row in json.loads(every.stdout)) == ["dev", "hidden"]
    named = colony(asked, "history", "query", "--named", "waiting", "-o", "csv")
    assert named.stdout.splitlines()[1].startswith("dev,nobody,3,0,")


def test_the_command_line_says_what_the_server_says(asked: Server) -> None:
    refused = colony(asked, "history", "query", "DROP TABLE x")
    assert refused.returncode == 1
    assert "A query starts with SELECT" in refused.stderr


def test_a_directory_that_a_server_owns_is_not_opened(asked: Server) -> None:
    refused = colony(asked, "history", "query", "SELECT 1", "--data-dir", str(asked.directory))
    assert refused.returncode == 1
    assert "is in use by another process; ask the server that owns it" in refused.stderr


def test_the_ledger_of_a_running_server_can_be_looked_at(asked: Server) -> None:
    tail = colony(asked, "ledger", "tail", "--ledger", asked.ledger, "-o", "json")
    assert [line["who"] for line in json.loads(tail.stdout)].count("myuser") == 3
    assert colony(asked, "ledger", "verify", "--ledger", asked.ledger).returncode == 0


def test_the_lag_is_a_metric(asked: Server) -> None:
    assert "colonyledger_history_lag_records" in httpx.get(f"{asked.url}/metrics").text


def test_a_server_that_was_killed_misses_nothing(start_server: StartServer) -> None:
    server = start_server("--dev", "--history", "chdb")
    submit(server, 20)
    server.kill()
    server.start()
    until_counted(server, COUNT, 20)
    assert server.stop() == 0
    server.start()
    until_counted(server, COUNT, 20)
    until_counted(server, "SELECT count() FROM processes", 20)


def test_a_history_that_is_turned_on_later_begins_at_the_beginning(start_server: StartServer) -> None:
    server = start_server("--dev")
    submit(server, 5)
    with client(server, SERVER_OWNER) as owner, pytest.raises(NotFound, match="keeps no history"):
        owner.call(QueryServerHistory(sql="SELECT 1"))
    server.stop()
    server.flags = ("--dev", "--history", "chdb")
    server.start()
    until_counted(server, COUNT, 5)


def test_a_history_in_a_clickhouse_server(start_server: StartServer, tmp_path: Path) -> None:
    clickhouse = ClickHouse(tmp_path / "clickhouse")
    clickhouse.start()
    try:
        server = start_server("--dev", "--history", clickhouse.url("history"))
        submit(server, 5)
        until_counted(server, COUNT, 5)
        server.stop()
    finally:
        clickhouse.stop()
