"""What the cluster consists of, and what each process is told. docker-compose.yml says the same of containers."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

__all__ = ["BROKERS", "COMMAND", "WORKERS", "WORKER_COMMAND", "Shape", "remembered", "secured"]

BROKERS = 3
WORKERS = 2
"""How many workers there are, so that one may die (docs/streams.md)."""
COMMAND = ("colony", "server", "start")
"""What every node runs; the rest is in its environment."""
WORKER_COMMAND = ("colony", "streams", "worker")
"""What every worker runs; natively it is told an address for its metrics besides."""

_HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A cluster whose files are in `directory`."""

    directory: Path
    nodes: int = 2
    port: int = 50080
    """Where the load balancer listens; the nodes, the workers and Prometheus have the ports after it."""
    kafka_port: int = 9092
    history: str = ""
    """LEDGER_HISTORY of every node; empty is chdb in the first one, if that is installed."""
    secure: bool = False
    """Whether Kafka has TLS, passwords and ACLs."""
    workers: int = WORKERS
    """How many processes count windows."""

    @property
    def balancer_url(self) -> str:
        """Where clients come."""
        return f"http://{_HOST}:{self.port}"

    def node_url(self, number: int) -> str:
        """Where node `number`, from 1 on, listens."""
        return f"http://{_HOST}:{self.port + number}"

    def worker_address(self, number: int) -> str:
        """Where worker `number`, from 1 on, has its metrics."""
        return f"{_HOST}:{self.port + self.nodes + number}"

    @property
    def prometheus_address(self) -> str:
        """Where Prometheus listens, if there is one."""
        return f"{_HOST}:{self.port + self.nodes + self.workers + 1}"

    def history_of(self, number: int) -> str:
        """What node `number` does about the history. One process owns what chdb keeps."""
        if self.history and (self.history != "chdb" or number == 1):
            return self.history
        return "chdb" if not self.history and number == 1 and find_spec("chdb") is not None else "none"

    def environment_of(self, number: int, bootstrap: str) -> dict[str, str]:
        """The environment of node `number` beside what every process has."""
        port = self.port + number
        return {
            "COLONIES_SERVER_HTTP_HOST": _HOST,
            "COLONIES_SERVER_HTTP_PORT": str(port),
            "LEDGER_ADVERTISED": f"{_HOST}:{port}",
            "LEDGER_DATA_DIR": str(self.directory / f"node-{number}" / "data"),
            "LEDGER_URL": f"kafka://{bootstrap}",
            "LEDGER_HISTORY": self.history_of(number),
            "LEDGER_ARCHIVE": str(self.directory / "archive"),
            **(secured(self.directory / "kafka" / "secrets", "node") if self.secure else {}),
        }

    def command_of_worker(self, number: int) -> list[str]:
        """What worker `number` runs."""
        host, _, port = self.worker_address(number).partition(":")
        return [*WORKER_COMMAND, "--host", host, "--port", port]

    def environment_of_worker(self, bootstrap: str) -> dict[str, str]:
        """The environment of a worker beside what every process has. The nodes keep the history."""
        return {
            "LEDGER_URL": f"kafka://{bootstrap}",
            **(secured(self.directory / "kafka" / "secrets", "worker") if self.secure else {}),
        }

    def balancer_nodes(self) -> str:
        """The second file of the load balancer's configuration."""
        servers = [f"    server node-{number} {_HOST}:{self.port + number}" for number in self._numbers]
        return "\n".join(["backend nodes", *servers, ""])

    def prometheus_settings(self, given: str) -> str:
        """The settings of the containers' Prometheus, `given`, with our own nodes and workers to ask."""
        nodes = [f"{_HOST}:{self.port + number}" for number in self._numbers]
        workers = [self.worker_address(number) for number in range(1, self.workers + 1)]
        for job, targets in (("colony-ledger", nodes), ("colony-ledger-workers", workers)):
            there = re.compile(rf"(job_name: {job}\n.*?targets: )\[[^\]]*\]", re.DOTALL)
            given, found = there.subn(rf"\g<1>{json.dumps(targets)}", given)
            if found != 1:
                raise ValueError(f"the settings of Prometheus have no job {job} with targets")
        return given

    def on_free_ports(self) -> Shape:
        """The same with ports chosen where 0 was asked for."""
        return replace(self, port=self.port or _free_ports(2 + self.nodes + self.workers))

    def remember(self) -> None:
        """Keep it for the next start and the stop."""
        self.directory.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in asdict(self).items() if name != "directory"}
        (self.directory / "shape.json").write_text(json.dumps(kept))

    @property
    def _numbers(self) -> range:
        return range(1, self.nodes + 1)


def remembered(directory: Path) -> Shape | None:
    """The cluster that was started in `directory`; None if there is none."""
    try:
        return Shape(directory=directory, **json.loads((directory / "shape.json").read_text()))
    except FileNotFoundError:
        return None


def secured(secrets: Path, user: str) -> Mapping[str, str]:
    """What a program has in its environment to be `user` on a secured Kafka."""
    return {
        "LEDGER_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "LEDGER_KAFKA_USERNAME": user,
        "LEDGER_KAFKA_PASSWORD_FILE": str(secrets / f"{user}.password"),
        "LEDGER_KAFKA_CA": str(secrets / "ca.pem"),
    }


def _free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody listens on, below those that the system gives to clients."""
    for first in range(20_000, 32_000, count):
        with ExitStack() as taken:
            try:
                for port in range(first, first + count):
                    taken.enter_context(socket.create_server((_HOST, port)))
            except OSError:
                continue
            return first
    raise OSError("no free ports were found")
