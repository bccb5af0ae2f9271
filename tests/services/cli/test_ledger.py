"""`colony ledger`: tail and verify."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from colonyledger.record import Record
from msgspec.structs import replace

from projections.digest import state_digest
from projections.event import Event
from projections.fold import apply
from projections.state import State
from services.cli.verification import BadRecord, verify
from services.ledger import open_ledger
from tests.ledgers import stored
from tests.projections.world import World, identity
from tests.servers import COLONY, clean_environment
from tests.services.cli.conftest import Keep, Run
from tests.services.history.stored_ledger import StoredLedger
from tests.services.history.story import tell


def test_tail_tells_who_signed_what(run: Run, keep: Keep, records: list[Record]) -> None:
    done = run("ledger", "tail", *keep(records).flags, "-n", "3")
    assert done.code == 0
    lines = done.out.splitlines()
    assert ["approveexecutormsg" in line for line in lines].count(True) == 0
    assert [line.split("│")[3:7] for line in lines if "msg" in line] == [
        [" mallory   ", " submitfuncspecmsg ", " other  ", "    200 "],
        [" spy       ", " assignprocessmsg  ", " other  ", "    200 "],
        [" spy       ", " addlogmsg         ", " other  ", "    200 "],
    ]


def test_tail_as_json_has_everything(run: Run, keep: Keep, records: list[Record]) -> None:
    done = run("ledger", "tail", *keep(records).flags, "-n", "1000", "-o", "json")
    lines = json.loads(done.out)
    assert [line["offset"] for line in lines] == list(range(len(records)))
    assert [line["identity"] for line in lines] == [record.identity for record in records]
    assert lines[0]["who"] == "node"
    assert {line["status"] for line in lines} >= {200, 403, 500}


def test_tail_without_folding_shows_keys(run: Run, keep: Keep, records: list[Record]) -> None:
    done = run("ledger", "tail", *keep(records).flags, "-n", "1", "--no-fold")
    assert f"…{records[-1].identity[-12:]}" in done.out
    assert "Status" not in done.out


def test_tail_of_several_partitions_is_in_the_order_of_time(
    run: Run, keep: Keep, records: list[Record]
) -> None:
    place = keep(records, partitions=3)

    async def in_order() -> list[tuple[int, int]]:
        ledger = await open_ledger(place.ledger, read_only=True)
        events = sorted(
            (event.time, partition, event.offset)
            for partition, events in enumerate(await stored(ledger))
            for event in events
        )
        await ledger.close()
        return [(partition, offset) for _, partition, offset in events]

    done = run("ledger", "tail", *place.flags, "-n", "5", "-o", "json")
    shown = [(line["partition"], line["offset"]) for line in json.loads(done.out)]
    assert shown == asyncio.run(in_order())[-5:]


def test_nothing_is_shown_if_nothing_is_asked_for(run: Run, keep: Keep, records: list[Record]) -> None:
    assert json.loads(run("ledger", "tail", *keep(records).flags, "-n", "0", "-o", "json").out) == []


@pytest.mark.parametrize("form", ["table", "json"])
def test_following_goes_on_with_what_is_appended(keep: Keep, records: list[Record], form: str) -> None:
    place = keep(records[:5])
    command = [str(COLONY), "ledger", "tail", *place.flags, "-n", "2", "--follow", "-o", form]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment()) as tail:
        assert tail.stdout is not None
        try:
            shown = [tail.stdout.readline() for _ in range(2)]
            keep(records[5:8])
            shown += [tail.stdout.readline() for _ in range(3)]
        finally:
            tail.terminate()
    assert [record.payloadtype in line for record, line in zip(records[3:8], shown, strict=True)] == [
        True
    ] * 5
    if form == "json":
        assert [json.loads(line)["offset"] for line in shown] == [3, 4, 5, 6, 7]


def test_a_true_ledger_is_verified(run: Run, keep: Keep, records: list[Record]) -> None:
    place = keep(records)

    async def digest() -> str:
        ledger = await open_ledger(place.ledger, read_only=True)
        state = State()
        async for events in ledger.read(0):
            for event in events:
                apply(state, event)
        await ledger.close()
        return state_digest(state)

    done = run("ledger", "verify", *place.flags, "-o", "json")
    assert done.code == 0
    (verified,) = json.loads(done.out)
    assert verified["records"] == len(records)
    assert verified["signers"] == len({record.identity for record in records})
    assert verified["digest"] == asyncio.run(digest())
    assert 0 < verified["first"] <= verified["last"]


def test_every_partition_is_verified(run: Run, keep: Keep, records: list[Record]) -> None:
    done = run("ledger", "verify", *keep(records, partitions=4).flags, "-o", "json")
    assert [part["partition"] for part in json.loads(done.out)] == [0, 1, 2, 3]
    assert sum(part["records"] for part in json.loads(done.out)) == len(records)


def test_an_empty_ledger_is_true(run: Run, keep: Keep) -> None:
    done = run("ledger", "verify", *keep([]).flags)
    assert done.code == 0


LIES: dict[str, tuple[Callable[[Record], Record], str]] = {
    "payload": (lambda record: replace(record, payload=b"e30="), "its digest is not that of its payload"),
    "digest": (lambda record: replace(record, digest=bytes(32)), "its digest is not that of its payload"),
    "signature": (lambda record: replace(record, signature=bytes(65)), "its signature is none"),
    "forged": (
        lambda record: replace(record, signature=identity("forger").sign_digest(record.digest)),
        f"it was signed by {identity('forger').id}",
    ),
    "identity": (lambda record: replace(record, identity=identity("victim").id), "it was signed by"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found_where_it_is(run: Run, keep: Keep, records: list[Record], lie: str) -> None:
    falsify, reason = LIES[lie]
    records[17] = falsify(records[17])
    records[30] = falsify(records[30])
    done = run("ledger", "verify", *keep(records).flags)
    assert done.code == 1
    assert f"Error: partition 0, offset 17: {reason}" in done.err
    assert done.out == ""


@pytest.mark.embedded("damages a segment file")
def test_damage_is_found_where_it_is(run: Run, keep: Keep, records: list[Record]) -> None:
    directory = keep(records).directory
    segment = next(directory.rglob("*.segment"))
    content = bytearray(segment.read_bytes())
    content[content.index(records[12].payload)] ^= 1
    segment.write_bytes(content)
    done = run("ledger", "verify", "--data-dir", directory)
    assert done.code == 1
    assert "Error: partition 0, offset 12:" in done.err


@pytest.fixture
def events() -> list[Event]:
    world = World()
    tell(world)
    return world.events


async def test_time_that_runs_backwards_is_found(events: list[Event]) -> None:
    events[20].time = events[19].time - 1
    with pytest.raises(BadRecord, match="partition 0, offset 20: its time is before"):
        await verify(StoredLedger(events))


async def test_a_missing_record_is_found(events: list[Event]) -> None:
    del events[9]
    with pytest.raises(BadRecord, match="partition 0, offset 10: the record before it has offset 8"):
        await verify(StoredLedger(events))


async def test_the_first_of_several_lies_is_told(events: list[Event]) -> None:
    events[24].record = replace(events[24].record, digest=bytes(32))
    events[23].time = 0
    with pytest.raises(BadRecord, match="offset 23"):
        await verify(StoredLedger(events))
    events[22].record = replace(events[22].record, digest=bytes(32))
    with pytest.raises(BadRecord, match="offset 22"):
        await verify(StoredLedger(events))


async def test_progress_is_told(events: list[Event]) -> None:
    steps: list[tuple[int, int]] = []
    await verify(StoredLedger(events), lambda done, all_: steps.append((done, all_)))
    assert steps == sorted(steps)
    assert steps[-1] == (len(events), len(events))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "Say which ledger: --data-dir"),
        (["--data-dir", "nowhere"], "nowhere/ledger holds no ledger"),
        (["--ledger", "mysql://x"], "is no ledger"),
        (["--ledger", "kafka://nobody"], "is no ledger"),
    ],
)
@pytest.mark.parametrize("name", ["tail", "verify"])
def test_a_ledger_that_is_not_there(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, options: list[str], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("ledger", name, *options)
    assert done.code == 1
    assert reason in done.err
    assert list(tmp_path.iterdir()) == []
