"""Servers that take requests from Kafka, and somebody who sends them without the SDK."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.kafka_broker import KafkaBroker
from tests.servers import Server
from tests.services.dispatch.mailbox import Mailbox
from tests.services.site import Site

TAKES_REQUESTS = re.compile("requests are taken from topic")

StartDispatching = Callable[..., Server]
"""Starts a node over a ledger's topic; it is ready and takes requests."""


def start(server: Server) -> Server:
    """Start it, and wait until it takes requests from Kafka."""
    server.start()
    server.wait_for(TAKES_REQUESTS)
    return server


@pytest.fixture(scope="session")
def dispatching_server(
    tmp_path_factory: pytest.TempPathFactory, kafka_broker: KafkaBroker
) -> Iterator[Server]:
    """One for the whole run: use a colony of your own."""
    topic = uuid4().hex
    directory = tmp_path_factory.mktemp("server")
    server = Server(directory, "--dev", "--ledger", f"kafka://{kafka_broker.bootstrap}/{topic}", variables={})
    try:
        yield start(server)
        assert server.stop() == 0
    finally:
        server.end()


@pytest.fixture
def ledger_topic() -> str:
    """A ledger of the test's own."""
    return uuid4().hex


@pytest.fixture
def start_dispatching(
    tmp_path: Path, kafka_broker: KafkaBroker, ledger_topic: str
) -> Iterator[StartDispatching]:
    """Starts nodes over one ledger; all are gone when the test ends."""
    started: list[Server] = []

    def start_one(**variables: str) -> Server:
        url = f"kafka://{kafka_broker.bootstrap}/{ledger_topic}"
        server = Server(tmp_path / f"server-{len(started)}", "--dev", "--ledger", url, variables=variables)
        started.append(server)
        return start(server)

    yield start_one
    for server in started:
        server.end()


@pytest.fixture
async def site(dispatching_server: Server) -> AsyncIterator[Site]:
    """A colony of the test's own."""
    async with Site(dispatching_server) as site:
        yield site


@pytest.fixture
async def mailbox(dispatching_server: Server, kafka_broker: KafkaBroker) -> AsyncIterator[Mailbox]:
    """Sends requests to the server and reads all answers."""
    ledger = dispatching_server.flags[-1].rpartition("/")[2]
    async with Mailbox(kafka_broker.bootstrap, ledger) as mailbox:
        yield mailbox
