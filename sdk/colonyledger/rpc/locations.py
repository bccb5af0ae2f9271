"""Locations, and the nodes that executors have there (protocol: members.md sections 4 and 5)."""

from __future__ import annotations

from colonyledger.rpc.caller import Caller
from colonyledger.wire import (
    AddLocation,
    ComputeNode,
    GetLocation,
    GetLocations,
    GetNode,
    GetNodes,
    GetNodesByLocation,
    Location,
    RemoveLocation,
)

__all__ = ["LocationCalls"]


class LocationCalls(Caller):
    """Calls about places and the machines at them."""

    async def add_location(
        self, name: str, *, description: str = "", long: float = 0.0, lat: float = 0.0
    ) -> Location:
        """Colony owner: add a location, at degrees of longitude and latitude."""
        location = Location(name=name, colonyname=self.colony, description=description, long=long, lat=lat)
        return await self.call(AddLocation(location=location))

    async def get_locations(self) -> list[Location]:
        """Member, also an executor that is not approved: the colony's locations, oldest first."""
        return await self.call(GetLocations(colonyname=self.colony))

    async def get_location(self, name: str) -> Location:
        """Member, also an executor that is not approved: one location by name."""
        return await self.call(GetLocation(colonyname=self.colony, name=name))

    async def remove_location(self, name: str) -> None:
        """Colony owner: remove a location; what refers to it stays as it is."""
        await self.call(RemoveLocation(colonyname=self.colony, name=name))

    async def get_nodes(self, location: str = "") -> list[ComputeNode]:
        """Member, also an executor that is not approved: the machines that executors report, all or at one location."""
        if location:
            return await self.call(GetNodesByLocation(colonyname=self.colony, location=location))
        return await self.call(GetNodes(colonyname=self.colony))

    async def get_node(self, name: str) -> ComputeNode:
        """Member, also an executor that is not approved: one machine by name."""
        return await self.call(GetNode(colonyname=self.colony, nodename=name))
