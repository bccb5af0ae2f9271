"""Locations: named places of a colony (protocol: members.md section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonyledger.wire import AddLocation, Empty, GetLocation, GetLocations, Location, RemoveLocation

from projections.event import Refusal
from projections.limits import MAX_LOCATIONS
from projections.locators import named_colony, required
from projections.registry import Role, command, query

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import Turn, View

__all__ = ["add_location", "get_location", "get_locations", "remove_location"]


def _no_colony(name: str) -> Refusal:
    return Refusal(400, f"Colony with name <{name}> does not exists")


def _colony_of_new(message: AddLocation) -> str:
    return required(message.location, "Failed to add location, location is nil").colonyname


@command(AddLocation, Role.COLONY_OWNER, named_colony(_colony_of_new, _no_colony), "add location")
def add_location(turn: Turn, message: AddLocation, colony: Colony) -> Location:
    """Add a location; it gets an id if it has none (members.md, addlocationmsg)."""
    new = required(message.location, "Failed to add location, location is nil")
    name = colony.record.name
    if new.name in colony.locations:
        raise Refusal(400, f"A location with name <{new.name}> already exists in Colony with name <{name}>")
    if len(colony.locations) >= MAX_LOCATIONS:
        raise Refusal(429, f"Colony <{name}> has {MAX_LOCATIONS} locations already")
    locationid = new.locationid or turn.new_id(colony)
    location = Location(locationid, new.name, name, new.description, new.long, new.lat)
    colony.locations[location.name] = location
    return location


@query(
    GetLocations,
    Role.ANY_MEMBER,
    named_colony(lambda message: message.colonyname, _no_colony),
    "get locations",
)
def get_locations(view: View, message: GetLocations, colony: Colony) -> list[Location]:
    """All locations, oldest first (members.md, getlocationsmsg)."""
    return list(colony.locations.values())


@query(
    GetLocation, Role.ANY_MEMBER, named_colony(lambda message: message.colonyname, _no_colony), "get location"
)
def get_location(view: View, message: GetLocation, colony: Colony) -> Location:
    """One location by name (members.md, getlocationmsg)."""
    location = colony.locations.get(message.name)
    if location is None:
        raise Refusal(404, "Failed to get location, location is nil")
    return location


@command(
    RemoveLocation,
    Role.COLONY_OWNER,
    named_colony(lambda message: message.colonyname, _no_colony),
    "remove location",
)
def remove_location(turn: Turn, message: RemoveLocation, colony: Colony) -> Empty:
    """Remove a location; what refers to it stays as it is (members.md, removelocationmsg)."""
    if message.name not in colony.locations:
        raise Refusal(400, f"Location with name <{message.name}> not found")
    del colony.locations[message.name]
    return Empty()
