"""Starts and stops what a shape consists of, in the order that it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from infra.cluster.processes import Process
from infra.cluster.shape import BROKERS, COMMAND, Shape, secured

__all__ = ["Balancer", "ClusterError", "Say", "begin", "end", "processes"]

ROOT = Path(__file__).parents[2]
_KAFKA = ROOT / "infra" / "kafka" / "kafka"
_HAPROXY = ROOT / "infra" / "haproxy" / "haproxy.cfg"
_PROMETHEUS = ROOT / "infra" / "prometheus"
_SETTINGS = "prometheus.yml"

_READY_SECONDS = 300.0
_STEP_SECONDS = 0.1
_PATIENCE = 20.0
"""Seconds that a process has to stop, which the load balancer with its tunnels would never do by itself."""
_BALANCER_PATIENCE = 5.0
_OURS = ("COLONIES_", "LEDGER_", "BUILD_")
_JVM = "LEDGER_KAFKA_JVM"

Say = Callable[[str], None]
"""Tells a person what happens."""

Balancer = str | None
"""The load balancer's program; None if there is none on this machine."""


class ClusterError(Exception):
    """The cluster could not be started; the text says why, with the end of the log concerned."""


def begin(shape: Shape, say: Say) -> tuple[str, Balancer]:
    """Start what does not run, and wait until all of it serves; the brokers' addresses and the load balancer.

    Raises:
        ClusterError: something did not start. What was started runs on.
    """
    shape.remember()
    say(f"Kafka: {BROKERS} brokers …")
    bootstrap = _start_kafka(shape)
    _start_nodes(shape, bootstrap, say)
    _start_workers(shape, bootstrap, say)
    balancer = shutil.which("haproxy")
    if balancer is not None:
        _start_balancer(shape, balancer)
    prometheus = shutil.which("prometheus")
    if prometheus is not None:
        _start_prometheus(shape, prometheus)
    return bootstrap, balancer


def end(shape: Shape) -> None:
    """Stop everything that runs; data and logs stay."""
    for process in reversed(processes(shape)):
        process.stop(_BALANCER_PATIENCE if process.name == "balancer" else _PATIENCE)
    _run_kafka("down", "--dir", str(shape.directory / "kafka"))


def processes(shape: Shape) -> list[Process]:
    """The nodes, the workers, the load balancer, and Prometheus if it was ever started."""
    nodes = [_node(shape, number) for number in range(1, shape.nodes + 1)]
    workers = [_worker(shape, number) for number in range(1, shape.workers + 1)]
    prometheus = [Process(place) for place in (shape.directory / "prometheus",) if place.exists()]
    return [*nodes, *workers, Process(shape.directory / "balancer"), *prometheus]


def _start_kafka(shape: Shape) -> str:
    flags = ["--secure"] if shape.secure else []
    directory = str(shape.directory / "kafka")
    printed = _run_kafka(
        "up", "--brokers", str(BROKERS), "--port", str(shape.kafka_port), "--dir", directory, *flags
    )
    bootstrap = printed.strip().rpartition("KAFKA_BOOTSTRAP=")[2]
    allowed = shape.directory / "kafka" / "acls-are-made"
    if shape.secure and not allowed.exists():
        _run(
            [
                _program("colony"),
                "kafka",
                "acls",
                "node",
                "worker",
                "auditor",
                "--apply",
                "--brokers",
                bootstrap,
            ],
            {**_clean(), **secured(shape.directory / "kafka" / "secrets", "admin")},
        )
        allowed.touch()
    return bootstrap


def _start_nodes(shape: Shape, bootstrap: str, say: Say) -> None:
    """Start the first node alone: it makes the topics and the development colony."""
    command = [_program(COMMAND[0]), *COMMAND[1:], "--dev"]
    numbers = list(range(1, shape.nodes + 1))
    for group in (numbers[:1], numbers[1:]):
        for number in group:
            say(f"Node {number} …")
            environment = _clean() | shape.environment_of(number, bootstrap)
            _node(shape, number).start(command, environment)
        for number in group:
            _await(_node(shape, number), f"{shape.node_url(number)}/health")


def _start_workers(shape: Shape, bootstrap: str, say: Say) -> None:
    for number in range(1, shape.workers + 1):
        say(f"Worker {number} …")
        program, *words = shape.command_of_worker(number)
        environment = _clean() | shape.environment_of_worker(bootstrap)
        _worker(shape, number).start([_program(program), *words], environment)
    for number in range(1, shape.workers + 1):
        _await(_worker(shape, number), f"http://{shape.worker_address(number)}/metrics")


def _start_balancer(shape: Shape, program: str) -> None:
    process = Process(shape.directory / "balancer")
    nodes = shape.directory / "balancer" / "nodes.cfg"
    nodes.parent.mkdir(parents=True, exist_ok=True)
    nodes.write_text(shape.balancer_nodes())
    environment = _clean() | {"BALANCER_BIND": shape.balancer_url.removeprefix("http://")}
    process.start([program, "-f", str(_HAPROXY), "-f", str(nodes), "-db"], environment)
    _await(process, f"{shape.balancer_url}/health")


def _start_prometheus(shape: Shape, program: str) -> None:
    directory = shape.directory / "prometheus"
    directory.mkdir(exist_ok=True)
    settings = directory / _SETTINGS
    settings.write_text(shape.prometheus_settings((_PROMETHEUS / _SETTINGS).read_text()))
    shutil.copy(_PROMETHEUS / "alerts.yml", directory)
    process = Process(directory)
    address = shape.prometheus_address
    flags = [f"--config.file={settings}", f"--storage.tsdb.path={directory / 'data'}"]
    process.start([program, *flags, f"--web.listen-address={address}"], _clean())
    _await(process, f"http://{address}/-/ready")


def _node(shape: Shape, number: int) -> Process:
    return Process(shape.directory / f"node-{number}")


def _worker(shape: Shape, number: int) -> Process:
    return Process(shape.directory / f"worker-{number}")


def _await(process: Process, url: str) -> None:
    """Wait until a process answers 200 at `url`."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if not process.is_running:
            raise ClusterError(
                f"{process.name} has ended; its log {process.log} says:\n{process.last_words()}"
            )
        try:
            if httpx.get(url).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        time.sleep(_STEP_SECONDS)
    raise ClusterError(
        f"{process.name} is not ready after {_READY_SECONDS:g} s; its log {process.log} says:\n{process.last_words()}"
    )


def _run_kafka(*arguments: str) -> str:
    return _run([str(_KAFKA), *arguments], os.environ)


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 (the command is ours)
        command, env=dict(environment), stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise ClusterError(f"{Path(command[0]).name} {command[1]} failed")
    return done.stdout


def _program(name: str) -> str:
    """A program of the environment that this one runs in."""
    return str(Path(sys.executable).with_name(name))


def _clean() -> dict[str, str]:
    """The environment without settings that are meant for other servers."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS) or name == _JVM}
