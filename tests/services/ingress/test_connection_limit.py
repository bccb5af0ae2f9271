"""The most connections that a server may have: those that wait count, and its keepers always get in."""

from __future__ import annotations

import httpx
from colonyledger.wire import GetColonies, signed

from services.node.dev import SERVER_OWNER
from tests.conftest import StartServer
from tests.services.site import error_in, eventually


async def test_one_connection_too_many(start_server: StartServer) -> None:
    server = start_server("--dev", LEDGER_MAX_CONNECTIONS="2")
    asked = signed(GetColonies(), SERVER_OWNER)
    first, second, third = (httpx.AsyncClient(base_url=server.url) for _ in range(3))

    async def gets_in(client: httpx.AsyncClient) -> bool:
        return (await client.post("/api", content=asked)).status_code == 200

    async with second, third:
        async with first:
            await eventually(lambda: gets_in(first))
            await eventually(lambda: gets_in(second))
            refused = await third.post("/api", content=asked)
            assert error_in(refused) == (503, "The server has as many connections as it may have; ask again")
            assert refused.headers["retry-after"] == "1"
            assert refused.headers["connection"] == "close"
            assert (await third.get("/health")).status_code == 200
            assert (await third.get("/metrics")).status_code == 200
            assert await gets_in(first)
        await eventually(lambda: gets_in(third))
