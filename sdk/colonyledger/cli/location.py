"""Commands about locations and the machines at them."""

from __future__ import annotations

from typing import Annotated

import typer

from colonyledger.cli.session import Session, command, group
from colonyledger.cli.tables import details, ident, local_time, moment, number, table, text

app = group("Where executors are, and what they have there.")

Name = Annotated[str, typer.Option(help="Name of the location")]


@command(app, "add", examples=["colony location add --name lab --desc 'the cellar' --long 22.15 --lat 65.58"])
def add_location(
    session: Session,
    name: Name,
    desc: Annotated[str, typer.Option(help="Description")] = "",
    long: Annotated[float, typer.Option(help="Degrees of longitude")] = 0.0,
    lat: Annotated[float, typer.Option(help="Degrees of latitude")] = 0.0,
) -> None:
    """Add a location (colony owner)."""
    location = session.colony_owner.add_location(name, description=desc, long=long, lat=lat)
    session.say("Location added", location, Name=location.name, LocationId=location.locationid)


@command(app, "ls", examples=["colony location ls"])
def list_locations(session: Session) -> None:
    """List the colony's locations."""
    locations = session.member.get_locations()
    columns = [text("Name"), text("Description"), number("Long"), number("Lat"), ident("Location id")]
    rows = [
        (location.name, location.description, location.long, location.lat, location.locationid)
        for location in locations
    ]
    session.show(locations, table("Locations", columns, rows))


@command(app, "get", examples=["colony location get --name lab"])
def get_location(session: Session, name: Name) -> None:
    """Show one location."""
    location = session.member.get_location(name)
    rows = [
        ("Name", location.name),
        ("Description", location.description),
        ("Long", location.long),
        ("Lat", location.lat),
        ("Location id", location.locationid),
        ("Colony", location.colonyname),
    ]
    session.show(location, details("Location", rows))


@command(app, "nodes", examples=["colony location nodes", "colony location nodes --name lab"])
def list_nodes(
    session: Session, name: Annotated[str, typer.Option(help="Only at this location")] = ""
) -> None:
    """List the machines that executors report."""
    nodes = session.member.get_nodes(name)
    columns = [
        text("Name"),
        text("Location"),
        text("State"),
        number("Cores"),
        number("Memory"),
        number("GPUs"),
    ]
    rows = [
        (
            node.name,
            node.location,
            node.state,
            node.cpu,
            f"{node.memory} Mi",
            node.gpu,
            " ".join(filter(None, (node.platform, node.architecture))),
            local_time(node.lastseen),
        )
        for node in nodes
    ]
    session.show(nodes, table("Nodes", [*columns, text("Platform"), moment("Last heard from")], rows))


@command(app, "remove", examples=["colony location remove --name lab"])
def remove_location(session: Session, name: Name) -> None:
    """Remove a location; what refers to it stays as it is (colony owner)."""
    session.colony_owner.remove_location(name)
    session.say("Location removed", Name=name)
