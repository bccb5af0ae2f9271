"""What tests of several packages share: real servers and a real Kafka broker."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.kafka_broker import KafkaBroker, running_broker
from tests.servers import Server


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One broker for the whole run: use a topic of your own, and leave it running."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


StartServer = Callable[..., Server]
"""Called with flags of `colony server start`, and environment variables by name; gives a server that is ready.

`directory` names the data directory, a new one unless told; with `wait=False` it only listens yet.
"""


@pytest.fixture(scope="session")
def dev_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with the development keys for the whole run: use a colony or executor types of your own."""
    server = Server(tmp_path_factory.mktemp("server"), "--dev", variables={})
    try:
        server.start()
        yield server
        assert server.stop() == 0
    finally:
        server.end()


@pytest.fixture(scope="session")
def kafka_dev_server(tmp_path_factory: pytest.TempPathFactory, kafka_broker: KafkaBroker) -> Iterator[Server]:
    """The same with its ledger on Kafka."""
    topic = f"kafka://{kafka_broker.bootstrap}/{uuid4().hex}"
    server = Server(tmp_path_factory.mktemp("server"), "--dev", "--ledger", topic, variables={})
    try:
        server.start()
        yield server
        assert server.stop() == 0
    finally:
        server.end()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers that the test may stop, kill and start again; all are gone at its end."""
    started: list[Server] = []

    def start(*flags: str, directory: Path | None = None, wait: bool = True, **variables: str) -> Server:
        server = Server(directory or tmp_path / f"server-{len(started)}", *flags, variables=variables)
        started.append(server)
        server.start(until_ready=wait)
        return server

    yield start
    for server in started:
        server.end()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Steers what a test leaves to chance; a failure shows it, and TEST_SEED brings it back."""
    seed = int(os.environ.get("TEST_SEED") or random.randrange(2**32))
    request.node.add_report_section("setup", "seed", f"TEST_SEED={seed}")
    return seed
