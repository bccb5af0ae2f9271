"""Commands about users."""

from __future__ import annotations

from typing import Annotated

import typer

from colonyledger.cli.session import Session, command, group
from colonyledger.cli.tables import details, ident, table, text

app = group("Who may submit work.")

Name = Annotated[str, typer.Option(help="Name of the user")]


@command(app, "add", examples=["colony user add --name ann --userid $COLONIES_ID --email ann@example.org"])
def add_user(
    session: Session,
    name: Name,
    userid: Annotated[str, typer.Option(help="Id of the user's key")],
    email: Annotated[str, typer.Option(help="Mail address")] = "",
    phone: Annotated[str, typer.Option(help="Telephone number")] = "",
) -> None:
    """Add a user (colony owner)."""
    user = session.colony_owner.add_user(name, userid, email=email, phone=phone)
    session.say("User added", user, Name=user.name, UserId=user.userid)


@command(app, "ls", examples=["colony user ls"])
def list_users(session: Session) -> None:
    """List the colony's users."""
    users = session.member.get_users()
    rows = [(user.name, user.email, user.phone, user.userid) for user in users]
    columns = [text("Name"), text("Email"), text("Phone"), ident("User id")]
    session.show(users, table("Users", columns, rows))


@command(app, "get", examples=["colony user get --name ann"])
def get_user(session: Session, name: Name) -> None:
    """Show one user."""
    user = session.member.get_user(name)
    rows = [
        ("Name", user.name),
        ("Email", user.email),
        ("Phone", user.phone),
        ("User id", user.userid),
        ("Colony", user.colonyname),
    ]
    session.show(user, details("User", rows))


@command(app, "remove", examples=["colony user remove --name ann"])
def remove_user(session: Session, name: Name) -> None:
    """Remove a user; what it submitted stays (colony owner)."""
    session.colony_owner.remove_user(name)
    session.say("User removed", Name=name)


@command(app, "chid", examples=["colony user chid --userid 3fc05c…"])
def change_user_id(session: Session, userid: Annotated[str, typer.Option(help="Id of the new key")]) -> None:
    """Go on with another key as the user whose key is COLONIES_PRVKEY; the old one is refused then."""
    session.member.change_user_id(userid)
    session.say("User id changed", UserId=userid)
