"""Three brokers, of which some may be broken at a time, with a way around for one node."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.detour import bound_sockets
from tests.kafka_broker import run_kafka

__all__ = ["NUMBER", "Brokers", "running_brokers"]

NUMBER = 3


@dataclass(frozen=True)
class Brokers:
    """A running cluster. `doors` are where the proxies of a detour are to listen, `behind` where they lead."""

    bootstrap: str
    directory: Path
    doors: list[socket.socket]
    behind: list[int]

    def do(self, number: int, action: str) -> None:
        """One of kill, stop, start, pause, resume, to broker 1, 2 or 3."""
        run_kafka("node", str(number), action, "--dir", str(self.directory))

    async def leader(self, topic: str, partition: int) -> int | None:
        """The broker that leads a partition, if there is one and it can be learnt."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=3000)
        try:
            await admin.start()
            (described,) = await admin.describe_topics([topic])
            leaders = {each["partition"]: each["leader"] for each in described["partitions"]}
        except KafkaError:
            return None
        finally:
            await admin.close()
        return leaders[partition] if leaders.get(partition, -1) > 0 else None


@contextmanager
def running_brokers(directory: Path) -> Iterator[Brokers]:
    """A cluster with its files in `directory`; skips the test if the tools to start one are missing."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed, so no Kafka broker can be started")
    doors = bound_sockets(NUMBER)
    detour = ",".join(str(door.getsockname()[1]) for door in doors)
    try:
        flags = ("--port", "0", "--brokers", str(NUMBER), "--detour", detour, "--dir", str(directory))
        bootstrap = run_kafka("up", *flags).strip().removeprefix("KAFKA_BOOTSTRAP=")
        yield Brokers(bootstrap, directory, doors, [_behind(directory / str(n + 1)) for n in range(NUMBER)])
    finally:
        run_kafka("down", "--dir", str(directory))
        for door in doors:
            door.close()


def _behind(directory: Path) -> int:
    """The port of a broker's listener for those who come through a proxy."""
    found = re.search(
        r"^listeners=.*DETOUR://[^:]*:(\d+)", (directory / "server.properties").read_text(), re.MULTILINE
    )
    assert found is not None
    return int(found[1])
