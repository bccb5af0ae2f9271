"""Files and their revisions, found by id, by label and name, and by label (protocol: files.md sections 2 and 3)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

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
    RemoveFile,
)
from msgspec.structs import replace

from projections.event import Refusal
from projections.initiators import caller_of
from projections.locators import member_colony, required
from projections.registry import Role, command, query
from projections.sortednames import SortedNames

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import Turn, View

__all__ = ["Files", "add_file", "get_file", "get_file_labels", "get_files", "remove_file"]

_NOT_FOUND = "Failed to get file"


class Files:
    """The files of one colony. A label is there as long as a file has it.

    A removed file that a snapshot holds can still be had by its id, until no snapshot holds it.
    """

    __slots__ = ("_holds", "_labels", "_names", "by_id", "last_sequence", "removed")

    def __init__(self) -> None:
        self.by_id: dict[str, File] = {}
        self.removed: dict[str, File] = {}
        """Removed files that snapshots hold, by id."""
        self.last_sequence = 0
        """The sequence number of the newest file; the numbers of a colony's files never come again."""
        self._labels: dict[str, dict[str, list[File]]] = {}
        """The revisions of each name of each label, oldest first."""
        self._names = SortedNames()
        self._holds: dict[str, int] = {}
        """How many snapshots hold a file."""

    def add(self, file: File) -> None:
        """Keep a file as the newest revision of its label and name."""
        self.last_sequence = file.sequencenr
        self.by_id[file.fileid] = file
        if file.label not in self._labels:
            self._labels[file.label] = {}
            self._names.add(file.label)
        self._labels[file.label].setdefault(file.name, []).append(file)

    def find(self, fileid: str) -> File | None:
        """The file of an id, also if it is removed and a snapshot holds it."""
        return self.by_id.get(fileid) or self.removed.get(fileid)

    def revisions(self, label: str, name: str) -> Sequence[File]:
        """The revisions of a label and name, oldest first."""
        return self._labels.get(label, {}).get(name, ())

    def newest(self, label: str) -> list[File]:
        """The newest revision of each name that has exactly this label, by name."""
        return [revisions[-1] for _, revisions in sorted(self._labels.get(label, {}).items())]

    def count(self, label: str) -> int:
        """How many different names have exactly this label."""
        return len(self._labels[label])

    def labels(self, prefix: str) -> Iterator[str]:
        """The labels that start with a text, in order."""
        return self._names.starting_with(prefix)

    def labels_below(self, label: str) -> Iterator[str]:
        """A label, if there is such, and all labels below it, in order."""
        if label in self._labels:
            yield label
        yield from self._names.starting_with(f"{label}/")

    def remove(self, file: File) -> None:
        """Remove one revision."""
        revisions = self._labels[file.label][file.name]
        del revisions[bisect_left(revisions, file.sequencenr, key=lambda each: each.sequencenr)]
        if not revisions:
            self._drop_name(file.label, file.name)
        self._forget(file)

    def remove_all(self, label: str, name: str) -> None:
        """Remove all revisions of a label and name, if there are any."""
        revisions = self.revisions(label, name)
        if revisions:
            self._drop_name(label, name)
        for file in revisions:
            self._forget(file)

    def hold(self, fileids: Iterable[str]) -> None:
        """Let a snapshot hold files."""
        for fileid in fileids:
            self._holds[fileid] = self._holds.get(fileid, 0) + 1

    def release(self, fileids: Iterable[str]) -> None:
        """Let a snapshot no longer hold files."""
        for fileid in fileids:
            self._holds[fileid] -= 1
            if not self._holds[fileid]:
                del self._holds[fileid]
                self.removed.pop(fileid, None)

    def _drop_name(self, label: str, name: str) -> None:
        names = self._labels[label]
        del names[name]
        if not names:
            del self._labels[label]
            self._names.remove(label)

    def _forget(self, file: File) -> None:
        del self.by_id[file.fileid]
        if file.fileid in self._holds:
            self.removed[file.fileid] = file


def _colony_of_new_file(message: AddFile) -> str:
    return required(message.file, "Failed to add file, msg.File is nil").colonyname


@command(AddFile, Role.MEMBER, member_colony(_colony_of_new_file), "add file")
def add_file(turn: Turn, message: AddFile, colony: Colony) -> File:
    """Add a revision; the keys to the object store are not kept (files.md, addfilemsg and quirk F6)."""
    new = required(message.file, "Failed to add file, msg.File is nil")
    initiator = caller_of(turn, colony)
    file = replace(
        new,
        fileid=turn.new_id(colony),
        sequencenr=colony.files.last_sequence + 1,
        ref=FileReference(new.ref.protocol, replace(new.ref.s3object, accesskey="", secretkey="")),
        added=turn.moment,
        initiatorid=initiator.id,
        initiatorname=initiator.name,
    )
    colony.files.add(file)
    return file


@query(GetFile, Role.MEMBER, member_colony(), "get file")
def get_file(view: View, message: GetFile, colony: Colony) -> Sequence[File]:
    """One revision, or all of a label and name, newest first (files.md, getfilemsg)."""
    if message.fileid:
        file = colony.files.find(message.fileid)
        if file is None:
            raise Refusal(404, _NOT_FOUND)
        return [file]
    if not message.label or not message.name:
        raise Refusal(400, "malformatted get file msg")
    revisions = colony.files.revisions(message.label, message.name)
    if not revisions:
        raise Refusal(404, _NOT_FOUND)
    return [revisions[-1]] if message.latest else revisions[::-1]


@query(GetFiles, Role.MEMBER, member_colony(), "get files")
def get_files(view: View, message: GetFiles, colony: Colony) -> list[FileData]:
    """The newest revision of each name of a label (files.md, getfilesmsg)."""
    return [
        FileData(file.name, file.checksum, file.size, file.ref.s3object.object)
        for file in colony.files.newest(message.label)
    ]


@query(GetFileLabels, Role.MEMBER, member_colony(), "get file labels")
def get_file_labels(view: View, message: GetFileLabels, colony: Colony) -> list[FileLabel]:
    """Labels with a common start, or at and below one of them (files.md, getfilelabelsmsg, quirks F1, F3 and F4)."""
    below = message.exact and message.name
    labels = colony.files.labels_below(message.name) if below else colony.files.labels(message.name)
    return [FileLabel(label, colony.files.count(label)) for label in labels]


@command(RemoveFile, Role.MEMBER, member_colony(), "remove file")
def remove_file(turn: Turn, message: RemoveFile, colony: Colony) -> Empty:
    """Remove one revision, or all of a label and name; what is not there is no error (files.md, removefilemsg)."""
    if message.fileid:
        file = colony.files.by_id.get(message.fileid)
        if file is not None:
            colony.files.remove(file)
    elif message.label and message.name:
        colony.files.remove_all(message.label, message.name)
    else:
        raise Refusal(400, "malformatted remove file msg")
    return Empty()
