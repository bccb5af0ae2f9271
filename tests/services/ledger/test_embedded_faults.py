"""An embedded ledger on a disk that is full or fails, and that works again later."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.ledger import EmbeddedLedger, EmbeddedOptions, LedgerUnavailable
from tests.services.ledger.conftest import Collector, RecordFactory, end_follower

LIMITED = Path(__file__).parent / "limited_file_size.py"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fail_with_eio(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


async def fill(ledger: EmbeddedLedger, make_record: RecordFactory) -> list[int]:
    """Append until it fails; the sequences that were acknowledged."""
    acknowledged: list[int] = []
    for sequence in range(1000):
        try:
            await ledger.append(0, make_record(sequence, 20_000))
        except LedgerUnavailable as error:
            reason = str(error)
            break
        acknowledged.append(sequence)
    assert "No space left on device" in reason
    return acknowledged


@pytest.mark.parametrize("segment_bytes", [64 * 1024 * 1024, 500_000])
async def test_a_full_disk_fails_appends_and_recovers_by_itself(
    small_disk: Path, make_record: RecordFactory, collect: Collector, segment_bytes: int
) -> None:
    ledger = await EmbeddedLedger.open(
        small_disk / "ledger", options=EmbeddedOptions(segment_bytes=segment_bytes)
    )
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2_000_000))
    acknowledged = await fill(ledger, make_record)
    assert len(acknowledged) > 50
    assert ledger.fault is not None
    assert "No space left on device" in ledger.fault
    with pytest.raises(LedgerUnavailable):
        await ledger.append(0, make_record(2000, 20_000))
    assert [event.record.sequence for event in await collect(ledger.read(0))] == acknowledged
    assert await ledger.end(0) == len(acknowledged)
    ballast.unlink()
    assert (await ledger.append(0, make_record(3000, 20_000))).offset == len(acknowledged)
    assert ledger.fault is None
    expected = [*acknowledged, 3000]
    assert [event.record.sequence for event in await collect(ledger.read(0))] == expected
    await ledger.close()
    ledger = await EmbeddedLedger.open(small_disk / "ledger")
    assert [event.record.sequence for event in await collect(ledger.read(0))] == expected
    await ledger.close()


async def test_the_fault_goes_away_without_an_append(small_disk: Path, make_record: RecordFactory) -> None:
    ledger = await EmbeddedLedger.open(small_disk / "ledger")
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(2_000_000))
    await fill(ledger, make_record)
    assert ledger.fault is not None
    ballast.unlink()
    async with asyncio.timeout(30):
        while ledger.fault is not None:  # noqa: ASYNC110 - there is no event: the timer is what is tested
            await asyncio.sleep(0.05)
    await ledger.close()


async def test_the_fault_stays_while_the_disk_is_full(
    small_disk: Path, make_record: RecordFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file can be cut back all the time, which alone does not mean that there is room again."""
    ledger = await EmbeddedLedger.open(small_disk / "ledger")
    await fill(ledger, make_record)
    loop, repairs = asyncio.get_running_loop(), asyncio.Semaphore(0)
    ftruncate = os.ftruncate

    def observed_ftruncate(file: int, size: int) -> None:
        ftruncate(file, size)
        loop.call_soon_threadsafe(repairs.release)

    monkeypatch.setattr(os, "ftruncate", observed_ftruncate)
    async with asyncio.timeout(30):
        for _ in range(3):
            await repairs.acquire()
            assert ledger.fault is not None
    await ledger.close()


async def test_a_full_disk_can_be_closed_and_read(
    small_disk: Path, make_record: RecordFactory, collect: Collector
) -> None:
    ledger = await EmbeddedLedger.open(small_disk / "ledger")
    acknowledged = await fill(ledger, make_record)
    await ledger.close()
    reader = await EmbeddedLedger.open(small_disk / "ledger", read_only=True)
    assert [event.record.sequence for event in await collect(reader.read(0))] == acknowledged
    await reader.close()


