"""Histories to write to and read from."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import pytest

from services.history.engine import Engine
from services.history.opening import open_history
from tests.projections.world import World
from tests.services.history.server import Server
from tests.services.history.story import tell

NUMBERS = count()


@pytest.fixture(autouse=True)
def _chdb() -> None:
    if find_spec("chdb") is None:
        pytest.skip("chdb is not installed")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A ClickHouse server."""
    server = Server(tmp_path_factory.mktemp("clickhouse"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["directory", "server"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty history is kept: in a directory, and in a server."""
    if request.param == "directory":
        return str(tmp_path / "history")
    server: Server = request.getfixturevalue("server")
    return server.url(f"history_{next(NUMBERS)}")


@pytest.fixture
def engine(location: str) -> Iterator[Engine]:
    """An empty history, of each kind."""
    engine = open_history(location)
    yield engine
    engine.close()


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Engine]:
    """An empty history in a directory."""
    engine = open_history(tmp_path / "history")
    yield engine
    engine.close()


@pytest.fixture
def world() -> World:
    """A colony "dev" in which everything happened that leaves a row."""
    world = World()
    tell(world)
    return world
