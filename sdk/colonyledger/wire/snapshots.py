"""Snapshots: labels as they were at one moment (protocol: files.md sections 1.4 and 3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from colonyledger.wire.envelope import Empty, Message
from colonyledger.wire.times import ZERO_TIME

__all__ = [
    "CreateSnapshot",
    "GetSnapshot",
    "GetSnapshots",
    "RemoveAllSnapshots",
    "RemoveSnapshot",
    "Snapshot",
]


class Snapshot(msgspec.Struct, gc=False):
    """The newest revisions of all files at and below a label, when it was taken. It never changes."""

    snapshotid: str = ""
    colonyname: str = ""
    label: str = ""
    name: str = ""
    fileids: Sequence[str] = ()
    added: datetime = ZERO_TIME
    initiatorid: str = ""
    initiatorname: str = ""


class CreateSnapshot(Message[Snapshot], tag="createsnapshotmsg", frozen=True, gc=False):
    """Member: take a snapshot of a label and all labels below it."""

    colonyname: str = ""
    label: str = ""
    name: str = ""


class GetSnapshot(Message[Snapshot], tag="getsnapshotmsg", frozen=True, gc=False):
    """Member: one snapshot by id or, if that is empty, by name."""

    colonyname: str = ""
    snapshotid: str = ""
    name: str = ""


class GetSnapshots(Message[list[Snapshot]], tag="getsnapshotsmsg", frozen=True, gc=False):
    """Member: all snapshots, newest first."""

    colonyname: str = ""


class RemoveSnapshot(Message[Empty], tag="removesnapshotmsg", frozen=True, gc=False):
    """Member: remove a snapshot by id or, if that is empty, by name; the files stay."""

    colonyname: str = ""
    snapshotid: str = ""
    name: str = ""


class RemoveAllSnapshots(Message[Empty], tag="removeallsnapshotmsg", frozen=True, gc=False):
    """Member: remove all snapshots of the colony; the files stay."""

    colonyname: str = ""
