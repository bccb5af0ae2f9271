"""Ledgers of two partitions with a known history, and places for archives of them."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from projections.event import Event
from services.archive import Archive, Archived, ArchiveStore, archive, open_archive_store
from services.archive.archiving import OBJECT_BYTES
from services.ledger import open_ledger
from services.ledger.codec import encode
from services.ledger.copying import Copied, copy_source, copy_target
from tests.ledgers import stored
from tests.projections.workload import history

PARTITIONS = 2

Place = Callable[[], str]
Fill = Callable[..., Coroutine[Any, Any, str]]


@pytest.fixture(scope="session")
def histories() -> list[list[Copied]]:
    """Hundreds of records of every kind for each partition, with times to the nanosecond."""
    return [
        [Copied(event.time + 7 * event.offset, encode(event.record)) for event in history(seed, 300)[:300]]
        for seed in (5, 6)
    ]


@pytest.fixture
def on_disk(tmp_path: Path) -> Place:
    """Names directories where nothing is yet."""
    return lambda: str(tmp_path / uuid.uuid4().hex)


@pytest.fixture
def new_place(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Names a place of a kind, embedded or kafka, where no ledger is yet."""

    def name(kind: str) -> str:
        if kind == "kafka":
            broker = request.getfixturevalue("kafka_broker")
            return f"kafka://{broker.bootstrap}/archived-{uuid.uuid4().hex}"
        on_disk: Place = request.getfixturevalue("on_disk")
        return on_disk()

    return name


@pytest.fixture(params=["directory", "s3"])
def archive_place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place of each kind for an archive."""
    if request.param == "s3":
        bucket: str = request.getfixturevalue("bucket")
        return bucket
    return str(tmp_path / "archive")


@pytest.fixture
def archive_directory(tmp_path: Path) -> Path:
    """A directory for an archive."""
    return tmp_path / "archive"


@pytest.fixture
def fill(histories: list[list[Copied]]) -> Fill:
    """Makes a ledger with the histories, or with parts of them; gives its place."""

    async def fill(place: str, *parts: slice) -> str:
        parts = parts or (slice(None),) * PARTITIONS
        async with copy_target(place, PARTITIONS) as target:
            for partition, part in enumerate(parts):
                await target.write(partition, histories[partition][part])
            await target.finish()
        return place

    return fill


async def archived_from(
    ledger: str, place: str | ArchiveStore, object_bytes: int = OBJECT_BYTES
) -> list[Archived]:
    """Archive a ledger once."""
    store = open_archive_store(place) if isinstance(place, str) else place
    async with copy_source(ledger) as source:
        return await archive(source, store, object_bytes=object_bytes)


async def records_in(place: str) -> list[list[Copied]]:
    """All that is in an archive."""
    opened = await Archive.open(place)
    return [
        [record async for batch in opened.read(partition) for record in batch]
        for partition in range(opened.partitions)
    ]


async def events_in(place: str) -> list[list[Event]]:
    """All that is in a ledger."""
    ledger = await open_ledger(place, read_only=True)
    try:
        return await stored(ledger)
    finally:
        await ledger.close()


def files_of(directory: Path, pattern: str = "*/*.segment") -> Sequence[Path]:
    """Files of an archive, in the order of their names."""
    return sorted(directory.glob(pattern))


def killed_again_and_again(
    program: str, *arguments: str, progress: Callable[[], int], step: int
) -> Iterator[None]:
    """Run a program until it comes to its end; kill it, and come here, whenever it has got `step` further."""
    before = 0
    while True:
        process = subprocess.Popen([sys.executable, "-c", program, *arguments])
        while process.poll() is None and progress() < before + step:
            time.sleep(0.005)
        if process.poll() is not None:
            assert process.returncode == 0
            return
        process.kill()
        process.wait()
        yield
        before = progress()
