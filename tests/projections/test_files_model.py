"""Random work on files and snapshots gives what a plain list of everything would give."""

from __future__ import annotations

from itertools import product
from typing import Any

from colonyledger.wire import (
    AddFile,
    CreateSnapshot,
    Empty,
    File,
    FileData,
    FileLabel,
    GetFile,
    GetFileLabels,
    GetFiles,
    GetSnapshot,
    GetSnapshots,
    Message,
    RemoveAllSnapshots,
    RemoveFile,
    RemoveSnapshot,
    Snapshot,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from projections.digest import state_digest
from projections.event import Refusal
from tests.projections.world import World, refold

LABELS = ["", "/", "/a", "/a/", "/a/b", "/ab"]
NAMES = ["", "f", "g"]
SNAPSHOT_NAMES = ["", "v1", "v:2"]
PICK = st.integers(0, 9)
NOTHING = "0" * 64


class Naive:
    """Files and snapshots as two lists."""

    def __init__(self) -> None:
        self.files: list[File] = []
        self.every: dict[str, File] = {}
        self.snapshots: list[Snapshot] = []

    def readable(self, fileid: str) -> bool:
        held = any(fileid in snapshot.fileids for snapshot in self.snapshots)
        return held or any(file.fileid == fileid for file in self.files)

    def newest(self, label: str) -> list[File]:
        named = {file.name: file for file in self.files if file.label == label}
        return [named[name] for name in sorted(named)]

    def below(self, label: str) -> list[str]:
        every = sorted({file.label for file in self.files})
        return [each for each in every if each == label or each.startswith(f"{label}/")]

    def selected(self, snapshotid: str, name: str) -> list[Snapshot]:
        if snapshotid:
            return [snapshot for snapshot in self.snapshots if snapshot.snapshotid == snapshotid]
        return [snapshot for snapshot in self.snapshots if snapshot.name == name]


class FilesAndSnapshots(RuleBasedStateMachine):
    """What members do with files."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.colony()
        self.naive = Naive()
        self.added = 0

    @initialize()
    def start(self) -> None:
        self.snapshots_seen: list[str] = [NOTHING]
        self.files_seen: list[str] = [NOTHING]

    def status(self, message: Message[Any]) -> Any:
        try:
            return self.world.call(self.world.user, message)
        except Refusal as refusal:
            return refusal.status

    @rule(label=st.sampled_from(LABELS), name=st.sampled_from(NAMES), size=st.integers(0, 9))
    def add(self, label: str, name: str, size: int) -> None:
        file = self.status(AddFile(file=File(colonyname="dev", label=label, name=name, size=size)))
        self.added += 1
        assert (file.label, file.name, file.size, file.sequencenr) == (label, name, size, self.added)
        assert file.fileid not in self.files_seen
        self.files_seen.append(file.fileid)
        self.naive.files.append(file)
        self.naive.every[file.fileid] = file

    @rule(pick=PICK)
    def remove_one(self, pick: int) -> None:
        fileid = self.files_seen[-1 - pick % len(self.files_seen)]
        assert self.status(RemoveFile(colonyname="dev", fileid=fileid)) == Empty()
        self.naive.files = [file for file in self.naive.files if file.fileid != fileid]

    @rule(label=st.sampled_from(LABELS), name=st.sampled_from(NAMES))
    def remove_all(self, label: str, name: str) -> None:
        done = self.status(RemoveFile(colonyname="dev", label=label, name=name))
        assert done == (Empty() if label and name else 400)
        if done == Empty():
            self.naive.files = [file for file in self.naive.files if (file.label, file.name) != (label, name)]

    @rule(label=st.sampled_from(LABELS), name=st.sampled_from(SNAPSHOT_NAMES))
    def snapshot(self, label: str, name: str) -> None:
        snapshot = self.status(CreateSnapshot(colonyname="dev", label=label, name=name))
        if self.naive.selected("", name):
            assert snapshot == 409
            return
        label = label.removesuffix("/")
        ids = [file.fileid for each in self.naive.below(label) for file in self.naive.newest(each)]
        assert (snapshot.label, snapshot.name, snapshot.fileids) == (label, name, ids)
        self.snapshots_seen.append(snapshot.snapshotid)
        self.naive.snapshots.append(snapshot)

    @rule(pick=PICK, name=st.sampled_from(SNAPSHOT_NAMES), by_id=st.booleans())
    def remove_snapshot(self, pick: int, name: str, by_id: bool) -> None:
        snapshotid = self.snapshots_seen[-1 - pick % len(self.snapshots_seen)] if by_id else ""
        done = self.status(RemoveSnapshot(colonyname="dev", snapshotid=snapshotid, name=name))
        assert done == (Empty() if snapshotid or name else 400)
        if done == Empty():
            for snapshot in self.naive.selected(snapshotid, name):
                self.naive.snapshots.remove(snapshot)

    @precondition(lambda self: len(self.naive.snapshots) > 2)
    @rule()
    def remove_all_snapshots(self) -> None:
        self.status(RemoveAllSnapshots(colonyname="dev"))
        self.naive.snapshots.clear()

    @invariant()
    def names_lead_to_files(self) -> None:
        for label, name, latest in product(LABELS, NAMES, [True, False]):
            found = self.status(GetFile(colonyname="dev", label=label, name=name, latest=latest))
            expected = [file for file in self.naive.files if (file.label, file.name) == (label, name)][::-1]
            shown = (expected[:1] if latest else expected) or 404
            assert found == (shown if label and name else 400)

    @invariant()
    def labels_are_listed(self) -> None:
        every = sorted({file.label for file in self.naive.files})
        for label, exact in product(LABELS, [True, False]):
            found = self.status(GetFileLabels(colonyname="dev", name=label, exact=exact))
            started = [each for each in every if each.startswith(label)]
            wanted = self.naive.below(label) if label and exact else started
            assert found == [FileLabel(each, len(self.naive.newest(each))) for each in wanted]
            names = self.status(GetFiles(colonyname="dev", label=label))
            assert names == [FileData(file.name, "", file.size, "") for file in self.naive.newest(label)]

    @invariant()
    def ids_lead_to_files(self) -> None:
        for fileid in self.files_seen:
            found = self.status(GetFile(colonyname="dev", fileid=fileid))
            assert found == ([self.naive.every[fileid]] if self.naive.readable(fileid) else 404)

    @invariant()
    def snapshots_never_change(self) -> None:
        listed = self.status(GetSnapshots(colonyname="dev"))
        assert listed == self.naive.snapshots[::-1]
        for snapshotid in self.snapshots_seen:
            found = self.status(GetSnapshot(colonyname="dev", snapshotid=snapshotid))
            assert found == next(iter(self.naive.selected(snapshotid, "")), 404)

    def teardown(self) -> None:
        assert state_digest(refold(self.world.events)) == state_digest(self.world.state)


FilesAndSnapshots.TestCase.settings = settings(max_examples=100, stateful_step_count=50)
TestFilesAndSnapshots = FilesAndSnapshots.TestCase
