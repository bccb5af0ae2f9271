"""What the embedded ledger does beyond the seam: groups, files, locks, limits, retention, other readers."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from threading import Event
from typing import Any, cast

import pytest

from services.ledger import EmbeddedLedger, EmbeddedOptions, LedgerRefused, LedgerUnavailable, Position
from tests.services.ledger.conftest import Collector, RecordFactory, end_follower

APPENDER = Path(__file__).parent / "append_until_killed.py"
HOLDER = """
import asyncio, sys
from services.ledger import EmbeddedLedger
async def main():
    await EmbeddedLedger.open(sys.argv[1])
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
asyncio.run(main())
"""


def segments(directory: Path, partition: int = 0) -> list[Path]:
    return sorted((directory / str(partition)).glob("*.segment"))


def contents(directory: Path) -> dict[Path, tuple[bytes, int]]:
    """The bytes of every file, and when they were written."""
    return {
        file: (file.read_bytes(), file.stat().st_mtime_ns) for file in directory.rglob("*") if file.is_file()
    }


async def test_appends_of_one_moment_share_one_commit(tmp_path: Path, make_record: RecordFactory) -> None:
    ledger = await EmbeddedLedger.open(tmp_path)
    await asyncio.gather(*(ledger.append(0, make_record(number, 500)) for number in range(1000)))
    assert ledger.counters.groups == 1
    assert ledger.counters.records == 1000
    assert 500_000 < ledger.counters.bytes < 800_000
    assert ledger.waiting == 0
    await ledger.close()


async def test_appends_that_come_during_a_commit_share_the_next(
    tmp_path: Path, make_record: RecordFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one fdatasync is held up, everything else waits for one more."""
    ledger = await EmbeddedLedger.open(tmp_path)
    loop = asyncio.get_running_loop()
    entered, leave = asyncio.Event(), Event()
    fdatasync = os.fdatasync

    def slow_fdatasync(file: int) -> None:
        if not leave.is_set():
            loop.call_soon_threadsafe(entered.set)
            assert leave.wait(30)
        fdatasync(file)

    await ledger.append(0, make_record(0))
    monkeypatch.setattr(os, "fdatasync", slow_fdatasync)
    first = ledger.append(0, make_record(1))
    await entered.wait()
    later = []
    for number in range(2, 50):
        later.append(ledger.append(0, make_record(number)))
        await asyncio.sleep(0)
    assert ledger.waiting == 49
    assert not first.done()
    leave.set()
    await asyncio.gather(first, *later)
    assert ledger.counters.groups <= 3
    await ledger.close()


async def test_a_large_burst_is_committed_in_several_groups(
    tmp_path: Path, make_record: RecordFactory, collect: Collector
) -> None:
    ledger = await EmbeddedLedger.open(tmp_path)
    appends = [ledger.append(0, make_record(number, 1_000_000)) for number in range(20)]
    await asyncio.gather(*appends)
    assert ledger.counters.groups == 3
    assert [event.record.sequence for event in await collect(ledger.read(0))] == list(range(20))
    await ledger.close()


async def test_the_number_of_partitions_is_fixed_when_the_ledger_is_made(tmp_path: Path) -> None:
    ledger = await EmbeddedLedger.open(tmp_path, partitions=3)
    await ledger.close()
    ledger = await EmbeddedLedger.open(tmp_path)
    assert ledger.partitions == 3
    await ledger.close()
    with pytest.raises(LedgerRefused, match="was made with 3 partitions, not 1"):
        await EmbeddedLedger.open(tmp_path, partitions=1)
    with pytest.raises(LedgerRefused, match="at least 1 partition"):
        await EmbeddedLedger.open(tmp_path / "none", partitions=0)


@pytest.mark.parametrize(
    "meta", ["", "[]", "{}", '{"format": 99, "partitions": 1}', '{"format": 1, "partitions": "x"}']
)
async def test_a_directory_of_another_format_is_refused(tmp_path: Path, meta: str) -> None:
    (tmp_path / "ledger.json").write_text(meta)
    with pytest.raises(LedgerRefused, match=r"ledger\.json"):
        await EmbeddedLedger.open(tmp_path)


