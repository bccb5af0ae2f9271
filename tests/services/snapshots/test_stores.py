"""Every store of snapshots does the same: a snapshot is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import pytest

from services.snapshots.base import SnapshotDamaged, SnapshotName, SnapshotStore, StoreUnavailable
from services.snapshots.opening import open_store


def name(position: int, partition: int = 0, digest: str = "d") -> SnapshotName:
    return SnapshotName(partition, position, "0123456789abcdef", digest * 64)


def put(store: SnapshotStore, which: SnapshotName, data: bytes = b"kept") -> int:
    def write(file: BinaryIO) -> None:
        file.write(data)

    def check(file: BinaryIO) -> None:
        assert file.read() == data

    return store.put(which, write, check)


def read(store: SnapshotStore, which: SnapshotName) -> bytes:
    with store.open(which) as file:
        return file.read()


def test_what_was_put_is_there(store: SnapshotStore) -> None:
    assert store.list() == []
    assert put(store, name(10), b"twelve bytes") == 12
    assert read(store, name(10)) == b"twelve bytes"
    [stored] = store.list(0)
    assert (stored.name, stored.size) == (name(10), 12)


def test_they_are_listed_newest_first_and_by_partition(store: SnapshotStore) -> None:
    for position in (9, 1_000, 200):
        put(store, name(position))
    put(store, name(5, partition=1))
    assert [each.name.position for each in store.list(0)] == [1_000, 200, 9]
    assert [each.name.position for each in store.list(1)] == [5]
    assert [each.name.position for each in store.list(2)] == []
    assert sorted(each.name for each in store.list()) == [name(9), name(200), name(1_000), name(5, 1)]


def test_what_fails_its_check_is_not_kept(store: SnapshotStore) -> None:
    def refuse(_: BinaryIO) -> None:
        raise SnapshotDamaged("not what was written")

    def write(file: BinaryIO) -> None:
        file.write(b"x")

    with pytest.raises(SnapshotDamaged):
        store.put(name(1), write, refuse)
    assert store.list() == []


def test_what_is_removed_is_gone_and_evidence_stays(store: SnapshotStore) -> None:
    put(store, name(1))
    place = store.keep(name(1))
    assert place == store.keep(name(1))
    store.remove(name(1))
    store.remove(name(1))
    assert store.list() == []
    assert read(open_store(place), name(1)) == b"kept"


def test_what_is_not_there_cannot_be_read(store: SnapshotStore) -> None:
    with pytest.raises(StoreUnavailable), store.open(name(1)):
        pass
    with pytest.raises(StoreUnavailable):
        store.keep(name(1))


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    put(store, name(1))
    folder = tmp_path / "partition-00000"
    (folder / "notes.txt").write_text("mine")
    (folder / "1-2.snapshot").write_text("no name")
    assert [each.name for each in store.list()] == [name(1)]


def test_only_old_drafts_are_cleared(tmp_path: Path) -> None:
    """A crash leaves a draft behind; another node may just be writing one."""
    store = open_store(str(tmp_path))
    put(store, name(1))
    folder = tmp_path / "partition-00000"
    old, young = folder / "a.snapshot.1.draft", folder / "b.snapshot.2.draft"
    for draft in (old, young):
        draft.write_bytes(b"half")
    os.utime(old, (1, 1))
    put(store, name(2))
    assert sorted(path.name for path in folder.iterdir() if path.suffix == ".draft") == [young.name]


def test_a_bucket_that_is_not_there_is_said(bucket: str) -> None:
    with pytest.raises(StoreUnavailable, match="s3://nowhere/"):
        open_store("s3://nowhere/x").list()


@pytest.mark.parametrize("place", ["s3://", "s3:///prefix", "http://host/x"])
def test_a_wrong_place_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match="s3://bucket/prefix"):
        open_store(place)


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable):
        put(open_store(str(tmp_path / "file")), name(1))
