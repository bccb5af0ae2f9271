"""What an embedded ledger makes of files that a crash or a disk has damaged (docs/ledger.md)."""

from __future__ import annotations

import asyncio
import shutil
import struct
from pathlib import Path

import pytest
from google_crc32c import value

from services.ledger import EmbeddedLedger, EmbeddedOptions, LedgerCorrupt, LedgerUnavailable
from tests.services.ledger.conftest import Collector, RecordFactory

HEADER_BYTES = 16
GROUPS = [3, 1, 4, 2]
RECORDS = sum(GROUPS)


def segment_of(directory: Path) -> Path:
    (segment,) = (directory / "0").glob("*.segment")
    return segment


def frames_of(data: bytes | bytearray) -> list[tuple[int, int]]:
    """(start, end) of every frame, by the lengths."""
    frames, start = [], 0
    while start < len(data):
        end = start + HEADER_BYTES + (struct.unpack_from(">I", data, start)[0] & 0x7FFF_FFFF)
        frames.append((start, end))
        start = end
    return frames


@pytest.fixture
async def closed(tmp_path: Path, make_record: RecordFactory) -> Path:
    """The directory of a closed ledger of 10 records, committed in 4 groups."""
    directory = tmp_path / "closed"
    ledger = await EmbeddedLedger.open(directory)
    number = 0
    for size in GROUPS:
        await asyncio.gather(*(ledger.append(0, make_record(number + step, 40)) for step in range(size)))
        number += size
    assert ledger.counters.groups == len(GROUPS)
    await ledger.close()
    return directory


async def sequences(ledger: EmbeddedLedger, collect: Collector) -> list[int]:
    return [event.record.sequence for event in await collect(ledger.read(0))]


async def read_until_damage(ledger: EmbeddedLedger) -> tuple[list[int], LedgerCorrupt | None]:
    seen = []
    try:
        async for batch in ledger.read(0):
            seen += [event.record.sequence for event in batch]
    except LedgerCorrupt as damage:
        return seen, damage
    return seen, None


async def test_frames_lie_as_documented(closed: Path) -> None:
    data = segment_of(closed).read_bytes()
    frames = frames_of(data)
    assert len(frames) == RECORDS
    assert frames[-1][1] == len(data)
    starts_group = [bool(data[start] & 0x80) for start, _ in frames]
    assert starts_group == [step == 0 for size in GROUPS for step in range(size)]
    assert (closed / "0" / "durable").read_bytes() == struct.pack(">Q", RECORDS)


@pytest.mark.parametrize(
    ("rest", "step"), [(b"", 1), (bytes(4096), 7), (b"\xa5" * 4096, 7)], ids=["nothing", "zeros", "garbage"]
)
async def test_a_torn_last_record_is_cut_wherever_it_tore(
    closed: Path, tmp_path: Path, make_record: RecordFactory, collect: Collector, rest: bytes, step: int
) -> None:
    data = segment_of(closed).read_bytes()
    last, size = frames_of(data)[-1]
    for cut in range(last, size, step):
        directory = tmp_path / f"cut-{cut}"
        shutil.copytree(closed, directory)
        segment_of(directory).write_bytes(data[:cut] + rest)
        ledger = await EmbeddedLedger.open(directory)
        assert ledger.fault is None
        assert await ledger.end(0) == RECORDS - 1
        assert await sequences(ledger, collect) == list(range(RECORDS - 1))
        assert (await ledger.append(0, make_record(77))).offset == RECORDS - 1
        await ledger.close()
        ledger = await EmbeddedLedger.open(directory)
        assert await sequences(ledger, collect) == [*range(RECORDS - 1), 77]
        await ledger.close()
        shutil.rmtree(directory)


async def test_a_whole_lost_group_is_cut(
    closed: Path, make_record: RecordFactory, collect: Collector
) -> None:
    segment = segment_of(closed)
    data = segment.read_bytes()
    segment.write_bytes(data[: frames_of(data)[8][0]])
    ledger = await EmbeddedLedger.open(closed)
    assert await sequences(ledger, collect) == list(range(8))
    await ledger.close()


