"""`make cluster` and `make cluster-down`: the production shape on this machine, with the development identities."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from infra.cluster.running import ROOT, ClusterError, begin, end, processes
from infra.cluster.shape import WORKERS, Shape, remembered
from services.node.dev import environment

app = typer.Typer(help="The production shape on this machine, without Docker.", no_args_is_help=True)

Directory = Annotated[Path, typer.Option("--dir", help="Data, logs and process ids")]
_DIRECTORY = ROOT / ".cache" / "cluster"


@app.command()
def up(
    *,
    directory: Directory = _DIRECTORY,
    nodes: Annotated[int, typer.Option(min=1, max=9, help="Server nodes")] = 2,
    workers: Annotated[int, typer.Option(min=0, max=9, help="Workers, which count windows")] = WORKERS,
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65_000,
            help="Port of the load balancer; nodes and workers have the next ones; 0 picks free ones",
        ),
    ] = 50080,
    kafka_port: Annotated[
        int, typer.Option(min=0, max=65_000, help="Port of the first broker; 0 as above")
    ] = 9092,
    history: Annotated[
        str, typer.Option(help="clickhouse://…, chdb or none; chdb in node 1 where it is installed")
    ] = "",
    secure: Annotated[bool, typer.Option("--secure", help="Kafka with TLS, passwords and ACLs")] = False,
) -> None:
    """Start what does not run, and print where it is. A cluster that is there stays as it was begun."""
    directory = directory.resolve()
    with _alone(directory):
        shape = (
            remembered(directory)
            or Shape(
                directory=directory,
                nodes=nodes,
                workers=workers,
                port=port,
                kafka_port=kafka_port,
                history=history,
                secure=secure,
            ).on_free_ports()
        )
        try:
            bootstrap, balancer = begin(shape, lambda text: typer.echo(text, err=True))
        except ClusterError as error:
            end(shape)
            _fail(str(error))
    typer.echo(f"Kafka       {bootstrap}")
    for number in range(1, shape.nodes + 1):
        typer.echo(f"Node {number}      {shape.node_url(number)}  history: {shape.history_of(number)}")
    for number in range(1, shape.workers + 1):
        typer.echo(f"Worker {number}    http://{shape.worker_address(number)}/metrics")
    if balancer is None:
        typer.echo("Balancer    none: haproxy is not installed (Debian: haproxy); ask any node", err=True)
        host, port = "127.0.0.1", shape.port + 1
    else:
        typer.echo(f"Balancer    {shape.balancer_url}")
        host, port = "127.0.0.1", shape.port
    watched = any(process.name == "prometheus" and process.is_running for process in processes(shape))
    typer.echo(
        f"Prometheus  {'http://' + shape.prometheus_address if watched else 'none: it is not installed'}"
    )
    typer.echo(f"Files       {directory}; the log of each process is in NAME/log")
    typer.echo("Stop it with make cluster-down. In another shell:")
    for name, value in environment(host, port).items():
        typer.echo(f"  export {name}={value}")


@app.command()
def down(*, directory: Directory = _DIRECTORY) -> None:
    """Stop everything; data and logs stay, and the next start goes on with them."""
    directory = directory.resolve()
    shape = remembered(directory)
    if shape is None:
        typer.echo(f"There is no cluster in {directory}.", err=True)
        return
    with _alone(directory):
        end(shape)
    typer.echo(f"Stopped. To begin anew, remove {directory}.", err=True)


@app.command()
def status(*, directory: Directory = _DIRECTORY) -> None:
    """Say what runs; exit with 1 unless all of it does."""
    shape = remembered(directory.resolve())
    if shape is None:
        _fail(f"there is no cluster in {directory}")
    states = {process.name: process.is_running for process in processes(shape)}
    for name, is_running in states.items():
        typer.echo(f"{name:<10}{'runs' if is_running else 'does not run'}")
    raise typer.Exit(int(not all(states.values())))


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One start or stop of a cluster at a time."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fail(message: str) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    app(prog_name="cluster")
