"""Commands that belong to no group."""

from __future__ import annotations

from importlib.metadata import version

import typer

from colonyledger.cli.session import Session, command
from colonyledger.cli.tables import details

__all__ = ["add_to", "cli_version"]


def cli_version() -> str:
    """The version of this distribution."""
    return version("colonyledger")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "config", examples=["colony config"])(show_config)
    command(app, "version", examples=["colony version"])(show_version)


def show_config(session: Session) -> None:
    """Show which server and colony commands go to."""
    client = session.anybody
    colony = session.colony_name
    settings = {"server": client.url, "colony": colony}
    session.show(settings, details("Settings", [("Server", client.url), ("Colony", colony)]))


def show_version(session: Session) -> None:
    """Show the version of this command line."""
    session.show({"version": cli_version()}, details("Version", [("Command line", cli_version())]))
