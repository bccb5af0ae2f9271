"""Fronts that cannot be started, at first and later."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from socket import socket

import pytest

from services.fronts.answering import Hall
from services.fronts.keeper import Fronts
from services.ingress.app import Health
from services.ingress.load import Load
from services.node.listening import listening
from services.node.settings import NodeSettings
from tests.processes import children_of
from tests.services.site import PATIENCE, eventually


class Starting:
    """A node that is not ready."""

    api = None
    pubsub = None

    def health(self) -> Health:
        """How it is."""
        return Health(status="starting", reason="it is a test")


@pytest.fixture
def sockets() -> Iterator[Sequence[socket]]:
    """Where a front and another one listen."""
    with listening("127.0.0.1", 0, 2) as sockets:
        yield sockets


@pytest.fixture
def hall() -> Hall:
    """What their owner has."""
    return Hall(Starting(), Load(10), lambda _: asyncio.Protocol(), set(), set())


@pytest.mark.parametrize(
    ("program", "said"), [("/bin/false", "ended with code 1"), ("/nowhere/python", "cannot be started: .*")]
)
async def test_one_that_never_could(
    sockets: Sequence[socket], hall: Hall, monkeypatch: pytest.MonkeyPatch, program: str, said: str
) -> None:
    fronts = Fronts(NodeSettings(), sockets, [], hall)
    monkeypatch.setattr(sys, "executable", program)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(OSError, match=f"a process that takes requests {said}"):
            await fronts.start()
        await fronts.stop()
    assert not hall.connections


async def test_one_that_cannot_be_started_for_a_while(
    sockets: Sequence[socket],
    hall: Hall,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = set(children_of(os.getpid()))
    fronts = Fronts(NodeSettings(), sockets, [], hall)
    await fronts.start()
    assert fronts.running == 2
    (doomed, other) = set(children_of(os.getpid())) - before

    async def attempts_fail() -> bool:
        return sum("cannot be started" in line for line in caplog.messages) > 1

    async def both_run() -> bool:
        return fronts.running == 2

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(sys, "executable", "/nowhere/python")
        os.kill(doomed, signal.SIGKILL)
        await eventually(attempts_fail)
        assert fronts.running == 1
    await eventually(both_run)
    assert other in children_of(os.getpid())
    reader, writer = await asyncio.open_connection(*sockets[0].getsockname())
    writer.write(b"POST /api HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
    assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 503 Service Unavailable\r\n"
    writer.close()
    await fronts.stop()
    assert not set(children_of(os.getpid())) - before
    assert not hall.connections
