"""Executors as programs: signals, servers that go away, names that are taken."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from colonyledger.client import Client
from colonyledger.errors import ConfigurationError
from colonyledger.executor import Executor
from colonyledger.identity import Identity
from colonyledger.spec import function_spec
from colonyledger.wire import ExecutorState, ProcessState

from tests.conftest import StartServer
from tests.sdk.conftest import Members
from tests.servers import Server, clean_environment

PROGRAM = """
import logging, sys, time
from colonyledger import Executor

logging.basicConfig(level=logging.INFO)
executor = Executor(sys.argv[1], sys.argv[1], poll=30)

@executor.function
def ping() -> str:
    return "pong"

@executor.function
def slow(seconds: float) -> str:
    print("started", flush=True)
    time.sleep(seconds)
    return "done"

executor.run()
print("ended", flush=True)
"""


SERVER_OWNER, COLONY_OWNER = Identity.generate(), Identity.generate()


@asynccontextmanager
async def program(kind: str, environment: Mapping[str, str]) -> AsyncIterator[Process]:
    """An executor of type `kind` in a process of its own, killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, kind, env=clean_environment(**environment), stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_it_finish(members: Members, kind: str, number: signal.Signals) -> None:
    async with program(kind, members.server.environment) as running:
        assert running.stdout is not None
        submitted = await members.user.submit(function_spec("slow", args=[0.5], executortype=kind))
        assert await running.stdout.readline() == b"started\n"
        running.send_signal(number)
        ended = await members.user.wait(submitted.processid, timeout=60)
        assert (ended.state, list(ended.output)) == (ProcessState.SUCCESS, ["done"])
        assert await running.stdout.readline() == b"ended\n"
        assert await running.wait() == 0
    states = {found.executorname: found.state for found in await members.user.get_executors()}
    assert states[kind] == ExecutorState.UNREGISTERED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(members: Members, kind: str, number: signal.Signals) -> None:
    async with program(kind, members.server.environment) as running:
        assert running.stdout is not None
        await members.user.submit(function_spec("slow", args=[600], executortype=kind))
        assert await running.stdout.readline() == b"started\n"
        running.send_signal(number)
        assert running.stderr is not None
        while b"Stopping" not in await running.stderr.readline():
            assert not running.stderr.at_eof()
        running.send_signal(number)
        assert await asyncio.wait_for(running.wait(), 60) == -number


async def test_another_one_finishes_what_a_killed_one_held(members: Members, kind: str) -> None:
    async with program(kind, members.server.environment) as first:
        assert first.stdout is not None
        spec = function_spec("slow", args=[600], executortype=kind, maxexectime=2, maxretries=3)
        submitted = await members.user.submit(spec)
        assert await first.stdout.readline() == b"started\n"
        first.kill()
        second = Executor(
            f"{kind}-2", kind, "dev", server=members.server.url, owner=members.colony_owner_identity
        )

        @second.function
        async def slow(seconds: float) -> str:
            return "done by another"

        serving = asyncio.create_task(second.serve())
        ended = await members.user.wait(submitted.processid, timeout=60)
        second.stop()
        await serving
    assert (ended.state, list(ended.output), ended.retries) == (ProcessState.SUCCESS, ["done by another"], 1)


@pytest.fixture
def port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def strict_server(start_server: StartServer, port: int) -> Server:
    """A server that lets no executor take over the name of another one, and keeps its port."""
    return start_server("--host", "127.0.0.1", "--port", str(port), COLONIES_SERVER_ID=SERVER_OWNER.id)


@pytest.fixture
async def ann(strict_server: Server) -> AsyncIterator[Client]:
    """A user of the colony `c` on that server."""
    user = Identity.generate()
    async with Client(strict_server.url, user, colony="c") as client:
        await client.using(SERVER_OWNER).add_colony("c", COLONY_OWNER.id)
        await client.using(COLONY_OWNER).add_user("ann", user.id)
        yield client


async def at_work(ann: Client, key_file: Path, *, replace: bool = False) -> None:
    """Run the executor `edge` with the key in `key_file` for one process."""
    executor = Executor(
        "edge", "edge", "c", server=ann.url, owner=COLONY_OWNER, key_file=key_file, replace=replace
    )

    @executor.function
    async def ping() -> str:
        return key_file.name

    serving = asyncio.create_task(executor.serve())
    submitted = await ann.submit(function_spec("ping", executortype="edge"))
    waiting = asyncio.create_task(ann.wait(submitted.processid, timeout=60))
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        await ann.cancel(submitted.processid)
    assert list((await waiting).output) == ([] if serving.done() else [key_file.name])
    executor.stop()
    await serving


async def test_a_taken_name(ann: Client, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    await at_work(ann, first)
    await at_work(ann, first)
    with pytest.raises(ConfigurationError, match="colony executor remove --name edge"):
        await at_work(ann, second)
    await at_work(ann, second, replace=True)
    await ann.using(COLONY_OWNER).reject_executor("edge")
    with pytest.raises(ConfigurationError, match="edge could not be added"):
        await at_work(ann, second)


async def test_it_outlasts_a_server_that_restarts(ann: Client, strict_server: Server) -> None:
    executor = Executor("edge", "edge", "c", server=ann.url, owner=COLONY_OWNER)
    started, may_end = asyncio.Event(), asyncio.Event()

    @executor.function
    async def slow() -> str:
        started.set()
        await may_end.wait()
        return "done"

    serving = asyncio.create_task(executor.serve())
    submitted = await ann.submit(function_spec("slow", executortype="edge"))
    await started.wait()
    await asyncio.to_thread(strict_server.stop)
    may_end.set()
    await asyncio.to_thread(strict_server.start)
    assert list((await ann.wait(submitted.processid, timeout=60)).output) == ["done"]
    executor.stop()
    await serving
