"""What the cluster consists of, and what each node is told. docker-compose.yml says the same of containers."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

__all__ = ["BROKERS", "COMMAND", "Shape", "remembered", "secured"]

BROKERS = 3
COMMAND = ("colony", "server", "start")
"""What every node runs; the rest is in its environment."""

_HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A cluster whose files are in `directory`."""

    directory: Path
    nodes: int = 2
    port: int = 50080
    """Where the load balancer listens; the nodes have the ports after it."""
    kafka_port: int = 9092
    history: str = ""
    """LEDGER_HISTORY of every node; empty is chdb in the first one, if that is installed."""
    secure: bool = False
    """Whether Kafka has TLS, passwords and ACLs."""

    @property
    def balancer_url(self) -> str:
        """Where clients come."""
        return f"http://{_HOST}:{self.port}"

    def node_url(self, number: int) -> str:
        """Where node `number`, from 1 on, listens."""
        return f"http://{_HOST}:{self.port + number}"

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

    def balancer_nodes(self) -> str:
        """The second file of the load balancer's configuration."""
        servers = [f"    server node-{number} {_HOST}:{self.port + number}" for number in self._numbers]
        return "\n".join(["backend nodes", *servers, ""])

    def on_free_ports(self) -> Shape:
        """The same with ports chosen where 0 was asked for."""
        return replace(self, port=self.port or _free_ports(self.nodes + 1))

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