async def test_a_hole_in_the_group_nobody_was_told_about_is_torn(
    closed: Path, tmp_path: Path, make_record: RecordFactory, collect: Collector
) -> None:
    """After a power cut the pages of one write may be there in any order."""
    segment = segment_of(closed)
    data = bytearray(segment.read_bytes())
    start, end = frames_of(data)[-2]
    data[start:end] = bytes(end - start)
    segment.write_bytes(data)
    (closed / "0" / "durable").write_bytes(struct.pack(">Q", 5))
    ledger = await EmbeddedLedger.open(closed)
    assert ledger.fault is None
    assert await sequences(ledger, collect) == list(range(8))
    await ledger.append(0, make_record(77, 40))
    shutil.copytree(closed, tmp_path / "crashed")
    await ledger.close()
    crashed = await EmbeddedLedger.open(tmp_path / "crashed")
    assert await sequences(crashed, collect) == [*range(8), 77], "what was cut must not come back"
    await crashed.close()


async def test_the_same_hole_is_damage_if_the_group_was_durable(closed: Path, collect: Collector) -> None:
    segment = segment_of(closed)
    data = bytearray(segment.read_bytes())
    start, end = frames_of(data)[-2]
    data[start:end] = bytes(end - start)
    segment.write_bytes(data)
    ledger = await EmbeddedLedger.open(closed)
    seen, damage = await read_until_damage(ledger)
    assert seen == list(range(8))
    assert damage is not None
    await ledger.close()


@pytest.mark.parametrize("known_durable", [True, False], ids=["closed cleanly", "hint lost"])
@pytest.mark.parametrize("victim", [0, 2, 3, 5, 7])
@pytest.mark.parametrize(
    ("part", "at"),
    [("length", 0), ("length", 3), ("crc", 4), ("time", 15), ("body", 16), ("body", -1)],
)
async def test_damage_before_later_groups_is_reported(
    closed: Path,
    make_record: RecordFactory,
    collect: Collector,
    part: str,
    at: int,
    victim: int,
    known_durable: bool,
) -> None:
    segment = segment_of(closed)
    data = bytearray(segment.read_bytes())
    start, end = frames_of(data)[victim]
    data[end - 1 if at < 0 else start + at] ^= 0x40
    segment.write_bytes(data)
    if not known_durable:
        (closed / "0" / "durable").unlink()
    ledger = await EmbeddedLedger.open(closed)
    assert ledger.fault is not None
    assert f"partition 0, offset {victim}" in ledger.fault
    assert await ledger.end(0) == victim
    seen, damage = await read_until_damage(ledger)
    assert seen == list(range(victim))
    assert damage is not None
    assert (damage.partition, damage.offset) == (0, victim)
    follower = ledger.follow(0)
    if victim:
        assert len(await collect(follower, victim)) == victim
    with pytest.raises(LedgerCorrupt):
        await anext(follower)
    with pytest.raises(LedgerCorrupt):
        await collect(ledger.read(0, victim + 1))
    with pytest.raises(LedgerUnavailable, match="damaged"):
        await ledger.append(0, make_record(1))
    await ledger.close()
    assert segment.read_bytes() == data, "a damaged ledger must be left as it is"


async def test_every_flipped_bit_of_an_acknowledged_record_is_noticed(closed: Path) -> None:
    segment = segment_of(closed)
    data = segment.read_bytes()
    start, end = frames_of(data)[4]
    for position in range(start, end):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            segment.write_bytes(damaged)
            ledger = await EmbeddedLedger.open(closed, read_only=True)
            seen, damage = await read_until_damage(ledger)
            await ledger.close()
            assert seen == [0, 1, 2, 3]
            assert damage is not None
            assert damage.offset == 4


