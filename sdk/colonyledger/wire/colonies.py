"""Colonies (protocol: members.md section 1)."""

from __future__ import annotations

import msgspec

from colonyledger.wire.envelope import Empty, Message
from colonyledger.wire.statistics import Statistics

__all__ = [
    "AddColony",
    "ChangeColonyId",
    "Colony",
    "GetColonies",
    "GetColony",
    "GetColonyStatistics",
    "RemoveColony",
]


class Colony(msgspec.Struct, gc=False):
    """A colony: executors that act as one computer. `colonyid` is the id of its owner's key."""

    colonyid: str = ""
    name: str = ""


class AddColony(Message[Colony], tag="addcolonymsg", frozen=True, gc=False):
    """Server owner: create a colony."""

    colony: Colony | None = None


class RemoveColony(Message[Empty], tag="removecolonymsg", frozen=True, gc=False):
    """Server owner: remove a colony and everything in it."""

    colonyname: str = ""


class GetColonies(Message[list[Colony]], tag="getcoloniesmsg", frozen=True, gc=False):
    """Server owner: all colonies, oldest first."""


class GetColony(Message[Colony], tag="getcolonymsg", frozen=True, gc=False):
    """Member: the colony's record."""

    colonyname: str = ""


class GetColonyStatistics(Message[Statistics], tag="getcolonystatsmsg", frozen=True, gc=False):
    """Member: how many executors, processes and workflows the colony has, by state."""

    colonyname: str = ""


class ChangeColonyId(Message[Empty], tag="changecolonyidmsg", frozen=True, gc=False):
    """Colony owner: hand the colony to another key; `colonyid` is the id of the new one (members.md section 7)."""

    colonyname: str = ""
    colonyid: str = ""
