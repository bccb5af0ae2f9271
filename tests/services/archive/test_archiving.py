"""What is archived is all that is in the ledger, whoever is interrupted, and however many do it."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from services.archive import Archive, Archived, ArchiveStore, archive, open_archive_store
from services.ledger import LedgerCorrupt, LedgerRefused, LedgerUnavailable, open_ledger
from services.ledger.codec import decode
from services.ledger.copying import Copied, copy_source, copy_target
from tests.services.archive.conftest import (
    Fill,
    Place,
    archived_from,
    events_in,
    files_of,
    killed_again_and_again,
    records_in,
)

Histories = list[list[Copied]]

PROGRAM = """
import asyncio, sys
from services.archive import archive, open_archive_store
from services.ledger.copying import copy_source

async def run():
    async with copy_source(sys.argv[1]) as source:
        await archive(source, open_archive_store(sys.argv[2]), object_bytes=1)

asyncio.run(run())
"""


@pytest.mark.parametrize("kind", ["embedded", "kafka"])
async def test_everything_is_archived_once(
    new_place: Callable[[str], str], fill: Fill, histories: Histories, archive_place: str, kind: str
) -> None:
    ledger = await fill(new_place(kind), slice(120), slice(0))
    first = await archived_from(ledger, archive_place, 50_000)
    assert [(each.end, each.records) for each in first] == [(120, 120), (0, 0)]
    assert first[0].objects > 1
    assert first[0].size == sum(len(record.body) + 16 for record in histories[0][:120])
    assert await records_in(archive_place) == [histories[0][:120], []]
    again = await archived_from(ledger, archive_place)
    assert [(each.end, each.records, each.objects) for each in again] == [(120, 0, 0), (0, 0, 0)]
    assert [each.digest for each in again] == [each.digest for each in first]


@pytest.mark.parametrize("kind", ["embedded", "kafka"])
async def test_the_next_run_adds_what_came_since(
    new_place: Callable[[str], str], archive_place: str, histories: Histories, kind: str
) -> None:
    """Beside a server that writes; in the end nothing is there twice, and nothing that was there has changed."""
    place = new_place(kind)
    ledger = await open_ledger(place, partitions=2)
    seen: dict[str, str] = {}
    async with copy_source(place) as source:
        store = open_archive_store(archive_place)
        for number in range(4):
            for _, body in histories[0][number * 10 : number * 10 + 10]:
                await ledger.append(0, decode(body))
            added = await archive(source, store)
            assert [each.records for each in added] == [10, 0]
            named = {entry.name(0): entry.sha256 for entry in (await Archive.open(archive_place)).entries(0)}
            assert seen.items() <= named.items()
            seen = named
    await ledger.close()
    assert len(seen) == 4
    events = await events_in(place)
    assert [[decode(body) for _, body in records] for records in await records_in(archive_place)] == [
        [event.record for event in partition] for partition in events
    ]
    assert [record.time for record in (await records_in(archive_place))[0]] == [
        event.time for event in events[0]
    ]


async def test_objects_are_segments_of_a_ledger(
    on_disk: Place, fill: Fill, archive_directory: Path, tmp_path: Path
) -> None:
    """Copied under their first offsets they are a ledger, without any program."""
    ledger = await fill(on_disk())
    await archived_from(ledger, str(archive_directory), 40_000)
    by_hand = tmp_path / "by-hand"
    for partition in range(2):
        (by_hand / str(partition)).mkdir(parents=True)
    for path in files_of(archive_directory):
        partition = int(path.parent.name.removeprefix("partition-"))
        shutil.copy(path, by_hand / str(partition) / f"{path.name[:20]}.segment")
    assert len(files_of(archive_directory)) > 4
    (by_hand / "ledger.json").write_text('{"format": 1, "partitions": 2}')
    assert await events_in(str(by_hand)) == await events_in(ledger)


async def test_a_manifest_is_as_documented(on_disk: Place, fill: Fill, archive_directory: Path) -> None:
    """Every line can be checked with sha256sum."""
    done = await archived_from(await fill(on_disk()), str(archive_directory), 100_000)

    def sha256sum(data: bytes) -> str:
        ran = subprocess.run(["sha256sum"], input=data, capture_output=True, check=True)
        return ran.stdout.split()[0].decode()

    for partition in range(2):
        folder = archive_directory / f"partition-{partition:05d}"
        lines = (folder / "manifest.jsonl").read_bytes().splitlines()
        assert json.loads(lines[0]) == {
            "format": 1,
            "partitions": 2,
            "partition": partition,
            "earlier": None,
        }
        offset = 0
        for before, line in pairwise(lines):
            entry = json.loads(line)
            assert (entry["offset"], entry["before"]) == (offset, sha256sum(before))
            data = (folder / f"{offset:020d}-{entry['sha256']}.segment").read_bytes()
            assert (entry["sha256"], entry["size"]) == (sha256sum(data), len(data))
            offset += entry["records"]
        assert (done[partition].end, done[partition].digest) == (offset, sha256sum(lines[-1]))
    assert json.loads((archive_directory / "archive.json").read_bytes()) == {"format": 1, "partitions": 2}


async def test_two_at_a_time_do_no_harm(
    on_disk: Place, fill: Fill, histories: Histories, archive_place: str
) -> None:
    ledger = await fill(on_disk())
    sizes = [20_000, 30_000, 45_000]
    ended = await asyncio.gather(*(archived_from(ledger, archive_place, size) for size in sizes))
    assert {each.end for done in ended for each in done} == {300}
    # The manifest that was written last may be that of the slowest, which the next run completes.
    await archived_from(ledger, archive_place)
    assert await records_in(archive_place) == histories


class Dying:
    """A store of which nothing is heard any more after so many objects are written."""

    def __init__(self, store: ArchiveStore, writes: int) -> None:
        self._store = store
        self._left = writes
        self.place = store.place

    def read(self, name: str) -> bytes | None:
        return self._store.read(name)

    def write(self, name: str, data: bytes) -> None:
        if not self._left:
            raise LedgerUnavailable("the line is cut")
        self._left -= 1
        self._store.write(name, data)


async def test_wherever_it_ends_the_archive_is_whole(
    on_disk: Place, fill: Fill, histories: Histories, archive_directory: Path
) -> None:
    ledger = await fill(on_disk())
    for writes in count():
        directory = archive_directory / str(writes)
        try:
            await archived_from(ledger, Dying(open_archive_store(str(directory)), writes), 60_000)
        except LedgerUnavailable:
            pass
        else:
            break
        if writes:
            for found, original in zip(await records_in(str(directory)), histories, strict=True):
                assert found == original[: len(found)]
        await archived_from(ledger, str(directory), 60_000)
        assert await records_in(str(directory)) == histories
    assert writes > 10


def test_a_process_is_killed_again_and_again(
    on_disk: Place, fill: Fill, histories: Histories, archive_directory: Path
) -> None:
    """Each gets a little further, until one comes to the end."""
    ledger, place = asyncio.run(fill(on_disk())), str(archive_directory)
    kills = 0
    for _ in killed_again_and_again(
        PROGRAM, ledger, place, progress=lambda: len(files_of(archive_directory)), step=90
    ):
        kills += 1
        for found, whole in zip(asyncio.run(records_in(place)), histories, strict=True):
            assert found == whole[: len(found)]
    assert kills > 2
    assert asyncio.run(records_in(place)) == histories


async def test_a_long_manifest_is_divided(
    on_disk: Place, histories: Histories, archive_directory: Path
) -> None:
    """Of 2,600 objects, so that what is set aside refers to what was set aside before."""
    ledger, records = on_disk(), histories[0] * 9
    async with copy_target(ledger, 1) as target:
        await target.write(0, records[:2600])
        await target.finish()
    first = await archived_from(ledger, str(archive_directory), 1)
    assert (first[0].end, first[0].objects) == (2600, 2600)
    parts = files_of(archive_directory, "*/manifest*.jsonl")
    assert len(parts) > 3
    assert all(len(part.read_bytes().splitlines()) <= 1024 for part in parts)
    assert (await records_in(str(archive_directory)))[0] == records[:2600]
    assert (await archived_from(ledger, str(archive_directory)))[0].records == 0
    parts[0].write_bytes(parts[1].read_bytes())
    with pytest.raises(LedgerCorrupt, match=parts[0].name):
        await Archive.open(str(archive_directory))
    parts[0].unlink()
    with pytest.raises(LedgerCorrupt, match=f"{parts[0].name} is missing"):
        await Archive.open(str(archive_directory))


async def test_another_ledger_is_not_archived_there(on_disk: Place, fill: Fill, archive_place: str) -> None:
    await archived_from(await fill(on_disk(), slice(100), slice(50)), archive_place)
    before = await records_in(archive_place)
    shorter = await fill(on_disk(), slice(100), slice(49))
    with pytest.raises(
        LedgerRefused, match="partition 1 of this one ends at offset 49, and the archive at 50"
    ):
        await archived_from(shorter, archive_place)
    for other in (slice(1, 101), slice(1, 200)):
        ledger = await fill(on_disk(), other, slice(50))
        with pytest.raises(LedgerRefused, match="partition 0 of this one has another record at offset 99"):
            await archived_from(ledger, archive_place)
    one = on_disk()
    await (await open_ledger(one)).close()
    with pytest.raises(LedgerRefused, match="of a ledger with 2 partitions, not 1"):
        await archived_from(one, archive_place)
    assert await records_in(archive_place) == before


async def test_what_is_not_damaged_is_archived(
    on_disk: Place, fill: Fill, histories: Histories, archive_place: str
) -> None:
    """Everything before the damaged record, and the other partition; so it is the next time, too."""
    ledger = await fill(on_disk())
    segment = Path(ledger) / "0" / f"{0:020d}.segment"
    data = bytearray(segment.read_bytes())
    data[data.index(histories[0][200].body) + 50] ^= 1
    segment.write_bytes(data)
    for _ in range(2):
        with pytest.raises(LedgerCorrupt, match="partition 0, offset 200"):
            await archived_from(ledger, archive_place)
        assert await records_in(archive_place) == [histories[0][:200], histories[1]]


async def test_records_larger_than_an_object(
    on_disk: Place, archive_place: str, histories: Histories
) -> None:
    small = decode(histories[0][0].body)
    large = replace(small, payload=b"x" * 3_000_000)
    ledger = await open_ledger(place := on_disk())
    for record in (small, large, small):
        await ledger.append(0, record)
    await ledger.close()
    [done] = await archived_from(place, archive_place, 1_000_000)
    assert (done.records, done.objects) == (3, 3)
    assert [decode(body) for _, body in (await records_in(archive_place))[0]] == [small, large, small]


async def test_an_archive_is_packed_anew(on_disk: Place, fill: Fill, histories: Histories) -> None:
    """From many small objects to few, from archive to archive."""
    first, second = on_disk(), on_disk()
    await archived_from(await fill(on_disk()), first, 1)
    done: list[Archived] = await archive(await Archive.open(first), open_archive_store(second))
    assert [each.objects for each in done] == [1, 1]
    assert await records_in(second) == histories


@pytest.mark.parametrize("place", ["s3://", "s3:///prefix", "http://host/x", ""])
def test_a_wrong_place_is_refused(place: str) -> None:
    with pytest.raises(LedgerRefused, match="s3://bucket/prefix"):
        open_archive_store(place)


async def test_a_bucket_that_is_not_there_is_said(bucket: str, on_disk: Place, fill: Fill) -> None:
    assert bucket
    with pytest.raises(LedgerUnavailable, match="s3://nowhere/x cannot be used"):
        await archived_from(await fill(on_disk()), "s3://nowhere/x")


async def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path, on_disk: Place, fill: Fill) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnavailable, match="cannot be used"):
        await archived_from(await fill(on_disk()), str(tmp_path / "file"))
