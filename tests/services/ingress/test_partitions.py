"""A server whose ledger has several partitions, in this process: what concerns all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddColony,
    ChangeServerId,
    Colony,
    GetColonies,
    GetStatistics,
    Message,
    RemoveColony,
    reply_type_of,
    signed,
)

from projections.epochs import Closed
from projections.ids import home_of, tag_of
from services.ingress.app import App
from services.ingress.envelopes import open_envelope, verify
from services.ingress.load import Load
from services.ingress.metrics import Metrics
from services.ledger import open_ledger
from services.node.node import ServerNode
from services.node.settings import NodeSettings
from services.replica import SystemWriter
from tests.ledgers import Ledgers
from tests.services.site import error_in, reply_in

PARTITIONS = 4
OWNER, HEIR = Identity.generate(), Identity.generate()


@pytest.fixture
async def node(tmp_path: Path, ledgers: Ledgers) -> AsyncIterator[ServerNode]:
    """A node that is ready."""
    place = ledgers.place(tmp_path)
    await (await open_ledger(place, partitions=PARTITIONS)).close()
    node = ServerNode(NodeSettings(data_dir=tmp_path, ledger=place, server_id=OWNER.id), Metrics(), 0)
    await node.start()
    await node.ready()
    yield node
    await node.stop()


@pytest.fixture
async def http(node: ServerNode) -> AsyncIterator[httpx.AsyncClient]:
    """The way to it."""
    transport = httpx.ASGITransport(App(node, Metrics(), Load(100), 1_000_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        yield client


async def call(http: httpx.AsyncClient, who: Identity, message: Message[Any]) -> Any:
    answer = await http.post("/api", content=signed(message, who))
    return reply_in(answer, reply_type_of(type(message)))


async def may(http: httpx.AsyncClient, who: Identity) -> bool:
    return (await http.post("/api", content=signed(GetColonies(), who))).status_code == 200


async def test_what_is_about_the_server_is_about_all_partitions(http: httpx.AsyncClient) -> None:
    names = [f"colony-{number}" for number in range(20)]
    await asyncio.gather(
        *(call(http, OWNER, AddColony(colony=Colony(Identity.generate().id, name))) for name in names)
    )
    assert sorted(colony.name for colony in await call(http, OWNER, GetColonies())) == sorted(names)
    assert (await call(http, OWNER, GetStatistics())).colonies == 20
    await call(http, OWNER, RemoveColony(colonyname=names[0]))
    assert (await call(http, OWNER, GetStatistics())).colonies == 19
    again = await http.post(
        "/api", content=signed(AddColony(colony=Colony(Identity.generate().id, names[1])), OWNER)
    )
    assert "already exists" in error_in(again)[1]


@pytest.mark.parametrize("nonce", ["", "n1"])
async def test_a_new_owner_owns_all_of_it(http: httpx.AsyncClient, nonce: str) -> None:
    handing_over = signed(ChangeServerId(serverid=HEIR.id, nonce=nonce), OWNER)
    first = await http.post("/api", content=handing_over)
    assert first.status_code == 200
    assert [await may(http, OWNER), await may(http, HEIR)] == [False, True]
    again = await http.post("/api", content=handing_over)
    assert again.status_code == (200 if nonce else 403)
    for number in range(20):
        await call(http, HEIR, AddColony(colony=Colony(Identity.generate().id, f"colony-{number}")))


@pytest.mark.parametrize("nonce", ["", "n1"])
async def test_a_hand_over_that_broke_off_can_be_finished(
    node: ServerNode, http: httpx.AsyncClient, nonce: str
) -> None:
    """The server died when the first two partitions had the record."""
    message = ChangeServerId(serverid=HEIR.id, nonce=nonce)
    body = signed(message, OWNER)
    recorder = node.recorder
    assert recorder is not None
    for partition in range(2):
        assert (await recorder.command(verify(open_envelope(body)), message, partition)).refusal is None
    assert error_in(await http.post("/api", content=signed(message, Identity.generate())))[0] == 403
    assert (await http.post("/api", content=body)).status_code == 200
    for number in range(20):
        await call(http, HEIR, AddColony(colony=Colony(Identity.generate().id, f"colony-{number}")))


async def test_a_hand_over_in_a_ledger_that_is_being_closed_is_not_done(
    node: ServerNode, http: httpx.AsyncClient
) -> None:
    """A repeat goes on where the ledger does: the partitions that were open have the record."""
    replica = node.replica
    assert replica is not None
    writer = SystemWriter(replica, Identity.generate())
    for partition in (1, 2):
        await writer.append(partition, Closed(successor="ledger-2"))
    body = signed(ChangeServerId(serverid=HEIR.id, nonce="n1"), OWNER)
    for _ in range(2):
        status, message = error_in(await http.post("/api", content=body))
        assert (status, "goes on as ledger-2" in message) == (503, True)
    assert [state.server_id == HEIR.id for state in replica.states] == [True, False, False, False]
    names = [f"colony-{number}" for number in range(20)]
    done = [
        (await http.post("/api", content=signed(AddColony(colony=Colony(HEIR.id, name)), who))).status_code
        for name in names
        for who in ((HEIR if home_of(tag_of(name), PARTITIONS) == 0 else OWNER),)
    ]
    assert done == [503 if home_of(tag_of(name), PARTITIONS) in (1, 2) else 200 for name in names]