async def test_a_body_that_is_no_record_is_damage(closed: Path, collect: Collector) -> None:
    """The checksum is right and the content is not: written by something else."""
    segment = segment_of(closed)
    data = bytearray(segment.read_bytes())
    start, end = frames_of(data)[4]
    data[start + HEADER_BYTES + 5 : end] = b"\xff" * (end - start - HEADER_BYTES - 5)
    checked = bytes(data[start : start + 4] + data[start + 8 : end])
    data[start + 4 : start + 8] = struct.pack(">I", value(checked))
    segment.write_bytes(data)
    ledger = await EmbeddedLedger.open(closed)
    seen, damage = await read_until_damage(ledger)
    assert seen == list(range(4))
    assert damage is not None
    assert damage.offset == 4
    assert ledger.fault is not None
    await ledger.close()


@pytest.fixture
async def sealed(tmp_path: Path, make_record: RecordFactory) -> Path:
    """The directory of a closed ledger of 40 records in several segments."""
    directory = tmp_path / "sealed"
    ledger = await EmbeddedLedger.open(directory, options=EmbeddedOptions(segment_bytes=4096))
    for number in range(40):
        await ledger.append(0, make_record(number, 400))
    await ledger.close()
    assert len(list((directory / "0").glob("*.segment"))) > 3
    return directory


@pytest.mark.parametrize("at", [0, 3, 4, 12, 20])
async def test_damage_in_a_sealed_segment_is_found_when_it_is_read(
    sealed: Path, make_record: RecordFactory, collect: Collector, at: int
) -> None:
    second = sorted((sealed / "0").glob("*.segment"))[1]
    base = int(second.stem)
    data = bytearray(second.read_bytes())
    data[frames_of(data)[2][0] + at] ^= 0x40
    second.write_bytes(data)
    ledger = await EmbeddedLedger.open(sealed)
    assert ledger.fault is None
    assert [event.offset for event in await collect(ledger.read(0, base + 20))] == list(range(base + 20, 40))
    assert (await ledger.append(0, make_record(40))).offset == 40
    seen, damage = await read_until_damage(ledger)
    assert seen == list(range(base + 2))
    assert damage is not None
    assert damage.offset == base + 2
    assert ledger.fault is not None
    with pytest.raises(LedgerUnavailable, match="damaged"):
        await ledger.append(0, make_record(41))
    await ledger.close()


async def test_starting_behind_a_damaged_length_names_the_damaged_record(
    sealed: Path, collect: Collector
) -> None:
    second = sorted((sealed / "0").glob("*.segment"))[1]
    base = int(second.stem)
    data = bytearray(second.read_bytes())
    data[frames_of(data)[2][0] + 2] ^= 0x40
    second.write_bytes(data)
    ledger = await EmbeddedLedger.open(sealed)
    with pytest.raises(LedgerCorrupt) as raised:
        await collect(ledger.read(0, base + 4))
    assert raised.value.offset == base + 2
    await ledger.close()


@pytest.mark.parametrize("loss", ["cut short", "missing"])
async def test_a_lost_sealed_segment_is_damage(sealed: Path, loss: str) -> None:
    second = sorted((sealed / "0").glob("*.segment"))[1]
    base, data = int(second.stem), second.read_bytes()
    if loss == "missing":
        second.unlink()
    else:
        second.write_bytes(data[: frames_of(data)[1][0]])
    ledger = await EmbeddedLedger.open(sealed)
    seen, damage = await read_until_damage(ledger)
    first_lost = base if loss == "missing" else base + 1
    assert seen == list(range(first_lost))
    assert damage is not None
    assert damage.offset == first_lost
    await ledger.close()


async def test_a_log_that_is_not_durable_is_cut_at_damage(
    closed: Path, make_record: RecordFactory, collect: Collector
) -> None:
    segment = segment_of(closed)
    data = bytearray(segment.read_bytes())
    data[frames_of(data)[4][0] + 20] ^= 1
    segment.write_bytes(data)
    ledger = await EmbeddedLedger.open(closed, options=EmbeddedOptions(durable=False))
    assert ledger.fault is None
    assert (await ledger.append(0, make_record(99))).offset == 4
    assert await sequences(ledger, collect) == [0, 1, 2, 3, 99]
    await ledger.close()
