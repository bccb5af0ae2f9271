"""Colonies (protocol: members.md section 1)."""

from __future__ import annotations

from colonyledger.rpc.caller import Caller
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

    async def add_colony(self, name: str, colonyid: str) -> Colony:
        """Server owner: create a colony; `colonyid` is the id of its owner's key."""
        return await self.call(AddColony(colony=Colony(colonyid=colonyid, name=name)))

    async def remove_colony(self, name: str) -> None:
        """Server owner: remove a colony and everything in it."""
        await self.call(RemoveColony(colonyname=name))

    async def get_colonies(self) -> list[Colony]:
        """Server owner: all colonies, oldest first."""
        return await self.call(GetColonies())

    async def get_colony(self) -> Colony:
        """Member: this client's colony."""
        return await self.call(GetColony(colonyname=self.colony))

    async def get_colony_statistics(self) -> Statistics:
        """Member: how many executors, processes and workflows the colony has, by state."""
        return await self.call(GetColonyStatistics(colonyname=self.colony))
