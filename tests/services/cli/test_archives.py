"""`colony ledger archive` and `restore`, and `verify` of an archive."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import IO

import pytest
from colonyledger.record import Record

from tests.processes import killed_when_late
from tests.servers import COLONY, clean_environment
from tests.services.cli.conftest import Keep, Run


def verified(run: Run, place: str | Path) -> object:
    done = run("ledger", "verify", "--ledger", place, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_ledger_is_archived_verified_and_restored(
    run: Run, keep: Keep, records: list[Record], tmp_path: Path
) -> None:
    place, archive, restored = keep(records), tmp_path / "archive", tmp_path / "restored"
    done = run("ledger", "archive", *place.flags, "--to", archive, "--json")
    assert done.code == 0, done.err
    [archived] = json.loads(done.out)
    assert (archived["partition"], archived["end"], archived["records"]) == (0, len(records), len(records))
    assert archived["digest"] in run("ledger", "archive", *place.flags, "--to", archive, "--json").out
    assert run("ledger", "archive", *place.flags, "--to", archive).out.count("│") > 1
    assert verified(run, archive) == verified(run, place.ledger)

    made = run("ledger", "restore", "--from", archive, "--to", restored)
    assert made.code == 0, made.err
    assert f"The ledger is restored Records={len(records)}" in made.err
    assert verified(run, restored) == verified(run, place.ledger)
    again = run("ledger", "restore", "--from", archive, "--to", restored)
    assert (again.code, "is a ledger already" in again.err) == (1, True)


def test_an_archive_is_looked_at_like_a_ledger(
    run: Run, keep: Keep, records: list[Record], tmp_path: Path
) -> None:
    place, archive = keep(records), str(tmp_path / "archive")
    assert run("ledger", "archive", *place.flags, "--to", archive).code == 0
    shown = run("ledger", "tail", "--ledger", archive, "-n", "5", "--json").out
    assert shown == run("ledger", "tail", *place.flags, "-n", "5", "--json").out


def test_a_damaged_archive_is_told(run: Run, keep: Keep, records: list[Record], tmp_path: Path) -> None:
    place, archive = keep(records), tmp_path / "archive"
    assert run("ledger", "archive", *place.flags, "--to", archive).code == 0
    [path] = archive.glob("*/*.segment")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    for words in (("verify", "--ledger"), ("restore", "--to", tmp_path / "restored", "--from")):
        done = run("ledger", *words, archive)
        assert done.code == 1
        assert f"partition 0, offset 0: partition-00000/{path.name} is not what was archived" in done.err
    path.unlink()
    assert "is missing in" in run("ledger", "verify", "--ledger", archive).err


def test_a_ledger_is_restored_to_a_time(run: Run, keep: Keep, records: list[Record], tmp_path: Path) -> None:
    place = keep(records)
    restored = tmp_path / "restored"
    for until, kept in (("2001-09-09T01:46:40Z", 0), ("2999-01-01", len(records))):
        words = ("--from", place.ledger, "--to", restored / until[:4], "--until", until)
        done = run("ledger", "restore", *words, "--json")
        assert json.loads(done.out) == [{"partition": 0, "records": kept}]
    wrong = run("ledger", "restore", "--from", place.ledger, "--to", restored, "--until", "yesterday")
    assert wrong.code != 0
    assert "'yesterday' is no time such as" in wrong.err


def test_what_is_no_archive_is_said(run: Run, tmp_path: Path) -> None:
    done = run("ledger", "restore", "--from", tmp_path, "--to", tmp_path / "restored")
    assert (done.code, "holds no ledger" in done.err) == (1, True)
    none = run("ledger", "archive", "--to", tmp_path / "archive")
    assert none.code != 0
    assert "--data-dir" in none.err
    done = run("ledger", "archive", "--ledger", tmp_path / "nothing", "--to", tmp_path / "archive")
    assert (done.code, "holds no ledger" in done.err) == (1, True)
    assert not (tmp_path / "archive").exists()


def until_archived(said: IO[str], records: int) -> None:
    """Read what is said until so many records more are archived, in one go or in several."""
    while records > 0:
        found = re.search(r"Archived Records=(\d+)", said.readline())
        assert found
        records -= int(found[1])
    assert records == 0


def test_the_archive_follows(run: Run, keep: Keep, records: list[Record], tmp_path: Path) -> None:
    place, archive = keep(records[:10]), tmp_path / "archive"
    command = [
        str(COLONY),
        "ledger",
        "archive",
        *place.flags,
        "--to",
        str(archive),
        "--follow",
        "--every",
        "1",
    ]
    process = subprocess.Popen(command, env=clean_environment(), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        with killed_when_late(process):
            until_archived(process.stderr, 10)
            keep(records[10:])
            until_archived(process.stderr, len(records) - 10)
    finally:
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=60)
    assert "Traceback" not in rest
    assert process.returncode in (1, 130)
    assert verified(run, archive) == verified(run, place.ledger)


@pytest.mark.parametrize("name", ["archive", "restore"])
def test_help_is_shown(run: Run, name: str) -> None:
    assert run("ledger", name, "--help").code == 0
