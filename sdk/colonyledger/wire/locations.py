"""Locations: where executors are (protocol: members.md section 4)."""

from __future__ import annotations

import msgspec

from colonyledger.wire.envelope import Empty, Message

__all__ = ["AddLocation", "GetLocation", "GetLocations", "Location", "RemoveLocation"]


class Location(msgspec.Struct, gc=False):
    """A named place, in degrees of longitude and latitude. Executors and processes refer to it by name."""

    locationid: str = ""
    name: str = ""
    colonyname: str = ""
    description: str = ""
    long: float = 0.0
    lat: float = 0.0


class AddLocation(Message[Location], tag="addlocationmsg", frozen=True, gc=False):
    """Colony owner: add a location; it gets an id if it has none."""

    location: Location | None = None


class GetLocations(Message[list[Location]], tag="getlocationsmsg", frozen=True, gc=False):
    """Any member: the colony's locations, oldest first."""

    colonyname: str = ""


class GetLocation(Message[Location], tag="getlocationmsg", frozen=True, gc=False):
    """Any member: one location by name."""

    colonyname: str = ""
    name: str = ""


class RemoveLocation(Message[Empty], tag="removelocationmsg", frozen=True, gc=False):
    """Colony owner: remove a location; what refers to it stays as it is."""

    colonyname: str = ""
    name: str = ""
