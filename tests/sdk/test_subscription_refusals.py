"""What the client makes of servers that do not take subscribers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from colonyledger.client import Client
from colonyledger.errors import BadReply, ColonyError, ConnectionFailed, NotReady, TooMany
from colonyledger.identity import Identity
from colonyledger.retries import Retries
from colonyledger.wire import FunctionSpec, Process, ProcessState

from tests.sdk.conftest import FaultyServer

PROCESSID = "ab" * 32


def process(state: ProcessState) -> Process:
    return Process(PROCESSID, "", "", FunctionSpec(), state=state)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda server: server.sends(404, b"404 page not found"), BadReply),
        (lambda server: server.sends(429, b"full"), TooMany),
        (lambda server: server.sends(503, b"not ready"), NotReady),
        (lambda server: server.sends(200, b"hello"), BadReply),
        (lambda server: server.writes(b"no http at all\r\n\r\n"), BadReply),
        (lambda server: server.drops(), ColonyError),
    ],
)
async def test_a_server_without_websockets(
    faulty: FaultyServer,
    identity: Identity,
    answer: Callable[[FaultyServer], None],
    error: type[ColonyError],
) -> None:
    answer(faulty)
    async with Client(faulty.url, identity, colony="dev") as client:
        with pytest.raises(error):
            await anext(client.subscribe_process(PROCESSID, ProcessState.SUCCESS))


async def test_no_server(nowhere: str, identity: Identity) -> None:
    async with Client(nowhere, identity, colony="dev", retries=Retries(attempts=2, first=0.01)) as client:
        with pytest.raises(ConnectionFailed, match="No server answers"):
            await anext(client.subscribe_process(PROCESSID, ProcessState.SUCCESS))
        with pytest.raises(ConnectionFailed, match="No server answers"):
            await anext(client.subscribe_channel(PROCESSID, "chat"))


async def test_a_busy_server_is_asked_again(faulty: FaultyServer, identity: Identity) -> None:
    faulty.sends(503, b"not ready")
    faulty.sends(404, b"404 page not found")
    async with Client(faulty.url, identity, colony="dev", retries=Retries(first=0.01)) as client:
        with pytest.raises(BadReply):
            await anext(client.subscribe_channel(PROCESSID, "chat"))


async def test_waiting_without_websockets_asks_again_and_again(
    faulty: FaultyServer, identity: Identity
) -> None:
    for _ in range(3):
        faulty.says(process(ProcessState.RUNNING))
        faulty.sends(404, b"404 page not found")
    faulty.says(process(ProcessState.CANCELLED))
    async with Client(faulty.url, identity, colony="dev") as client:
        assert (await client.wait(PROCESSID, timeout=60)).state == ProcessState.CANCELLED
    assert len(faulty.bodies) == 7
