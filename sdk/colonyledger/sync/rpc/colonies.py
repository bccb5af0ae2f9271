# Written by sdk/generate_sync.py from colonyledger/rpc/colonies.py; change that one.
"""Colonies (protocol: members.md section 1)."""

from __future__ import annotations

from colonyledger.sync.rpc.caller import Caller
from colonyledger.wire import (
    AddColony,
    Colony,
    GetColonies,
    GetColony,
    GetColonyStatistics,
    RemoveColony,
    Statistics,
)

__all__ = ["ColonyCalls"]


class ColonyCalls(Caller):
    """Calls about colonies."""

    def add_colony(self, name: str, colonyid: str) -> Colony:
        """Server owner: create a colony; `colonyid` is the id of its owner's key."""
        return self.call(AddColony(colony=Colony(colonyid=colonyid, name=name)))

    def remove_colony(self, name: str) -> None:
        """Server owner: remove a colony and everything in it."""
        self.call(RemoveColony(colonyname=name))

    def get_colonies(self) -> list[Colony]:
        """Server owner: all colonies, oldest first."""
        return self.call(GetColonies())

    def get_colony(self) -> Colony:
        """Member: this client's colony."""
        return self.call(GetColony(colonyname=self.colony))

    def get_colony_statistics(self) -> Statistics:
        """Member: how many executors, processes and workflows the colony has, by state."""
        return self.call(GetColonyStatistics(colonyname=self.colony))
