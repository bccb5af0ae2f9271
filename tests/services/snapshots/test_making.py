"""Making snapshots of a ledger, and starting from them: the result is always that of folding everything."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from projections.digest import state_digest
from projections.event import Event
from projections.fold import apply
from projections.state import State
from projections.system import Checkpointed
from services.ledger import Ledger, open_ledger
from services.snapshots.base import SnapshotStore
from services.snapshots.loading import Loading, from_nothing, state_before
from services.snapshots.making import Made, checkpoints, make_snapshot
from services.snapshots.opening import open_store
from tests.golden.record import write
from tests.projections.world import World
from tests.services.snapshots.conftest import digest_at


async def made(ledger: Ledger, store: SnapshotStore, every: int = 0) -> Made:
    done = await make_snapshot(ledger, store, 0, every)
    assert done is not None
    return done


async def state_from(ledger: Ledger, store: SnapshotStore) -> tuple[int, State]:
    """Where a node starts from, and what it comes to when it has folded the rest."""
    state = await Loading(store).state(ledger, 0)
    start = state.next_offset
    async for events in ledger.read(0, start):
        for event in events:
            assert not apply(state, event).failures
    return start, state


def damage(store: SnapshotStore) -> None:
    """Change a byte of the newest snapshot."""
    path = Path(store.place) / store.list(0)[0].name.path
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


async def test_what_is_folded_anew_begins_with_the_newest_that_is_not_too_new(
    ledger: Ledger, store: SnapshotStore, events: list[Event], tmp_path: Path
) -> None:
    for every in (90, 100, 110):
        await made(ledger, store, every)
    positions = sorted(stored.name.position for stored in store.list(0))
    assert len(positions) == 3
    for position in range(0, len(events), 30):
        expected = max([0, *(each for each in positions if each <= position)])
        state = await state_before(ledger, store, 0, position)
        assert (state.next_offset, state_digest(state)) == (expected, digest_at(events, expected))
    (tmp_path / "file").write_text("")
    away = open_store(str(tmp_path / "file"))
    assert (await state_before(ledger, away, 0, len(events))).next_offset == 0
    assert (await from_nothing(0, len(events))).next_offset == 0


async def test_a_node_starts_from_the_newest(
    ledger: Ledger, store: SnapshotStore, events: list[Event]
) -> None:
    assert (await state_from(ledger, store))[0] == 0
    for every in (90, 100, 0):
        done = await made(ledger, store, every)
        assert done.digest == digest_at(events, done.position)
        assert done.size == store.list(0)[0].size
        start, state = await state_from(ledger, store)
        assert start == done.position
        assert state_digest(state) == digest_at(events, len(events))
    assert [each.name.position for each in store.list(0)] == [len(events), 400, 360]


async def test_positions_are_multiples_that_all_nodes_have(ledger: Ledger, directory: SnapshotStore) -> None:
    assert (await made(ledger, directory, 150)).position == 300
    again = await made(ledger, directory, 150)
    assert (again.position, again.size) == (300, 0)
    assert await make_snapshot(ledger, directory, 0, 10_000) is None


async def test_the_newest_three_are_kept(ledger: Ledger, directory: SnapshotStore) -> None:
    for every in (150, 170, 180, 95, 390, 200, 83, 0):
        await made(ledger, directory, every)
    assert [each.name.position for each in directory.list(0)] == [420, 415, 400]


async def test_a_damaged_one_is_skipped(
    ledger: Ledger, directory: SnapshotStore, events: list[Event], caplog: pytest.LogCaptureFixture
) -> None:
    for every in (180, 200, 0):
        await made(ledger, directory, every)
    damage(directory)
    start, state = await state_from(ledger, directory)
    assert start == 400
    assert "is damaged" in caplog.text
    assert state_digest(state) == digest_at(events, len(events))


async def test_without_any_usable_one_everything_is_folded(
    ledger: Ledger, directory: SnapshotStore, events: list[Event]
) -> None:
    await made(ledger, directory)
    damage(directory)
    start, state = await state_from(ledger, directory)
    assert start == 0
    assert state_digest(state) == digest_at(events, len(events))


async def test_one_of_another_ledger_is_not_used(
    ledger: Ledger, directory: SnapshotStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(reregister=True)
    world.colony("another")
    for _ in range(30):
        world.tick(1)
    other = tmp_path / "other"
    await write(other, world.events)
    opened = await open_ledger(other, read_only=True)
    try:
        theirs = await made(opened, directory, 10)
        start, _ = await state_from(ledger, directory)
        assert start == 0
        assert "it is of another ledger" in caplog.text
        ours = await made(ledger, directory)
        assert (await state_from(opened, directory))[0] == theirs.position
        assert (await state_from(ledger, directory))[0] == ours.position
    finally:
        await opened.close()


async def test_one_newer_than_a_restored_ledger_is_not_used(
    ledger: Ledger,
    directory: SnapshotStore,
    events: list[Event],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await made(ledger, directory, 100)
    await made(ledger, directory)
    await write(tmp_path / "restored", events[:410])
    restored = await open_ledger(tmp_path / "restored", read_only=True)
    try:
        start, state = await state_from(restored, directory)
    finally:
        await restored.close()
    assert start == 400
    assert state_digest(state) == digest_at(events, 410)
    assert "newer than the ledger, which ends at offset 410" in caplog.text


async def test_one_of_a_lost_end_is_not_used(
    ledger: Ledger,
    directory: SnapshotStore,
    events: list[Event],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A ledger that was restored without its end goes on with other records: the snapshot is of those it lost."""
    await made(ledger, directory, 100)
    await made(ledger, directory, 410)
    other = [replace(each, time=each.time + 1) for each in events[405:]]
    await write(tmp_path / "went on", [*events[:405], *other])
    went_on = await open_ledger(tmp_path / "went on", read_only=True)
    try:
        start, state = await state_from(went_on, directory)
    finally:
        await went_on.close()
    assert start == 400
    assert state_digest(state) == digest_at([*events[:405], *other], len(events))
    assert "was restored and went on" in caplog.text