async def test_a_path_that_is_no_directory_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnavailable, match="cannot be opened"):
        await EmbeddedLedger.open(tmp_path / "file")


async def test_only_one_process_may_write(tmp_path: Path) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, tmp_path, stdin=PIPE, stdout=PIPE
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert await holder.stdout.readline() == b"open\n"
    with pytest.raises(LedgerRefused, match=f"already in use by process {holder.pid}"):
        await EmbeddedLedger.open(tmp_path)
    holder.stdin.close()
    await holder.wait()
    ledger = await EmbeddedLedger.open(tmp_path)
    with pytest.raises(LedgerRefused, match=f"already in use by process {os.getpid()}"):
        await EmbeddedLedger.open(tmp_path)
    await ledger.close()


async def test_a_killed_writer_loses_nothing_acknowledged(tmp_path: Path, collect: Collector) -> None:
    writer = await asyncio.create_subprocess_exec(sys.executable, APPENDER, tmp_path, stdout=PIPE)
    assert writer.stdout is not None
    lines = [await writer.stdout.readline() for _ in range(3000)]
    writer.kill()
    lines += [line async for line in writer.stdout]
    assert await writer.wait() == -9
    acknowledged = [tuple(map(int, line.split())) for line in lines if line.endswith(b"\n")]
    assert len(acknowledged) >= 3000
    ledger = await EmbeddedLedger.open(tmp_path)
    assert ledger.fault is None
    kept = [event.record.sequence for event in await collect(ledger.read(0))]
    assert [number for number, offset in acknowledged if kept[offset] != number] == []
    assert kept == list(range(len(kept)))
    await ledger.close()


async def test_too_many_waiting_appends_fail_at_once(tmp_path: Path, make_record: RecordFactory) -> None:
    ledger = await EmbeddedLedger.open(tmp_path, options=EmbeddedOptions(max_waiting_records=10))
    appends = [ledger.append(0, make_record(number)) for number in range(12)]
    assert [append.done() for append in appends] == [False] * 10 + [True] * 2
    done = await asyncio.gather(*appends, return_exceptions=True)
    assert [position.offset for position in cast("list[Position]", done[:10])] == list(range(10))
    assert all(isinstance(error, LedgerUnavailable) for error in done[10:])
    assert "10 appends wait" in str(done[10])
    assert (await ledger.append(0, make_record(12))).offset == 10
    await ledger.close()


async def test_too_many_waiting_bytes_fail_at_once_but_one_record_always_may(
    tmp_path: Path, make_record: RecordFactory
) -> None:
    ledger = await EmbeddedLedger.open(tmp_path, options=EmbeddedOptions(max_waiting_bytes=10_000))
    assert (await ledger.append(0, make_record(0, 50_000))).offset == 0
    appends = [ledger.append(0, make_record(number, 4000)) for number in range(1, 4)]
    done = await asyncio.gather(*appends, return_exceptions=True)
    assert [position.offset for position in cast("list[Position]", done[:2])] == [1, 2]
    assert isinstance(done[2], LedgerUnavailable)
    assert "bytes wait" in str(done[2])
    await ledger.close()


async def test_full_segments_are_followed_by_new_ones(
    tmp_path: Path, make_record: RecordFactory, collect: Collector
) -> None:
    options = EmbeddedOptions(segment_bytes=8192)
    ledger = await EmbeddedLedger.open(tmp_path, options=options)
    follower = ledger.follow(0)
    for number in range(100):
        await ledger.append(0, make_record(number, 500))
    await ledger.append(0, make_record(100, 50_000))
    assert [event.offset for event in await collect(follower, 101)] == list(range(101))
    files = segments(tmp_path)
    assert [int(file.stem) for file in files] == sorted(int(file.stem) for file in files)
    assert all(file.stat().st_size <= 8192 for file in files[:-1])
    assert files[-1].stem == f"{100:020d}"
    for start in (0, 5, 50, 100):
        assert [event.offset for event in await collect(ledger.read(0, start))] == list(range(start, 101))
    await end_follower(follower)
    await ledger.close()
    ledger = await EmbeddedLedger.open(tmp_path, options=options)
    assert [event.record.sequence for event in await collect(ledger.read(0))] == list(range(101))
    await ledger.close()


