"""Commands about keys."""

from __future__ import annotations

from typing import Annotated

import typer

from colonyledger.cli.session import Session, command, group
from colonyledger.cli.tables import details
from colonyledger.errors import ConfigurationError
from colonyledger.identity import Identity

app = group("Make keys, and see whose they are.")


@command(app, "generate", examples=["colony security generate", "colony security generate -o json"])
def generate_key(session: Session) -> None:
    """Make a private key and the id that it stands for. Keep the key secret; the id is public."""
    identity = Identity.generate()
    keys = {"id": identity.id, "prvkey": identity.private_key}
    session.show(keys, details("Identity", [("Id", identity.id), ("Private key", identity.private_key)]))


@command(app, "id", examples=["colony security id --prvkey $COLONIES_PRVKEY"])
def show_id(
    session: Session,
    prvkey: Annotated[str, typer.Option(help="Private key, else that of COLONIES_PRVKEY")] = "",
) -> None:
    """Print the id that a private key stands for."""
    try:
        identity = Identity(prvkey) if prvkey else session.environment.identity
    except ValueError:
        raise ConfigurationError("--prvkey is no private key; that is 64 hex digits.") from None
    if session.wants_json:
        session.show({"id": identity.id})
    else:
        typer.echo(identity.id)