async def test_a_store_that_is_away_is_no_harm(
    ledger: Ledger, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await state_from(ledger, open_store(f"{bucket.replace('bucket-', 'gone-')}")))[0] == 0
    assert "folded from its first record" in caplog.text


# -- checkpoints -----------------------------------------------------------------------------------------------


def claimed(claims: Sequence[tuple[int, str]], rules: int = 1) -> list[Event]:
    """A history in which nodes say what the records before some offsets come to; an empty claim is the truth."""
    world = World(reregister=True)
    world.colony()
    world.executor("edge1")
    for number in range(300):
        for offset, digest in claims:
            if len(world.events) == offset + 7:
                said = digest or digest_at(world.events, offset)
                world.system(Checkpointed(offset=offset, digest=said, rules=rules))
        world.submit(args=[number])
    return world.events


async def ledger_of(directory: Path, events: list[Event]) -> Ledger:
    await write(directory, events)
    return await open_ledger(directory, read_only=True)


LIE = "1" * 64


async def test_checkpoints_that_are_right_change_nothing(tmp_path: Path, directory: SnapshotStore) -> None:
    events = claimed([(100, ""), (200, "")])
    ledger = await ledger_of(tmp_path / "claimed", events)
    try:
        assert [claim.offset for claim, _ in await checkpoints(ledger, 0)] == [100, 200]
        for every in (100, 290):
            done = await made(ledger, directory, every)
            assert done.disagreement is None
        state = await Loading(directory).state(ledger, 0)
    finally:
        await ledger.close()
    assert state.checkpoint is not None
    assert (state.checkpoint.offset, state.checkpoint.digest) == (200, digest_at(events, 200))


async def test_a_wrong_checkpoint_is_met_and_kept_as_evidence(
    tmp_path: Path, directory: SnapshotStore
) -> None:
    """The claim is in the records that are folded for the next snapshot."""
    events = claimed([(100, ""), (200, LIE)])
    ledger = await ledger_of(tmp_path / "claimed", events)
    try:
        first = await make_snapshot(ledger, directory, 0, 90)
        assert first is not None
        wrong = first.disagreement
        assert wrong is not None
        assert (wrong.since, wrong.position, wrong.theirs) == (100, 200, LIE)
        assert wrong.ours == digest_at(events, 200)
        kept = open_store(wrong.evidence).list(0)
        assert [(each.name.position, each.name.digest) for each in kept] == [(200, wrong.ours)]
        again = await make_snapshot(ledger, directory, 0, 90)
        assert again is not None
        assert again.disagreement is not None
    finally:
        await ledger.close()


async def test_a_wrong_checkpoint_of_an_older_snapshot_is_met_later(
    tmp_path: Path, directory: SnapshotStore
) -> None:
    """The claim comes after the snapshot that it is about: the digest of that one is compared."""
    events = claimed([(200, LIE)])
    early = await ledger_of(tmp_path / "early", events[:205])
    assert (await made(early, directory, 100)).position == 200
    await early.close()
    ledger = await ledger_of(tmp_path / "claimed", events)
    try:
        done = await made(ledger, directory, 290)
    finally:
        await ledger.close()
    assert done.disagreement is not None
    assert done.disagreement.position == 200


async def test_a_claim_by_other_rules_is_not_compared(tmp_path: Path, directory: SnapshotStore) -> None:
    ledger = await ledger_of(tmp_path / "claimed", claimed([(200, LIE)], rules=2))
    try:
        assert (await made(ledger, directory, 290)).disagreement is None
    finally:
        await ledger.close()


# -- the process -----------------------------------------------------------------------------------------------


def run(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "services.snapshots", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False)


async def test_a_process_makes_one(tmp_path: Path, store: SnapshotStore, ledger: Ledger) -> None:
    ran = await asyncio.to_thread(run, tmp_path / "ledger", store.place, 0, 100)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    [stored] = store.list(0)
    assert (told["position"], told["digest"], told["size"]) == (400, stored.name.digest, stored.size)
    assert (await state_from(ledger, store))[0] == 400


@pytest.mark.parametrize(("place", "said"), [("nowhere", "no ledger"), ("", "cannot be used")])
async def test_a_process_that_cannot_says_why(tmp_path: Path, ledger: Ledger, place: str, said: str) -> None:
    (tmp_path / "file").write_text("")
    where = tmp_path / (place or "ledger")
    ran = await asyncio.to_thread(run, where, tmp_path / "file", 0, 100)
    assert ran.returncode == 1
    assert said in ran.stderr.decode()
    assert b"Traceback" not in ran.stderr
