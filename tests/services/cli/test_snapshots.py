"""`colony ledger snapshot` and `snapshots`, and what `verify` says of checkpoints."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from colonyledger.record import Record

from projections.digest import state_digest
from projections.event import Event
from projections.system import Checkpointed
from tests.golden.record import write
from tests.projections.world import World, refold
from tests.services.cli.conftest import Keep, Run
from tests.services.history.story import tell


def snapshots(run: Run, place: Path, *flags: str) -> list[dict[str, object]]:
    done = run("ledger", "snapshots", "--data-dir", place, "--json", *flags)
    assert done.code == 0, done.err
    listed: list[dict[str, object]] = json.loads(done.out)
    return listed


def test_one_is_made_and_listed(run: Run, keep: Keep, records: list[Record]) -> None:
    place = keep(records)
    assert snapshots(run, place) == []
    done = run("ledger", "snapshot", "--data-dir", place)
    assert done.code == 0, done.err
    assert str(len(records)) in done.out
    again = run("ledger", "snapshot", "--data-dir", place)
    assert "there already" in again.out
    for flags in ((), ("--check",)):
        [listed] = snapshots(run, place, *flags)
        assert (listed["partition"], listed["position"], listed["fault"]) == (0, len(records), "")
    [file] = (place / "snapshots").glob("*/*.snapshot")
    assert (listed["size"], listed["digest"]) == (file.stat().st_size, file.stem[-64:])
    assert "yes" in run("ledger", "snapshots", "--data-dir", place).out


def test_damage_is_told(run: Run, keep: Keep, records: list[Record]) -> None:
    place = keep(records)
    assert run("ledger", "snapshot", "--data-dir", place).code == 0
    [file] = (place / "snapshots").glob("*/*.snapshot")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert [each["fault"] for each in snapshots(run, place)] == [""]
    assert "is damaged" in str(snapshots(run, place, "--check")[0]["fault"])
    data[3] ^= 1
    file.write_bytes(data)
    assert "does not start as a snapshot" in str(snapshots(run, place)[0]["fault"])


def test_every_partition_has_its_own(run: Run, keep: Keep, records: list[Record]) -> None:
    place = keep(records, partitions=2)
    assert run("ledger", "snapshot", "--data-dir", place, "--snapshots", place / "kept").code == 0
    listed = json.loads(
        run("ledger", "snapshots", "--ledger", place / "ledger", "--snapshots", place / "kept", "--json").out
    )
    assert [each["partition"] for each in listed] == [0, 1] or [each["partition"] for each in listed] == [
        1,
        0,
    ]


def test_the_place_has_to_be_said(run: Run) -> None:
    done = run("ledger", "snapshots", "--ledger", "x")
    assert done.code != 0
    assert "--snapshots" in done.err


def claimed(digest: str, offset: int = 20) -> list[Event]:
    """The story, with a checkpoint at its end; an empty digest is the truth."""
    world = World()
    tell(world)
    world.system(Checkpointed(offset=offset, digest=digest or state_digest(refold(world.events[:offset]))))
    return world.events


def test_a_true_checkpoint_is_verified(run: Run, tmp_path: Path) -> None:
    asyncio.run(write(tmp_path / "ledger", claimed("")))
    done = run("ledger", "verify", "--data-dir", tmp_path)
    assert done.code == 0, done.err


@pytest.mark.parametrize(("offset", "said"), [(20, "come to 1111"), (10_000, "that are not there")])
def test_a_false_checkpoint_is_found(run: Run, tmp_path: Path, offset: int, said: str) -> None:
    records = claimed("1" * 64, offset)
    place = tmp_path
    asyncio.run(write(place / "ledger", records))
    done = run("ledger", "verify", "--data-dir", place)
    assert done.code == 1
    assert f"offset {len(records) - 1}: " in done.err
    assert said in done.err
    made = run("ledger", "snapshot", "--data-dir", place)
    assert made.code == (1 if offset == 20 else 0)
    assert run("ledger", "snapshot", "--data-dir", place, "--despite-checkpoints").code == 0


def test_help_is_shown(run: Run) -> None:
    for name in ("snapshot", "snapshots", "tail", "verify"):
        assert run("ledger", name, "--help").code == 0
