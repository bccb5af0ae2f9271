"""Commands about colonies."""

from __future__ import annotations

from typing import Annotated

import typer

from colonyledger.cli.session import Session, command, group
from colonyledger.cli.statistics import statistics_table
from colonyledger.cli.tables import ident, table, text

app = group("Create colonies, and see how they do.")

Name = Annotated[str, typer.Option(help="Name of the colony")]


@command(app, "add", examples=["colony colony add --name dev --colonyid $COLONIES_COLONY_ID"])
def add_colony(
    session: Session, name: Name, colonyid: Annotated[str, typer.Option(help="Id of the owner's key")]
) -> None:
    """Create a colony (server owner)."""
    colony = session.server_owner.add_colony(name, colonyid)
    session.say("Colony added", colony, Name=colony.name, ColonyId=colony.colonyid)


@command(app, "ls", examples=["colony colony ls", "colony colony ls -o json"])
def list_colonies(session: Session) -> None:
    """List all colonies (server owner)."""
    colonies = session.server_owner.get_colonies()
    rows = [(colony.name, colony.colonyid) for colony in colonies]
    session.show(colonies, table("Colonies", [text("Name"), ident("Colony id")], rows))


@command(app, "get", examples=["colony colony get"])
def get_colony(session: Session) -> None:
    """Show the colony that COLONIES_COLONY_NAME names."""
    colony = session.member.get_colony()
    rows = [(colony.name, colony.colonyid)]
    session.show(colony, table("Colony", [text("Name"), ident("Colony id")], rows))


@command(app, "remove", examples=["colony colony remove --name dev"])
def remove_colony(session: Session, name: Name) -> None:
    """Remove a colony and everything in it (server owner)."""
    session.server_owner.remove_colony(name)
    session.say("Colony removed", Name=name)


@command(app, "stats", examples=["colony colony stats"])
def show_statistics(session: Session) -> None:
    """Count the colony's executors, processes and workflows by state."""
    statistics = session.member.get_colony_statistics()
    session.show(statistics, statistics_table(f"Colony {session.colony_name}", statistics))


@command(app, "check", examples=["colony colony check --name dev && echo there it is"])
def check_colony(session: Session, name: Name) -> None:
    """Exit with 0 if the colony exists and you are a member of it."""
    session.member.using(colony=name).get_colony()
    session.say("Colony is there", Name=name)


@command(app, "chid", examples=["colony colony chid --colonyid 3fc05c…"])
def change_colony_id(
    session: Session, colonyid: Annotated[str, typer.Option(help="Id of the new key")]
) -> None:
    """Hand the colony to another key (colony owner)."""
    session.colony_owner.change_colony_id(colonyid)
    session.say("Colony id changed", ColonyId=colonyid)
