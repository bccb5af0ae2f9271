"""Servers on both ledgers, and a colony on them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.servers import Server
from tests.services.site import Site, client_of


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    """A ready server on the ledgers of this run, or on those that the test is parametrised with."""
    kind = getattr(request, "param", "embedded")
    server: Server = request.getfixturevalue("dev_server" if kind == "embedded" else "kafka_dev_server")
    return server


@pytest.fixture
async def site(server: Server) -> AsyncIterator[Site]:
    """A colony of the test's own."""
    async with Site(server) as site:
        yield site


@pytest.fixture
async def http(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """Connections to the server."""
    async with client_of(server) as client:
        yield client