async def test_opening_does_not_read_sealed_segments(tmp_path: Path, make_record: RecordFactory) -> None:
    options = EmbeddedOptions(segment_bytes=4096)
    ledger = await EmbeddedLedger.open(tmp_path, options=options)
    for number in range(50):
        await ledger.append(0, make_record(number, 500))
    await ledger.close()
    for sealed in segments(tmp_path)[:-1]:
        sealed.write_bytes(b"not read at open")
    ledger = await EmbeddedLedger.open(tmp_path, options=options)
    assert ledger.fault is None
    assert await ledger.end(0) == 50
    await ledger.close()


async def test_a_slow_follower_catches_up_from_the_files(
    tmp_path: Path, make_record: RecordFactory, collect: Collector
) -> None:
    ledger = await EmbeddedLedger.open(tmp_path)
    follower = ledger.follow(0)
    await ledger.append(0, make_record(0))
    assert len(await collect(follower, 1)) == 1
    for start in range(1, 20_001, 1000):
        await asyncio.gather(
            *(ledger.append(0, make_record(number)) for number in range(start, start + 1000))
        )
    events = await collect(follower, 20_000)
    assert [event.record.sequence for event in events] == list(range(1, 20_001))
    await end_follower(follower)
    await ledger.close()


async def test_a_follower_that_keeps_up_gets_the_very_records(
    tmp_path: Path, make_record: RecordFactory, collect: Collector
) -> None:
    ledger = await EmbeddedLedger.open(tmp_path)
    follower = ledger.follow(0)
    waiting = asyncio.create_task(collect(follower, 1))
    await asyncio.sleep(0)
    record = make_record(0)
    await ledger.append(0, record)
    (event,) = await waiting
    assert event.record is record
    await end_follower(follower)
    await ledger.close()


async def test_a_reader_beside_the_writer_sees_what_is_durable(
    tmp_path: Path, make_record: RecordFactory, collect: Collector
) -> None:
    writer = await EmbeddedLedger.open(tmp_path, options=EmbeddedOptions(segment_bytes=8192))
    await asyncio.gather(*(writer.append(0, make_record(number)) for number in range(10)))
    reader = await EmbeddedLedger.open(tmp_path, read_only=True)
    assert len(await collect(reader.read(0))) == 10
    follower = reader.follow(0, 5)
    events = await collect(follower, 5)
    for number in range(10, 60):
        await writer.append(0, make_record(number, 900))
    events += await collect(follower, 50)
    assert [event.record.sequence for event in events] == list(range(5, 60))
    assert await reader.end(0) == 60
    assert len(await collect(reader.read(0))) == 60
    assert reader.fault is not None
    with pytest.raises(LedgerUnavailable, match="reading only"):
        await reader.append(0, make_record(60))
    await reader.close()
    assert (await writer.append(0, make_record(60))).offset == 60
    await writer.close()


async def test_a_reader_changes_nothing(
    tmp_path: Path, make_record: RecordFactory, collect: Collector
) -> None:
    ledger = await EmbeddedLedger.open(tmp_path)
    await ledger.append(0, make_record(0))
    await ledger.close()
    before = contents(tmp_path)
    reader = await EmbeddedLedger.open(tmp_path, read_only=True)
    assert len(await collect(reader.read(0))) == 1
    await reader.close()
    assert before == contents(tmp_path)


async def test_there_must_be_something_to_read(tmp_path: Path) -> None:
    with pytest.raises(LedgerRefused, match="holds no ledger"):
        await EmbeddedLedger.open(tmp_path / "none", read_only=True)
    assert not (tmp_path / "none").exists()


async def test_retention_by_bytes_drops_whole_oldest_segments(
    tmp_path: Path, make_record: RecordFactory, collect: Collector
) -> None:
    options = EmbeddedOptions(segment_bytes=8192, retention_bytes=20_000, durable=False)
    ledger = await EmbeddedLedger.open(tmp_path, options=options)
    for number in range(200):
        await ledger.append(0, make_record(number, 900))
    kept = segments(tmp_path)
    first = int(kept[0].stem)
    assert sum(file.stat().st_size for file in kept[1:-1]) + 8192 >= 20_000
    assert len(kept) <= 5
    assert first > 150
    assert [event.offset for event in await collect(ledger.read(0))] == list(range(first, 200))
    assert [event.offset for event in await collect(ledger.read(0, first + 3))] == list(range(first + 3, 200))
    assert await ledger.end(0) == 200
    await ledger.close()


