"""`colony ledger snapshot` and `snapshots`, and what `verify` says of checkpoints."""

from __future__ import annotations

import asyncio
import json

import pytest
from colonyledger.record import Record

from projections.digest import state_digest
from projections.system import Checkpointed
from services.ledger import open_ledger
from tests.ledgers import stored
from tests.projections.world import World, refold
from tests.services.cli.conftest import Keep, Kept, Run
from tests.services.history.story import tell


def snapshots(run: Run, place: Kept, *flags: str) -> list[dict[str, object]]:
    done = run("ledger", "snapshots", *place.flags, "--json", *flags)
    assert done.code == 0, done.err
    listed: list[dict[str, object]] = json.loads(done.out)
    return listed


def test_one_is_made_and_listed(run: Run, keep: Keep, records: list[Record]) -> None:
    place = keep(records)
    assert snapshots(run, place) == []
    done = run("ledger", "snapshot", *place.flags)
    assert done.code == 0, done.err
    assert str(len(records)) in done.out
    again = run("ledger", "snapshot", *place.flags)
    assert "there already" in again.out
    for flags in ((), ("--check",)):
        [listed] = snapshots(run, place, *flags)
        assert (listed["partition"], listed["position"], listed["fault"]) == (0, len(records), "")
    [file] = (place.directory / "snapshots").glob("*/*.snapshot")
    assert (listed["size"], listed["digest"]) == (file.stat().st_size, file.stem[-64:])
    assert "yes" in run("ledger", "snapshots", *place.flags).out


def test_damage_is_told(run: Run, keep: Keep, records: list[Record]) -> None:
    place = keep(records)
    assert run("ledger", "snapshot", *place.flags).code == 0
    [file] = (place.directory / "snapshots").glob("*/*.snapshot")
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
    kept = place.directory / "kept"
    assert run("ledger", "snapshot", *place.flags, "--snapshots", kept).code == 0
    done = run("ledger", "snapshots", "--ledger", place.ledger, "--snapshots", kept, "--json")
    assert sorted(each["partition"] for each in json.loads(done.out)) == [0, 1]


def test_the_place_has_to_be_said(run: Run) -> None:
    done = run("ledger", "snapshots", "--ledger", "x")
    assert done.code != 0
    assert "--snapshots" in done.err


def claimed(keep: Keep, digest: str, offset: int = 20) -> tuple[Kept, int]:
    """The story with a checkpoint at its end, and the offset of that; an empty digest is the truth."""
    world = World()
    tell(world)
    place = keep([event.record for event in world.events])
    end = len(world.events)

    async def true_digest() -> str:
        ledger = await open_ledger(place.ledger, read_only=True)
        [events] = await stored(ledger)
        await ledger.close()
        return state_digest(refold(events[:offset]))

    world.system(Checkpointed(offset=offset, digest=digest or asyncio.run(true_digest())))
    keep([event.record for event in world.events[end:]])
    return place, end


def test_a_true_checkpoint_is_verified(run: Run, keep: Keep) -> None:
    place, _ = claimed(keep, "")
    done = run("ledger", "verify", *place.flags)
    assert done.code == 0, done.err


@pytest.mark.parametrize(("offset", "said"), [(20, "come to 1111"), (10_000, "that are not there")])
def test_a_false_checkpoint_is_found(run: Run, keep: Keep, offset: int, said: str) -> None:
    place, end = claimed(keep, "1" * 64, offset)
    done = run("ledger", "verify", *place.flags)
    assert done.code == 1
    assert f"offset {end}: " in done.err
    assert said in done.err
    made = run("ledger", "snapshot", *place.flags)
    assert made.code == (1 if offset == 20 else 0)
    assert run("ledger", "snapshot", *place.flags, "--despite-checkpoints").code == 0


def test_help_is_shown(run: Run) -> None:
    for name in ("snapshot", "snapshots", "tail", "verify"):
        assert run("ledger", name, "--help").code == 0