async def test_a_disk_full_from_the_start_is_unavailable(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "ballast").write_bytes(bytes(8_000_000))
    with pytest.raises(LedgerUnavailable, match="No space left on device"):
        await EmbeddedLedger.open(small_disk / "ledger")
    (small_disk / "ballast").unlink()
    ledger = await EmbeddedLedger.open(small_disk / "ledger")
    assert ledger.fault is None
    await ledger.close()


def test_a_limit_on_file_size_fails_appends_until_it_is_raised(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, LIMITED, tmp_path], capture_output=True, text=True, timeout=60, check=True
    )
    result = json.loads(ran.stdout)
    assert result["acknowledged"] == list(range(len(result["acknowledged"])))
    assert 20 <= len(result["acknowledged"]) <= 30
    assert len(result["failures"]) == 60 - len(result["acknowledged"])
    assert "File too large" in result["failures"][0]
    assert "File too large" in result["fault"]
    assert result["kept"] == [*result["acknowledged"], 100]
    assert result["recovered"] is None


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
async def test_a_write_or_sync_that_fails_is_unknown_and_then_gone(
    tmp_path: Path, make_record: RecordFactory, collect: Collector, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A disk that fails once: nothing of the failed group stays, the next append takes its offset."""
    ledger = await EmbeddedLedger.open(tmp_path)
    follower = ledger.follow(0)
    await ledger.append(0, make_record(0))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail_with_eio)
        failed = await asyncio.gather(
            *(ledger.append(0, make_record(number)) for number in range(1, 4)), return_exceptions=True
        )
        assert [type(error) for error in failed] == [LedgerUnavailable] * 3
        assert "Input/output error" in str(failed[0])
        assert ledger.fault is not None
        assert "partition 0" in ledger.fault
    assert (await ledger.append(0, make_record(4))).offset == 1
    assert ledger.fault is None
    assert [event.record.sequence for event in await collect(follower, 2)] == [0, 4]
    await end_follower(follower)
    await ledger.close()
    ledger = await EmbeddedLedger.open(tmp_path)
    assert [event.record.sequence for event in await collect(ledger.read(0))] == [0, 4]
    await ledger.close()


async def test_nothing_of_a_failed_group_comes_back_after_a_crash(
    tmp_path: Path, make_record: RecordFactory, collect: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failed group was longer than the next: what lay behind it must be gone from the file."""
    ledger = await EmbeddedLedger.open(tmp_path / "ledger")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail_with_eio)
        failed = [ledger.append(0, make_record(number)) for number in range(3)]
        assert all(
            isinstance(error, LedgerUnavailable)
            for error in await asyncio.gather(*failed, return_exceptions=True)
        )
    await ledger.append(0, make_record(3))
    shutil.copytree(tmp_path / "ledger", tmp_path / "crashed")
    await ledger.close()
    crashed = await EmbeddedLedger.open(tmp_path / "crashed")
    assert [event.record.sequence for event in await collect(crashed.read(0))] == [3]
    await crashed.close()


async def test_an_unexpected_error_does_not_end_the_committer(
    tmp_path: Path,
    make_record: RecordFactory,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger = await EmbeddedLedger.open(tmp_path)

    def fail(*_: object) -> None:
        raise MemoryError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fail)
        with pytest.raises(LedgerUnavailable, match="no memory"):
            await ledger.append(0, make_record(0))
    assert "failed unexpectedly" in caplog.text
    assert (await ledger.append(0, make_record(1))).offset == 0
    await ledger.close()


async def test_a_file_that_cannot_be_read_now_is_unavailable(
    tmp_path: Path, make_record: RecordFactory, collect: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = await EmbeddedLedger.open(tmp_path)
    await ledger.append(0, make_record(0))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", fail_with_eio)
        with pytest.raises(LedgerUnavailable, match="cannot be read"):
            await collect(ledger.read(0))
    assert len(await collect(ledger.read(0))) == 1
    await ledger.close()
