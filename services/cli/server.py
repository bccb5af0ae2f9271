"""`colony server start`: run a server in the foreground."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from services.ledger import LedgerError
from services.node import dev as development
from services.node.node import ServerNode
from services.node.serving import serve
from services.node.settings import NodeSettings, SettingsError

__all__ = ["app"]

app = typer.Typer(help="Run and look at servers.")


@app.callback()
def _group() -> None:
    """Keep `start` a command of its own even while it is the only one."""


@app.command(
    epilog="Examples:  colony server start --dev  ·  COLONIES_SERVER_ID=0392… colony server start "
    "--data-dir /var/lib/colony  ·  colony server start --ledger kafka://broker:9092"
)
def start(
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: 0.0.0.0")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, 0 for a free one. Default: 50080")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where everything is kept. Default: ./data")] = None,
    ledger: Annotated[
        str | None,
        typer.Option(help="kafka://host:port[,host:port], or a directory. Default: DATA_DIR/ledger"),
    ] = None,
    history: Annotated[
        str | None, typer.Option(help="chdb, clickhouse://user:password@host:port/database, or none")
    ] = None,
    replicas: Annotated[
        int | None,
        typer.Option(help="On Kafka: nodes that hold each partition of the ledger. Default: 0, all of them"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that take requests and check signatures. Default: 1")
    ] = None,
    dev: Annotated[
        bool, typer.Option("--dev", help="Trust the published development keys and make the colony dev.")
    ] = False,
) -> None:
    """Run a server until SIGTERM or Ctrl-C. It is ready when /health answers 200."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)  # it tells of each partition that it looks at
    try:
        settings = NodeSettings.from_environment(
            host=host,
            port=port,
            data_dir=data_dir,
            ledger=ledger,
            history=history,
            replicas=replicas,
            workers=workers,
        )
        if dev:
            settings = replace(
                settings,
                server_id=development.SERVER_OWNER.id,
                reregister=True,
                host=host or "127.0.0.1",
            )
        serve(settings, development.make_colony if dev else None, _show_environment if dev else None)
    except (SettingsError, LedgerError, OSError, ValueError) as error:
        _fail(f"The server cannot start: {error}")


def _show_environment(node: ServerNode) -> None:
    host = _LOCAL.get(node.settings.host, node.settings.host)
    tls = node.settings.tls_cert is not None
    typer.echo("Ready, with the published development keys. In another shell:", err=True)
    for name, value in development.environment(host, node.port, tls=tls).items():
        typer.echo(f"  export {name}={value}", err=True)


_LOCAL = {"0.0.0.0": "localhost", "127.0.0.1": "localhost", "::": "localhost"}  # noqa: S104
"""What a client of this machine calls an address that it listens on."""


def _fail(message: str) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(1)
