"""Whatever is not as it was archived is named, and nothing behind it is given."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from services.archive import Archive, ArchiveLedger
from services.ledger import LedgerCorrupt, LedgerError, LedgerRefused
from services.ledger.copying import Copied
from tests.services.archive.conftest import Fill, Place, archived_from, files_of

BROKEN = 2
"""Which object of partition 1 the tests break."""


@pytest.fixture
async def archive(on_disk: Place, fill: Fill, archive_directory: Path) -> Path:
    """An archive with several objects of each partition."""
    await archived_from(await fill(on_disk()), str(archive_directory), 30_000)
    assert len(files_of(archive_directory, "partition-00001/*.segment")) > BROKEN + 2
    return archive_directory


async def read(place: Path, partition: int) -> tuple[list[Copied], str]:
    """What could be read of a partition, and what was said then."""
    found: list[Copied] = []
    opened = await Archive.open(str(place))
    try:
        async for batch in opened.read(partition):
            found += batch
    except LedgerError as error:
        return found, str(error)
    return found, ""


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def another(path: Path) -> None:
    shutil.copy(path.parent.parent / "partition-00000" / files_of(path.parent.parent)[0].name, path)


def the_next(path: Path) -> None:
    folder = files_of(path.parent.parent, "partition-00001/*.segment")
    shutil.copy(folder[BROKEN + 1], path)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (flipped, "is not what was archived: its SHA-256 differs"),
        (shortened, "is not what was archived: its SHA-256 differs"),
        (another, "is not what was archived: its SHA-256 differs"),
        (the_next, "is not what was archived: its SHA-256 differs"),
        (Path.unlink, "is missing"),
    ],
)
async def test_an_object_that_is_not_as_it_was_is_named(
    archive: Path, histories: list[list[Copied]], harm: Callable[[Path], None], said: str
) -> None:
    path = files_of(archive, "partition-00001/*.segment")[BROKEN]
    begin = int(path.name[:20])
    harm(path)
    found, message = await read(archive, 1)
    assert found == histories[1][:begin]
    assert f"partition 1, offset {begin}: partition-00001/{path.name} {said}" in message
    assert await read(archive, 0) == (histories[0], "")


async def test_an_object_whose_manifest_was_made_to_fit_is_named(archive: Path) -> None:
    """A last entry with the right digest of an object that has other records than it says."""
    manifest = archive / "partition-00001" / "manifest.jsonl"
    lines = manifest.read_bytes().splitlines()
    entry = json.loads(lines[-1]) | {"records": json.loads(lines[-1])["records"] + 1}
    lines[-1] = json.dumps(entry, separators=(",", ":")).encode()
    manifest.write_bytes(b"\n".join(lines) + b"\n")
    _, message = await read(archive, 1)
    assert "has other records than its manifest says" in message


def without_a_line(lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], *lines[4:]]


def without_the_first(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *lines[2:]]


def exchanged(lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


def twice(lines: list[bytes]) -> list[bytes]:
    return [*lines[:4], lines[3], *lines[4:]]


def with_another_digest(lines: list[bytes]) -> list[bytes]:
    entry = json.loads(lines[3]) | {"sha256": "0" * 64}
    return [*lines[:3], json.dumps(entry, separators=(",", ":")).encode(), *lines[4:]]


def written_otherwise(lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], json.dumps(json.loads(lines[3])).encode(), *lines[4:]]


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (without_a_line, 4),
        (without_the_first, 2),
        (exchanged, 4),
        (twice, 5),
        (with_another_digest, 5),
        (written_otherwise, 4),
    ],
)
async def test_a_manifest_that_is_not_as_it_was_is_named(
    archive: Path, harm: Callable[[list[bytes]], list[bytes]], line: int
) -> None:
    manifest = archive / "partition-00001" / "manifest.jsonl"
    manifest.write_bytes(b"\n".join(harm(manifest.read_bytes().splitlines())) + b"\n")
    with pytest.raises(LedgerCorrupt, match=f"line {line} of partition-00001/manifest.jsonl does not follow"):
        await Archive.open(str(archive))


async def test_a_manifest_of_another_partition_is_named(archive: Path) -> None:
    shutil.copy(
        archive / "partition-00000" / "manifest.jsonl", archive / "partition-00001" / "manifest.jsonl"
    )
    with pytest.raises(LedgerCorrupt, match=r"partition-00001/manifest.jsonl is of partition 0 of 2"):
        await Archive.open(str(archive))


@pytest.mark.parametrize("content", [b"", b"nothing\n", b'{"format":1}\n'])
async def test_a_manifest_that_is_none_is_named(archive: Path, content: bytes) -> None:
    (archive / "partition-00001" / "manifest.jsonl").write_bytes(content)
    with pytest.raises(LedgerCorrupt, match=r"partition-00001/manifest.jsonl cannot be read"):
        await Archive.open(str(archive))


async def test_a_damaged_archive_is_not_gone_on_with(archive: Path, on_disk: Place, fill: Fill) -> None:
    ledger = await fill(on_disk())
    manifest = archive / "partition-00001" / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-20])
    with pytest.raises(LedgerCorrupt, match=r"manifest.jsonl"):
        await archived_from(ledger, str(archive))


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (None, "holds no archive: it has no archive.json"),
        (b"{}", "cannot be understood"),
        (b'{"format":2,"partitions":2}', "names format 2; this version reads 1"),
    ],
)
async def test_a_label_that_is_wrong_is_said(archive: Path, label: bytes | None, said: str) -> None:
    if label is None:
        (archive / "archive.json").unlink()
    else:
        (archive / "archive.json").write_bytes(label)
    with pytest.raises(LedgerRefused, match=said):
        await Archive.open(str(archive))


async def test_nothing_can_be_appended(archive: Path) -> None:
    ledger = ArchiveLedger(await Archive.open(str(archive)))
    event = (await anext(ledger.read(1)))[0]
    with pytest.raises(LedgerError, match="can only be read"):
        await ledger.append(1, event.record)
