"""What tests of several packages share: real servers and a real Kafka broker."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kafka_broker import KafkaBroker, running_broker
from tests.ledgers import Ledgers
from tests.servers import Server


def pytest_addoption(parser: pytest.Parser) -> None:
    """On which ledgers the servers run that fixtures start."""
    group = parser.getgroup("ledger", "ledgers of the servers that tests start")
    group.addoption("--ledger", choices=("embedded", "kafka"), default="embedded", help="their kind")
    group.addoption("--partitions", type=int, help="partitions of each; default: what a server takes")
    group.addoption("--nodes", type=int, default=1, help="servers over each; more than one on Kafka only")
    group.addoption("--workers", type=int, default=1, help="processes of each server that take requests")


def pytest_configure(config: pytest.Config) -> None:
    """Say what the options and markers are, and refuse what cannot be."""
    # What a shell starts in the background ignores Ctrl-C, and so would every process that a test starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "embedded(reason): is about the embedded ledger; skipped on another")
    if config.getoption("--nodes") > 1 and config.getoption("--ledger") != "kafka":
        raise pytest.UsageError("--nodes: several servers need a ledger that they can share: --ledger kafka")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, with a reason, what only the embedded ledger has."""
    if config.getoption("--ledger") == "embedded":
        return
    for item in items:
        if marker := item.get_closest_marker("embedded"):
            (reason,) = marker.args
            item.add_marker(pytest.mark.skip(reason=f"embedded ledger only: {reason}"))


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One broker for the whole run: use a topic of your own, and leave it running."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="session")
def ledgers(request: pytest.FixtureRequest) -> Ledgers:
    """The ledgers that the options of this run ask for."""
    options = request.config.option
    if options.ledger == "embedded":
        return Ledgers(partitions=options.partitions, workers=options.workers)
    broker: KafkaBroker = request.getfixturevalue("kafka_broker")
    return Ledgers(broker.bootstrap, options.partitions, options.nodes, options.workers)


StartServer = Callable[..., Server]
"""Called with flags of `colony server start`, and environment variables by name; gives a server that is ready.

`directory` names the data directory, a new one unless told; with `wait=False` it only listens yet.
"""


@pytest.fixture(scope="session")
def dev_server(tmp_path_factory: pytest.TempPathFactory, ledgers: Ledgers) -> Iterator[Server]:
    """One server with the development keys for the whole run: use a colony or executor types of your own."""
    with _running(ledgers.server(tmp_path_factory.mktemp("server"), "--dev", variables={})) as server:
        yield server


@pytest.fixture(scope="session")
def kafka_dev_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ledgers: Ledgers
) -> Iterator[Server]:
    """The same with its ledger on Kafka; if that is where all are, the same server."""
    if ledgers.is_on_kafka:
        yield request.getfixturevalue("dev_server")
        return
    broker: KafkaBroker = request.getfixturevalue("kafka_broker")
    on_kafka = Ledgers(broker.bootstrap, ledgers.partitions, workers=ledgers.workers)
    with _running(on_kafka.server(tmp_path_factory.mktemp("server"), "--dev", variables={})) as server:
        yield server


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
        assert server.stop() == 0
    finally:
        server.end()


@pytest.fixture
def start_server(tmp_path: Path, ledgers: Ledgers) -> Iterator[StartServer]:
    """Starts servers that the test may stop, kill and start again; all are gone at its end."""
    started: list[Server] = []

    def start(*flags: str, directory: Path | None = None, wait: bool = True, **variables: str) -> Server:
        place = directory or tmp_path / f"server-{len(started)}"
        server = ledgers.server(place, *flags, variables=variables)
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
