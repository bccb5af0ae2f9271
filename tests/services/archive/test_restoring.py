"""What is restored is the ledger that was archived: every byte, offset and time, wherever it comes from and goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from services.archive import Archive, restore
from services.cli.verification import verify
from services.ledger import LedgerCorrupt, LedgerRefused, open_ledger
from services.ledger.copying import Copied, copy_source, copy_target
from tests.services.archive.conftest import (
    Fill,
    Place,
    archived_from,
    events_in,
    files_of,
    killed_again_and_again,
)

KINDS = ["embedded", "kafka"]

PROGRAM = """
import asyncio, sys
from services.archive import Archive, restore

async def run():
    await restore(await Archive.open(sys.argv[1]), sys.argv[2])

asyncio.run(run())
"""


UNLESS_FINISHED = """
try:
    asyncio.run(run())
except Exception as error:
    if "is a ledger already" not in str(error):  # killed after the last step
        raise
"""


async def digests(place: str) -> list[str]:
    """What the fold of every partition comes to."""
    ledger = await open_ledger(place, read_only=True)
    try:
        return [each.digest for each in await verify(ledger)]
    finally:
        await ledger.close()


@pytest.mark.parametrize("origin", KINDS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_ledger_comes_back_as_it_was(
    new_place: Callable[[str], str], fill: Fill, archive_place: str, origin: str, kind: str
) -> None:
    original, restored = await fill(new_place(origin)), new_place(kind)
    await archived_from(original, archive_place, 100_000)
    done: list[tuple[int, int]] = []
    ends = await restore(
        await Archive.open(archive_place), restored, progress=lambda *told: done.append(told)
    )
    assert ends == [300, 300]
    assert done[-1] == (600, 600)
    assert await events_in(restored) == await events_in(original)
    assert await digests(restored) == await digests(original)
    added = await archived_from(restored, archive_place)
    assert [each.records for each in added] == [0, 0], "the archive is not of what was restored from it"


async def test_a_ledger_moves_without_an_archive(new_place: Callable[[str], str], fill: Fill) -> None:
    original, moved, back = await fill(new_place("embedded")), new_place("kafka"), new_place("embedded")
    async with copy_source(original) as source:
        await restore(source, moved)
    async with copy_source(moved) as source:
        await restore(source, back)
    assert await events_in(back) == await events_in(original)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_left_is_gone_on_with(
    new_place: Callable[[str], str], fill: Fill, histories: list[list[Copied]], archive_place: str, kind: str
) -> None:
    original, restored = await fill(new_place("embedded")), new_place(kind)
    await archived_from(original, archive_place, 100_000)
    async with copy_target(restored, 2) as target:
        await target.write(0, histories[0])
        await target.write(1, histories[1][:77])
    assert await restore(await Archive.open(archive_place), restored) == [300, 300]
    assert await events_in(restored) == await events_in(original)
    with pytest.raises(LedgerRefused, match="is a ledger already"):
        await restore(await Archive.open(archive_place), restored)


def test_a_process_is_killed_again_and_again(
    on_disk: Place, histories: list[list[Copied]], archive_directory: Path
) -> None:
    original, restored, archive = on_disk(), on_disk(), str(archive_directory)

    async def make() -> None:
        async with copy_target(original, 2) as target:
            for _ in range(40):
                await target.write(1, histories[1])
            await target.finish()
        await archived_from(original, archive, 20_000)

    asyncio.run(make())
    kills = 0
    for _ in killed_again_and_again(
        PROGRAM, archive, restored, progress=lambda: written(Path(restored) / "1" / "durable"), step=2000
    ):
        kills += 1
        with pytest.raises(LedgerRefused, match="not finished"):
            asyncio.run(open_ledger(restored))
    assert kills > 2
    assert asyncio.run(events_in(restored)) == asyncio.run(events_in(original))


def test_a_process_that_restores_to_kafka_is_killed_again_and_again(
    on_disk: Place, new_place: Callable[[str], str], histories: list[list[Copied]], archive_directory: Path
) -> None:
    original, restored, archive = on_disk(), new_place("kafka"), str(archive_directory)

    async def make() -> None:
        async with copy_target(original, 2) as target:
            for _ in range(150):
                await target.write(1, histories[1])
            await target.finish()
        await archived_from(original, archive, 20_000)

    async def count() -> int:
        try:
            async with copy_target(restored, 2) as target:
                return await target.end(1)
        except LedgerRefused:
            return 0  # it is finished

    asyncio.run(make())
    kills = 0
    program = f"{PROGRAM[: PROGRAM.index('asyncio.run(')]}{UNLESS_FINISHED}"
    for _ in killed_again_and_again(
        program, archive, restored, progress=lambda: asyncio.run(count()), step=8000
    ):
        kills += 1
    assert kills > 0
    assert asyncio.run(events_in(restored)) == asyncio.run(events_in(original))


def written(durable: Path) -> int:
    """How many records are known to be durable."""
    return int.from_bytes(durable.read_bytes(), "big") if durable.exists() else 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_ledger_is_restored_to_a_time(
    new_place: Callable[[str], str], fill: Fill, histories: list[list[Copied]], archive_place: str, kind: str
) -> None:
    await archived_from(await fill(new_place("embedded")), archive_place, 100_000)
    until = histories[0][123].time
    wanted = [[record for record in records if record.time <= until] for records in histories]
    assert 0 < len(wanted[1]) < 300
    restored = new_place(kind)
    ends = await restore(await Archive.open(archive_place), restored, until=until)
    assert ends == [len(records) for records in wanted]
    times = [[event.time for event in events] for events in await events_in(restored)]
    assert times == [[record.time for record in records] for records in wanted]


async def test_another_copy_is_not_gone_on_with(
    on_disk: Place, fill: Fill, histories: list[list[Copied]], archive_place: str
) -> None:
    await archived_from(await fill(on_disk()), archive_place)
    archive = await Archive.open(archive_place)
    for records, until, said in (
        (histories[0][:50], None, "offset 49: another record is there"),
        (histories[1] + histories[1][:1], None, "it has 301 records of it already"),
        (histories[1][:200], histories[1][0].time, "it has younger records already"),
    ):
        place = on_disk()
        async with copy_target(place, 2) as target:
            await target.write(1, records)
        with pytest.raises(LedgerRefused, match=said):
            await restore(archive, place, until=until)


async def test_nothing_is_made_of_a_damaged_archive(
    on_disk: Place, fill: Fill, archive_directory: Path
) -> None:
    await archived_from(await fill(on_disk()), str(archive_directory), 50_000)
    broken = files_of(archive_directory)[3]
    kept = broken.read_bytes()
    broken.write_bytes(kept[:-1])
    restored = on_disk()
    with pytest.raises(LedgerCorrupt, match=broken.name):
        await restore(await Archive.open(str(archive_directory)), restored)
    with pytest.raises(LedgerRefused, match="not finished"):
        await open_ledger(restored)
    broken.write_bytes(kept)
    assert await restore(await Archive.open(str(archive_directory)), restored) == [300, 300]
