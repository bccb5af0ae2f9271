"""Files, revisions and labels (files.md sections 1 to 3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddFile,
    Empty,
    File,
    FileData,
    FileLabel,
    FileReference,
    GetFile,
    GetFileLabels,
    GetFiles,
    RemoveColony,
    RemoveFile,
    S3Object,
    instant,
)

from projections.digest import state_digest
from tests.projections.world import World, refold

S3 = S3Object("store:9000", -1, True, "key", "secret", "eu", "cipher", "AES", "0bj", "bucket")
DENIED = (403, "Access denied, not a member of Colony with name <dev>")
NOT_FOUND = (404, "Failed to get file")


def new(label: str, name: str, **fields: Any) -> File:
    return File(colonyname="dev", label=label, name=name, **fields)


def add(world: World, label: str, name: str, **fields: Any) -> File:
    return world.call(world.user, AddFile(file=new(label, name, **fields)))


def get(world: World, **selection: Any) -> list[File]:
    return world.call(world.user, GetFile(colonyname="dev", **selection))


def remove(world: World, **selection: str) -> Empty:
    return world.call(world.user, RemoveFile(colonyname="dev", **selection))


def labels(world: World, name: str = "", *, exact: bool = False) -> list[tuple[str, int]]:
    asked = GetFileLabels(colonyname="dev", name=name, exact=exact)
    return [(label.name, label.files) for label in world.call(world.user, asked)]


def test_a_file_is_added(world: World) -> None:
    sent = new("/a", "f", size=17, checksum="cc", checksumalg="SHA256", ref=FileReference("s3", S3))
    sent.fileid, sent.sequencenr = "mine", 99
    sent.added, sent.initiatorid = datetime(2000, 1, 1, tzinfo=UTC), "me"
    added = world.call(world.user, AddFile(file=sent))
    kept = S3Object("store:9000", -1, True, "", "", "eu", "cipher", "AES", "0bj", "bucket")
    assert added == File(
        added.fileid,
        "dev",
        "/a",
        "f",
        17,
        1,
        "cc",
        "SHA256",
        FileReference("s3", kept),
        instant(world.now),
        world.user.id,
        "alice",
    )
    assert len(added.fileid) == 64
    assert get(world, fileid=added.fileid) == [added]


def test_keys_of_the_store_are_kept_nowhere(world: World) -> None:
    add(world, "/a", "f", ref=FileReference("s3", S3))
    (kept,) = world.state.colonies["dev"].files.by_id.values()
    assert (kept.ref.s3object.accesskey, kept.ref.s3object.secretkey) == ("", "")


def test_an_executor_adds_a_file(world: World, edge: Identity) -> None:
    added = world.call(edge, AddFile(file=new("/a", "f")))
    assert (added.initiatorid, added.initiatorname) == (edge.id, "edge1")


def test_another_protocol_than_s3_is_kept(world: World) -> None:
    assert add(world, "/a", "f", ref=FileReference("gopher")).ref.protocol == "gopher"


def test_a_file_is_missing(world: World) -> None:
    assert world.refused(world.user, AddFile()) == (400, "Failed to add file, msg.File is nil")


def test_a_later_revision_has_a_higher_number(world: World) -> None:
    first, other, second = add(world, "/a", "f"), add(world, "/a", "g"), add(world, "/a", "f")
    assert [file.sequencenr for file in (first, other, second)] == [1, 2, 3]
    assert get(world, label="/a", name="f") == [second, first]
    assert get(world, label="/a", name="f", latest=True) == [second]


def test_numbers_never_come_again(world: World) -> None:
    remove(world, fileid=add(world, "/a", "f").fileid)
    assert add(world, "/a", "f").sequencenr == 2


def test_colonies_count_apart(world: World) -> None:
    world.colony("lab")
    add(world, "/a", "f")
    theirs = world.call(world.user, AddFile(file=File(colonyname="lab", label="/a", name="f")))
    assert theirs.sequencenr == 1
    assert world.refused(world.user, GetFile(colonyname="dev", fileid=theirs.fileid)) == NOT_FOUND


def test_latest_does_not_matter_with_an_id(world: World) -> None:
    first = add(world, "/a", "f")
    add(world, "/a", "f")
    assert get(world, fileid=first.fileid, latest=True) == [first]


@pytest.mark.parametrize(
    ("selection", "refusal"),
    [
        ({"fileid": "0" * 64}, NOT_FOUND),
        ({"label": "/a", "name": "g"}, NOT_FOUND),
        ({"label": "/b", "name": "f", "latest": True}, NOT_FOUND),
        ({"label": "/A", "name": "f"}, NOT_FOUND),
        ({"label": "/a/", "name": "f"}, NOT_FOUND),
        ({}, (400, "malformatted get file msg")),
        ({"label": "/a"}, (400, "malformatted get file msg")),
        ({"name": "f", "latest": True}, (400, "malformatted get file msg")),
    ],
)
def test_what_cannot_be_got(world: World, selection: dict[str, Any], refusal: tuple[int, str]) -> None:
    add(world, "/a", "f")
    assert world.refused(world.user, GetFile(colonyname="dev", **selection)) == refusal


def test_the_newest_of_each_name(world: World) -> None:
    add(world, "/a", "g", size=1)
    add(world, "/a", "f", checksum="old")
    add(world, "/a", "f", size=2, checksum="cc", ref=FileReference("s3", S3))
    add(world, "/a/below", "h")
    asked = GetFiles(colonyname="dev", label="/a")
    assert world.call(world.user, asked) == [FileData("f", "cc", 2, "0bj"), FileData("g", "", 1, "")]
    assert world.call(world.user, GetFiles(colonyname="dev", label="/none")) == []


def test_labels(world: World) -> None:
    assert labels(world) == []
    for label, name in [
        ("/b", "f"),
        ("/a", "f"),
        ("/a", "f"),
        ("/a", "g"),
        ("/ab", "f"),
        ("/a/c", "f"),
        ("", "f"),
    ]:
        add(world, label, name)
    assert labels(world) == [("", 1), ("/a", 2), ("/a/c", 1), ("/ab", 1), ("/b", 1)]


@pytest.mark.parametrize(
    ("name", "exact", "found"),
    [
        ("/a", False, ["/a", "/a!", "/a/c", "/a/c/d", "/ab"]),
        ("/a", True, ["/a", "/a/c", "/a/c/d"]),
        ("/a/", False, ["/a/c", "/a/c/d"]),
        ("/a/", True, []),
        ("/x", True, ["/x/y"]),
        ("/z", True, []),
        ("/z", False, []),
        ("_a", False, []),
        ("/%", False, []),
        ("/100%", True, ["/100%", "/100%/y"]),
        ("", True, ["/100%", "/100%/y", "/a", "/a!", "/a/c", "/a/c/d", "/ab", "/x/y"]),
    ],
)
def test_labels_by_name(world: World, name: str, exact: bool, found: list[str]) -> None:
    for label in ("/x/y", "/ab", "/a!", "/a", "/a/c", "/a/c/d", "/100%", "/100%/y"):
        add(world, label, "f")
    assert [label for label, _ in labels(world, name, exact=exact)] == found


def test_one_revision_is_removed(world: World) -> None:
    first, second, third = (add(world, "/a", "f") for _ in range(3))
    assert remove(world, fileid=second.fileid) == Empty()
    assert get(world, label="/a", name="f") == [third, first]
    assert world.refused(world.user, GetFile(colonyname="dev", fileid=second.fileid)) == NOT_FOUND
    remove(world, fileid=third.fileid)
    assert get(world, label="/a", name="f", latest=True) == [first]


def test_all_revisions_are_removed(world: World) -> None:
    add(world, "/a", "f")
    kept = add(world, "/a", "g")
    last = add(world, "/a", "f")
    assert remove(world, label="/a", name="f") == Empty()
    assert world.refused(world.user, GetFile(colonyname="dev", label="/a", name="f")) == NOT_FOUND
    assert world.refused(world.user, GetFile(colonyname="dev", fileid=last.fileid)) == NOT_FOUND
    assert get(world, fileid=kept.fileid) == [kept]


@pytest.mark.parametrize("by_id", [True, False])
def test_a_label_goes_with_its_last_file(world: World, by_id: bool) -> None:
    file = add(world, "/a", "f")
    if by_id:
        remove(world, fileid=file.fileid)
    else:
        remove(world, label="/a", name="f")
    assert labels(world) == []
    add(world, "/a", "f")
    assert labels(world) == [("/a", 1)]


@pytest.mark.parametrize(
    "selection", [{"fileid": "0" * 64}, {"label": "/b", "name": "f"}, {"label": "/a", "name": "g"}]
)
def test_what_is_not_there_is_removed_without_error(world: World, selection: dict[str, str]) -> None:
    file = add(world, "/a", "f")
    assert remove(world, **selection) == Empty()
    assert get(world, fileid=file.fileid) == [file]


@pytest.mark.parametrize("selection", [{}, {"label": "/a"}, {"name": "f"}])
def test_a_removal_that_selects_nothing(world: World, selection: dict[str, str]) -> None:
    message = RemoveFile(colonyname="dev", **selection)
    assert world.refused(world.user, message) == (400, "malformatted remove file msg")


def test_null_selects_nothing(world: World) -> None:
    file = add(world, "/a", "f")
    outcome = world.send(
        world.user,
        "removefilemsg",
        {"colonyname": "dev", "fileid": None, "label": file.label, "name": file.name},
    )
    assert outcome.refusal is None
    assert labels(world) == []


def test_only_members_have_files(world: World) -> None:
    add(world, "/a", "f")
    for who in (world.owner, world.server):
        assert world.refused(who, AddFile(file=new("/a", "f"))) == DENIED
        assert world.refused(who, GetFile(colonyname="dev", label="/a", name="f")) == DENIED
        assert world.refused(who, GetFiles(colonyname="dev", label="/a")) == DENIED
        assert world.refused(who, GetFileLabels(colonyname="dev")) == DENIED
        assert world.refused(who, RemoveFile(colonyname="dev", label="/a", name="f")) == DENIED


def test_a_removed_colony_takes_its_files_along(world: World) -> None:
    add(world, "/a", "f")
    world.call(world.server, RemoveColony(colonyname="dev"))
    world.colony("dev")
    assert world.call(world.user, GetFileLabels(colonyname="dev")) == list[FileLabel]()
    assert add(world, "/a", "f").sequencenr == 1


def test_the_digest_sees_files(world: World) -> None:
    before = state_digest(world.state)
    add(world, "/a", "f")
    after = state_digest(world.state)
    assert before != after == state_digest(refold(world.events))
