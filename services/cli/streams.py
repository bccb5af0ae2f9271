"""`colony streams`: run what may lag beside the servers."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated, NoReturn

import typer

from services.history.engine import HistoryError
from services.ledger import LedgerError
from services.ledger.opening import kafka_settings
from services.secrets import secret
from services.snapshots.base import StoreUnavailable
from services.streams.settings import WorkerSettings
from services.streams.worker import run

__all__ = ["app"]

app = typer.Typer(help="Run what may lag beside the servers: history, rates and times.")


@app.callback()
def _group() -> None:
    """Keep `worker` a command of its own even while it is the only one."""


@app.command(
    epilog="Examples:  colony streams worker --ledger kafka://broker:9092  ·  colony streams worker "
    "--ledger kafka://broker:9092 --history clickhouse://host:8123/colony_history --no-windows"
)
def worker(
    ledger: Annotated[
        str,
        typer.Option(
            help="kafka://host:port[,host:port], with /topic if that is not called ledger. Default: LEDGER_URL"
        ),
    ] = "",
    history: Annotated[
        str,
        typer.Option(
            help="clickhouse://user:password@host:port/database to write the history there; "
            "none is not to. Default: LEDGER_HISTORY, or what is in the file LEDGER_HISTORY_FILE"
        ),
    ] = "",
    snapshots: Annotated[
        str,
        typer.Option(
            help="Where servers keep snapshots, a directory or s3://bucket/prefix, so that the history goes on from "
            "the newest one that it has reached. Default: LEDGER_SNAPSHOTS, else none"
        ),
    ] = "",
    windows: Annotated[
        bool, typer.Option("--windows/--no-windows", help="Count facts into windows of time.")
    ] = True,
    window_seconds: Annotated[int, typer.Option(min=1, max=86_400, help="How long a window is.")] = 60,
    kept_seconds: Annotated[int, typer.Option(min=1, help="For how long windows are kept.")] = 3600,
    host: Annotated[str, typer.Option(help="Address on which metrics are served.")] = "0.0.0.0",  # noqa: S104
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port for them, 0 for a free one.")] = 50081,
) -> None:
    """Run a worker until SIGTERM or Ctrl-C. Several share the facts among them."""
    where = ledger or os.environ.get("LEDGER_URL", "")
    if not where.startswith("kafka://"):
        _fail("say which ledger on Kafka: --ledger kafka://host:port, or LEDGER_URL")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    try:
        kept = history or secret(os.environ, "LEDGER_HISTORY") or "none"
        settings = WorkerSettings(
            ledger=kafka_settings(where),
            history="" if kept == "none" else kept,
            snapshots=snapshots or os.environ.get("LEDGER_SNAPSHOTS", ""),
            windows=windows,
            window_seconds=window_seconds,
            kept_seconds=kept_seconds,
            host=host,
            port=port,
        )
        run(settings)
    except (LedgerError, HistoryError, StoreUnavailable, OSError, ValueError) as error:
        _fail(f"the worker stopped: {error}")


def _fail(message: str) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(1)
