"""Opening engines: what is said when it does not work."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from services.history import opening as opening_module
from services.history.asking import ask
from services.history.engine import HistoryRefused, HistoryUnavailable
from services.history.opening import open_history
from tests.projections.world import World
from tests.services.history.asked import LIMITS, rows, write
from tests.services.history.server import Server

HOLD = """
import sys
from services.history.opening import open_history
engine = open_history(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
"""


def test_a_directory_in_use_is_said_to_be(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "history")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(HistoryRefused, match="is in use by another process"):
            open_history(tmp_path / "history")
        holder.communicate("\n", timeout=60)
    open_history(tmp_path / "history").close()


def test_a_directory_can_be_opened_again_after_it_was_closed(tmp_path: Path, world: World) -> None:
    engine = open_history(tmp_path / "history")
    write(engine, world)
    engine.close()
    again = open_history(str(tmp_path / "history"))
    assert rows(again, "SELECT count() FROM records") == [[len(world.events)]]
    again.close()


def test_a_second_directory_must_wait(tmp_path: Path) -> None:
    engine = open_history(tmp_path / "one")
    with pytest.raises(HistoryRefused, match="cannot be opened"):
        open_history(tmp_path / "two")
    engine.close()


def test_no_chdb_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str) -> ModuleSpec | None:
        assert name == "chdb"
        return None

    monkeypatch.setattr(opening_module, "find_spec", find_spec)
    with pytest.raises(HistoryRefused, match=r"install colony-ledger\[chdb\]"):
        open_history(tmp_path / "history")


@pytest.mark.parametrize("module", ["chdb", "clickhouse_connect", "pyarrow", "sqlglot"])
def test_a_server_without_history_does_not_load_what_it_takes(module: str) -> None:
    code = (
        "import sys\n"
        "from services.history.answering import Answering\n"
        "import services.history.engine, services.history.sink\n"
        "Answering(None)\n"
        f"sys.exit({module!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "url",
    [
        "clickhouse://",
        "clickhouse://host:port/x",
        "clickhouse://host/default",
        "clickhouse://host/system",
        "clickhouse://host/a-b",
        "clickhouse://host/a/b",
        "postgres://host/x",
        "http://host:8123",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(HistoryRefused):
        open_history(url)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(HistoryRefused) as refused:
        open_history("clickhouse://me:hunter2@host:port/x")
    assert "hunter2" not in str(refused.value)


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    engine = open_history(Server(tmp_path).url("nowhere"))
    for call in (engine.prepare, engine.positions, engine.functions, lambda: engine.select("SELECT 1")):
        with pytest.raises(HistoryUnavailable, match=r"\.$"):
            call()
    engine.close()


def test_a_question_before_anything_was_written(location: str) -> None:
    engine = open_history(location)
    with pytest.raises(HistoryUnavailable, match="There is no history yet"):
        ask(engine, None, "SELECT count() FROM records", {}, LIMITS)
    engine.prepare()
    assert rows(engine, "SELECT count() FROM records") == [[0]]
    engine.close()
