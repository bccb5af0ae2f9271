"""Locations: named places (members.md section 4)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.wire import AddLocation, Empty, GetLocation, GetLocations, Location, RemoveLocation

from projections import locations
from tests.projections.world import World

LAB = Location("own id", "lab", "dev", "the cellar", 17.5, -60.25)


def test_a_location_is_added_found_listed_and_removed(world: World) -> None:
    assert world.call(world.owner, AddLocation(location=LAB)) == LAB
    other = world.call(world.owner, AddLocation(location=Location("", "attic", "dev")))
    assert len(other.locationid) == 64
    assert world.call(world.user, GetLocations(colonyname="dev")) == [LAB, other]
    assert world.call(world.user, GetLocation(colonyname="dev", name="attic")) == other
    assert world.call(world.owner, RemoveLocation(colonyname="dev", name="lab")) == Empty()
    assert world.call(world.user, GetLocations(colonyname="dev")) == [other]
    assert world.call(world.owner, AddLocation(location=LAB)) == LAB


def test_whole_degrees_are_numbers_as_well(world: World) -> None:
    body = {"location": {"name": "lab", "colonyname": "dev", "long": 17, "lat": -60}}
    reply = world.send(world.owner, "addlocationmsg", body).reply
    assert (reply.long, reply.lat) == (17.0, -60.0)


@pytest.mark.parametrize(
    ("who", "message", "refusal"),
    [
        ("owner", AddLocation(), (400, "Failed to add location, location is nil")),
        (
            "owner",
            AddLocation(location=Location(name="lab", colonyname="gone")),
            (400, "Colony with name <gone> does not exists"),
        ),
        (
            "owner",
            AddLocation(location=LAB),
            (400, "A location with name <lab> already exists in Colony with name <dev>"),
        ),
        ("user", GetLocations(colonyname="gone"), (400, "Colony with name <gone> does not exists")),
        (
            "user",
            GetLocation(colonyname="gone", name="lab"),
            (400, "Colony with name <gone> does not exists"),
        ),
        (
            "user",
            GetLocation(colonyname="dev", name="gone"),
            (404, "Failed to get location, location is nil"),
        ),
        ("owner", RemoveLocation(colonyname="gone"), (400, "Colony with name <gone> does not exists")),
        (
            "owner",
            RemoveLocation(colonyname="dev", name="gone"),
            (400, "Location with name <gone> not found"),
        ),
    ],
)
def test_what_is_refused(world: World, who: str, message: Any, refusal: tuple[int, str]) -> None:
    world.call(world.owner, AddLocation(location=LAB))
    assert world.refused(getattr(world, who), message) == refusal


def test_there_is_a_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locations, "MAX_LOCATIONS", 1)
    world.call(world.owner, AddLocation(location=LAB))
    asked = AddLocation(location=Location(name="attic", colonyname="dev"))
    assert world.refused(world.owner, asked) == (429, "Colony <dev> has 1 locations already")
