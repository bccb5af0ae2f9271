"""Snapshots (files.md sections 1.4 and 3)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.wire import (
    CreateSnapshot,
    Empty,
    GetFile,
    GetSnapshot,
    GetSnapshots,
    RemoveAllSnapshots,
    RemoveSnapshot,
    Snapshot,
    instant,
)

from projections import snapshots
from projections.digest import state_digest
from tests.projections.test_files import DENIED, NOT_FOUND, add, get, labels, remove
from tests.projections.world import World, refold


def create(world: World, label: str, name: str) -> Snapshot:
    return world.call(world.user, CreateSnapshot(colonyname="dev", label=label, name=name))


def listed(world: World) -> list[str]:
    return [snapshot.name for snapshot in world.call(world.user, GetSnapshots(colonyname="dev"))]


def test_a_snapshot_holds_the_newest_revisions(world: World) -> None:
    add(world, "/src", "b")
    deep = add(world, "/src/lib/x", "a")
    newest = add(world, "/src", "b")
    first = add(world, "/src", "a")
    add(world, "/srcs", "a")
    add(world, "/other", "a")
    world.advance(5)
    snapshot = create(world, "/src", "v1")
    ids = [first.fileid, newest.fileid, deep.fileid]
    expected = Snapshot(
        snapshot.snapshotid, "dev", "/src", "v1", ids, instant(world.now), world.user.id, "alice"
    )
    assert snapshot == expected
    assert len(snapshot.snapshotid) == 64


def test_a_snapshot_never_changes(world: World) -> None:
    old = add(world, "/src", "a")
    snapshot = create(world, "/src", "v1")
    add(world, "/src", "a")
    add(world, "/src", "b")
    remove(world, fileid=old.fileid)
    assert world.call(world.user, GetSnapshot(colonyname="dev", name="v1")) == snapshot
    assert world.call(world.user, GetSnapshot(colonyname="dev", snapshotid=snapshot.snapshotid)) == snapshot
    assert snapshot.fileids == [old.fileid]


@pytest.mark.parametrize(
    ("label", "kept", "files"),
    [
        ("/src/", "/src", 2),
        ("/src//", "/src/", 0),
        ("/none", "/none", 0),
        ("/a", "/a", 1),
        ("/", "", 3),
        ("", "", 3),
        ("src", "src", 0),
    ],
)
def test_the_label_of_a_snapshot(world: World, label: str, kept: str, files: int) -> None:
    for place in ("/src", "/src/lib", "/a/only/below"):
        add(world, place, "f")
    snapshot = create(world, label, "v1")
    assert (snapshot.label, len(snapshot.fileids)) == (kept, files)


@pytest.mark.parametrize("name", ["v1", "with:colon", ""])
def test_a_name_is_used_once(world: World, name: str) -> None:
    create(world, "/src", name)
    again = CreateSnapshot(colonyname="dev", label="/other", name=name)
    assert world.refused(world.user, again) == (
        409,
        f"Snapshot with name <{name}> in Colony <dev> already exists",
    )
    assert listed(world) == [name]


def test_snapshots_are_listed_newest_first(world: World) -> None:
    assert listed(world) == []
    for name in ("b", "a", "c"):
        create(world, "/src", name)
    assert listed(world) == ["c", "a", "b"]


@pytest.mark.parametrize("by_id", [True, False])
def test_a_snapshot_is_removed(world: World, by_id: bool) -> None:
    snapshot = create(world, "/src", "v1")
    create(world, "/src", "v2")
    selection = {"snapshotid": snapshot.snapshotid} if by_id else {"name": "v1"}
    assert world.call(world.user, RemoveSnapshot(colonyname="dev", **selection)) == Empty()
    assert listed(world) == ["v2"]
    assert world.refused(world.user, GetSnapshot(colonyname="dev", **selection))[0] == 404
    assert world.call(world.user, RemoveSnapshot(colonyname="dev", **selection)) == Empty()
    create(world, "/src", "v1")


def test_all_snapshots_are_removed(world: World) -> None:
    file = add(world, "/src", "a")
    create(world, "/src", "v1")
    create(world, "/src", "v2")
    assert world.call(world.user, RemoveAllSnapshots(colonyname="dev")) == Empty()
    assert listed(world) == []
    assert get(world, fileid=file.fileid) == [file]


@pytest.mark.parametrize(
    ("selection", "refusal"),
    [
        ({"name": "v2"}, (404, "Snapshot not found with name <v2> in Colony <dev> does not exists")),
        ({"snapshotid": "0"}, (404, "Snapshot not found with Id <0> in Colony <dev> does not exists")),
        (
            {"snapshotid": "0", "name": "v1"},
            (404, "Snapshot not found with Id <0> in Colony <dev> does not exists"),
        ),
        ({}, (400, "Failed to get snapshot, malformatted msg")),
    ],
)
def test_what_cannot_be_got(world: World, selection: dict[str, Any], refusal: tuple[int, str]) -> None:
    create(world, "/src", "v1")
    assert world.refused(world.user, GetSnapshot(colonyname="dev", **selection)) == refusal


def test_a_removal_that_selects_nothing(world: World) -> None:
    message = RemoveSnapshot(colonyname="dev")
    assert world.refused(world.user, message) == (400, "Failed to remove snapsnot, malformatted msg")


@pytest.mark.parametrize("by_id", [True, False])
def test_a_removed_file_stays_while_a_snapshot_holds_it(world: World, by_id: bool) -> None:
    file = add(world, "/src", "a")
    create(world, "/src", "v1")
    create(world, "/src", "v2")
    if by_id:
        remove(world, fileid=file.fileid)
    else:
        remove(world, label="/src", name="a")
    assert labels(world) == []
    assert world.refused(world.user, GetFile(colonyname="dev", label="/src", name="a")) == NOT_FOUND
    assert get(world, fileid=file.fileid) == [file]
    assert remove(world, fileid=file.fileid) == Empty()
    world.call(world.user, RemoveSnapshot(colonyname="dev", name="v1"))
    assert get(world, fileid=file.fileid) == [file]
    world.call(world.user, RemoveSnapshot(colonyname="dev", name="v2"))
    assert world.refused(world.user, GetFile(colonyname="dev", fileid=file.fileid)) == NOT_FOUND


def test_a_snapshot_has_a_largest_size(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MAX_SNAPSHOT_FILES", 2)
    add(world, "/src", "a")
    add(world, "/src/lib", "b")
    create(world, "/src", "two")
    add(world, "/src/lib/x", "c")
    message = CreateSnapshot(colonyname="dev", label="/src", name="three")
    assert world.refused(world.user, message) == (
        413,
        "Failed to create snapshot, the label has more than 2 files",
    )


def test_the_snapshots_of_a_colony_have_a_largest_size(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MAX_SNAPSHOT_FILES_OF_COLONY", 2)
    add(world, "/src", "a")
    create(world, "/src", "v1")
    create(world, "/src", "v2")
    message = CreateSnapshot(colonyname="dev", label="/src", name="v3")
    refusal = "Failed to create snapshot, the snapshots of Colony <dev> would hold more than 2 files; remove some of them"
    assert world.refused(world.user, message) == (429, refusal)
    world.call(world.user, RemoveSnapshot(colonyname="dev", name="v1"))
    create(world, "/src", "v3")


def test_only_members_have_snapshots(world: World) -> None:
    create(world, "/src", "v1")
    for who in (world.owner, world.server):
        assert world.refused(who, CreateSnapshot(colonyname="dev", label="/src", name="v2")) == DENIED
        assert world.refused(who, GetSnapshot(colonyname="dev", name="v1")) == DENIED
        assert world.refused(who, GetSnapshots(colonyname="dev")) == DENIED
        assert world.refused(who, RemoveSnapshot(colonyname="dev", name="v1")) == DENIED
        assert world.refused(who, RemoveAllSnapshots(colonyname="dev")) == DENIED


def test_the_digest_sees_snapshots(world: World) -> None:
    file = add(world, "/src", "a")
    before = state_digest(world.state)
    create(world, "/src", "v1")
    remove(world, fileid=file.fileid)
    held = state_digest(world.state)
    assert before != held == state_digest(refold(world.events))
