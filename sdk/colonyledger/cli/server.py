"""Commands about a server that runs. Distributions that hold a server add the one that starts it."""

from __future__ import annotations

from typing import Annotated

import typer

from colonyledger.cli.general import cli_version
from colonyledger.cli.session import Session, command, group
from colonyledger.cli.statistics import statistics_table
from colonyledger.cli.tables import Table, details, number, table, text
from colonyledger.errors import ConnectionFailed
from colonyledger.wire import ServerInfo

app = group("Look after a server.")


@command(app, "status", examples=["until colony server status; do sleep 1; done"])
def show_status(session: Session) -> None:
    """Show the server's version and listeners; exit with 1 until it is up."""
    info = session.anybody.get_server_info()
    rows = [("Server", session.anybody.url), *_version_rows(info), ("Command line", cli_version())]
    session.show(info, details("Status", rows), _backends_table(info))


@command(app, "info", examples=["colony server info -o json"])
def show_info(session: Session) -> None:
    """Show the server's version and listeners."""
    info = session.anybody.get_server_info()
    session.show(info, details("Server", _version_rows(info)), _backends_table(info))


@command(app, "stats", examples=["colony server stats"])
def show_statistics(session: Session) -> None:
    """Count everything on the server by state (server owner)."""
    statistics = session.server_owner.get_statistics()
    session.show(statistics, statistics_table(f"Server: {statistics.colonies} colonies", statistics))


@command(app, "alive", examples=["colony server alive && echo ready for work"])
def check_health(session: Session) -> None:
    """Exit with 0 if the server can work now."""
    client = session.anybody
    if not client.is_healthy():
        raise ConnectionFailed(f"The server at {client.url} is not there, or not ready to work.")
    session.say("The server is ready", Server=client.url)


@command(app, "chid", examples=["colony server chid --serverid 039231…"])
def change_server_id(
    session: Session, serverid: Annotated[str, typer.Option(help="Id of the new owner's key")]
) -> None:
    """Hand the server to another key (server owner)."""
    session.server_owner.change_server_id(serverid)
    session.say("Server id changed", ServerId=serverid)


def _version_rows(info: ServerInfo) -> list[tuple[str, object]]:
    return [("Version", info.buildversion), ("Built", info.buildtime)]


def _backends_table(info: ServerInfo) -> Table:
    columns = [text("Listens for"), text("Host"), number("Port"), text("TLS")]
    rows = [(backend.type, backend.host, backend.port, backend.tls) for backend in info.backends]
    return table("Listeners", columns, rows)