async def test_a_reader_overtaken_by_retention_goes_on_with_what_is_left(
    tmp_path: Path, make_record: RecordFactory, collect: Collector
) -> None:
    options = EmbeddedOptions(segment_bytes=8192, retention_bytes=8192, durable=False)
    ledger = await EmbeddedLedger.open(tmp_path, options=options)
    for number in range(10):
        await ledger.append(0, make_record(number, 900))
    batches = ledger.read(0)
    read = list(await anext(batches))
    for number in range(10, 100):
        await ledger.append(0, make_record(number, 900))
    assert await collect(batches) == []
    assert read[-1].offset < 10
    await ledger.close()


async def test_retention_by_age_rolls_and_drops(
    tmp_path: Path, make_record: RecordFactory, collect: Collector
) -> None:
    options = EmbeddedOptions(retention_seconds=100, durable=False)
    ledger = await EmbeddedLedger.open(tmp_path, options=options)
    started = time.time_ns()
    clock = started

    def later(seconds: int) -> None:
        nonlocal clock
        clock += seconds * 1_000_000_000

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: clock)
        for number in range(10):
            await ledger.append(0, make_record(number))
            later(30)
        events = await collect(ledger.read(0))
        assert events[-1].offset == 9
        assert len(segments(tmp_path)) == len(events)
        assert all(event.time > clock - 160 * 1_000_000_000 for event in events)
        assert events[0].offset > 4
    await ledger.close()


async def test_time_never_runs_backwards_though_the_clock_does(
    tmp_path: Path, make_record: RecordFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = await EmbeddedLedger.open(tmp_path)
    first = await ledger.append(0, make_record(0))
    monkeypatch.setattr(time, "time_ns", lambda: first.time - 10**12)
    assert (await ledger.append(0, make_record(1))).time == first.time
    await ledger.close()
    ledger = await EmbeddedLedger.open(tmp_path)
    assert (await ledger.append(0, make_record(2))).time == first.time
    await ledger.close()


async def test_time_goes_on_from_the_last_record_though_it_is_in_an_earlier_segment(
    tmp_path: Path, make_record: RecordFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = await EmbeddedLedger.open(tmp_path)
    first = await ledger.append(0, make_record(0))
    await ledger.close()
    (tmp_path / "0" / f"{1:020d}.segment").touch()
    monkeypatch.setattr(time, "time_ns", lambda: first.time - 10**12)
    ledger = await EmbeddedLedger.open(tmp_path)
    assert (await ledger.append(0, make_record(1))) == (0, 1, first.time)
    await ledger.close()


async def test_a_log_without_fsync_keeps_what_was_closed(
    tmp_path: Path, make_record: RecordFactory, collect: Collector
) -> None:
    ledger = await EmbeddedLedger.open(tmp_path, options=EmbeddedOptions(durable=False))
    await asyncio.gather(*(ledger.append(0, make_record(number)) for number in range(100)))
    await ledger.close()
    ledger = await EmbeddedLedger.open(tmp_path)
    assert len(await collect(ledger.read(0))) == 100
    await ledger.close()


async def test_the_files_of_a_closed_ledger_hold_nothing_but_records(
    tmp_path: Path, make_record: RecordFactory
) -> None:
    ledger = await EmbeddedLedger.open(tmp_path)
    await ledger.append(0, make_record(0, 300))
    await ledger.close()
    (segment,) = segments(tmp_path)
    assert 300 < segment.stat().st_size < 600
    assert json.loads((tmp_path / "ledger.json").read_text()) == {"format": 1, "partitions": 1}


@pytest.mark.parametrize(
    "setting",
    [
        {"segment_bytes": 100},
        {"retention_bytes": 0},
        {"retention_seconds": -1},
        {"max_waiting_records": 0},
        {"max_waiting_bytes": 0},
    ],
)
def test_settings_have_bounds(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        EmbeddedOptions(**setting)
