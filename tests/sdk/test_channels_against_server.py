"""Channels and subscriptions against a real server: client, executor, and their synchronous twins."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing

import httpx
import pytest
from colonyledger.client import Client
from colonyledger.context import Call
from colonyledger.errors import (
    AccessDenied,
    ConnectionFailed,
    InvalidRequest,
    NotFound,
    TooLarge,
    WaitTimedOut,
)
from colonyledger.executor import Executor
from colonyledger.identity import Identity
from colonyledger.retries import Retries
from colonyledger.spec import function_spec
from colonyledger.sync.client import SyncClient
from colonyledger.sync.context import SyncCall
from colonyledger.wire import Executor as ExecutorRecord
from colonyledger.wire import Process, ProcessState

from tests.sdk.conftest import Members
from tests.servers import Server

pytestmark = pytest.mark.usefixtures("cli_environment")


class Pair:
    """A running process with the channel "chat", and the clients of its two parties."""

    def __init__(self, initiator: Client, executor: Client, process: Process) -> None:
        self.initiator = initiator
        self.executor = executor
        self.process = process
        self.processid = process.processid


@pytest.fixture
async def pair(members: Members, kind: str) -> Pair:
    """Somebody to talk with."""
    executor = await members.executor(kind)
    await members.user.submit(function_spec("talk", executortype=kind, channels=["chat"]))
    process = await executor.assign(timeout=30)
    assert process is not None
    return Pair(members.user, executor, process)


async def test_append_and_read(pair: Pair) -> None:
    await pair.initiator.channel_append(pair.processid, "chat", "hé", sequence=1)
    await pair.executor.channel_append(
        pair.processid, "chat", b"\x00\xff", sequence=1, inreplyto=1, payloadtype="end"
    )
    first, second = await pair.initiator.channel_read(pair.processid, "chat")
    assert (first.payload, first.sequence, first.type) == ("hé".encode(), 1, "data")
    assert (second.payload, second.inreplyto, second.type) == (b"\x00\xff", 1, "end")
    assert second.senderid != first.senderid
    assert await pair.executor.channel_read(pair.processid, "chat", after=1) == [second]
    assert await pair.executor.channel_read(pair.processid, "chat", limit=1) == [first]


async def test_the_largest_message(pair: Pair) -> None:
    largest = b"x" * (10 * 1024 * 1024 - len("data"))
    await pair.initiator.channel_append(pair.processid, "chat", largest)
    (entry,) = await pair.executor.channel_read(pair.processid, "chat")
    assert entry.payload == largest
    entry_received = await pair.executor.channel(pair.processid, "chat").receive()
    assert entry_received == entry
    with pytest.raises(TooLarge):
        await pair.initiator.channel_append(pair.processid, "chat", largest + b"x")


async def test_a_conversation(pair: Pair) -> None:
    mine = pair.initiator.channel(pair.processid, "chat")
    theirs = pair.executor.channel(pair.processid, "chat")

    async def answer() -> None:
        async for message in theirs.messages():
            await theirs.send((message.payload or b"").upper(), inreplyto=message.sequence)
        await theirs.end()

    answering = asyncio.create_task(answer())
    for text in ("one", "two"):
        number = await mine.send(text)
        reply = await mine.receive()
        assert reply is not None
        assert (reply.payload, reply.inreplyto) == (text.upper().encode(), number)
    await mine.end()
    assert await mine.receive() is None
    await answering


async def test_nothing_comes_in_time(pair: Pair) -> None:
    channel = pair.initiator.channel(pair.processid, "chat")
    await channel.send("to nobody")
    assert await channel.receive(timeout=1) is None


async def test_following_a_channel_until_the_process_ends(pair: Pair) -> None:
    for number in range(3):
        await pair.executor.channel_append(pair.processid, "chat", str(number))
    heard = []
    async for entry in pair.initiator.subscribe_channel(pair.processid, "chat", after=1):
        heard.append((entry.payload or b"").decode())
        if heard == ["1", "2"]:
            await pair.executor.channel_append(pair.processid, "chat", "last words")
            await pair.executor.close(pair.processid)
    assert heard == ["1", "2", "last words"]


async def test_a_subscription_ends_after_its_timeout(pair: Pair) -> None:
    await pair.executor.channel_append(pair.processid, "chat", "x")
    entries = [entry async for entry in pair.initiator.subscribe_channel(pair.processid, "chat", timeout=1)]
    assert [entry.payload for entry in entries] == [b"x"]
    assert not [entry async for entry in pair.initiator.subscribe_channel(pair.processid, "chat", timeout=0)]


async def test_what_cannot_be_followed(pair: Pair, members: Members, kind: str) -> None:
    with pytest.raises(NotFound, match="Channel not found"):
        await anext(pair.initiator.subscribe_channel(pair.processid, "nothing"))
    with pytest.raises(NotFound, match="Channel not found"):
        await pair.initiator.channel(pair.processid, "nothing").receive()
    with pytest.raises(AccessDenied, match="Not authorized to subscribe to channel"):
        await anext((await members.executor(f"{kind}-x")).subscribe_channel(pair.processid, "chat"))
    await pair.executor.close(pair.processid)
    with pytest.raises(NotFound):
        await pair.initiator.channel(pair.processid, "chat").send("too late")
    with pytest.raises(NotFound):
        await pair.initiator.channel(pair.processid, "chat").receive()


async def test_a_channel_that_ends_has_no_more_messages(pair: Pair) -> None:
    await pair.executor.channel_append(pair.processid, "chat", "x")
    channel = pair.initiator.channel(pair.processid, "chat")
    assert await channel.receive() is not None
    await pair.executor.close(pair.processid)
    assert await channel.receive() is None
    assert [message async for message in channel.messages()] == []


class Line:
    """A way to a server that can be cut."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._writers: list[asyncio.StreamWriter] = []
        self.url = ""

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        there_reader, there_writer = await asyncio.open_connection(self._server.host, self._server.port)
        self._writers += [writer, there_writer]
        await asyncio.gather(self._pipe(reader, there_writer), self._pipe(there_reader, writer))

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def cut(self) -> None:
        """Break all connections."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()


@asynccontextmanager
async def line_to(server: Server) -> AsyncIterator[Line]:
    line = Line(server)
    listener = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    line.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        listener.close()
        line.cut()


async def test_a_broken_connection_loses_nothing(dev_server: Server, pair: Pair) -> None:
    async with line_to(dev_server) as line, Client(line.url, pair.initiator.identity, colony="dev") as client:
        heard = []
        await pair.executor.channel_append(pair.processid, "chat", "0")
        async with aclosing(client.subscribe_channel(pair.processid, "chat")) as entries:
            async for entry in entries:
                heard.append((entry.payload or b"").decode())
                if len(heard) == 5:
                    break
                line.cut()
                await pair.executor.channel_append(pair.processid, "chat", str(len(heard)))
        assert heard == ["0", "1", "2", "3", "4"]


async def test_a_broken_connection_is_told_to_who_watches_processes(dev_server: Server, pair: Pair) -> None:
    async with line_to(dev_server) as line, Client(line.url, pair.initiator.identity, colony="dev") as client:
        processes = client.subscribe_process(pair.processid, ProcessState.RUNNING)
        assert (await anext(processes)).state == ProcessState.RUNNING
        line.cut()
        with pytest.raises(ConnectionFailed, match="broke"):
            await anext(processes)


async def test_watching_a_process(pair: Pair) -> None:
    async with aclosing(
        pair.initiator.subscribe_process(pair.processid, ProcessState.SUCCESS, timeout=60)
    ) as processes:
        coming = asyncio.ensure_future(anext(processes))
        await pair.executor.close(pair.processid, ["done"])
        process = await coming
    assert (process.state, list(process.output)) == (ProcessState.SUCCESS, ["done"])


async def test_a_process_that_ends_otherwise_is_the_last(pair: Pair) -> None:
    await pair.executor.fail(pair.processid, ["no"])
    states = [
        process.state
        async for process in pair.initiator.subscribe_process(pair.processid, ProcessState.SUCCESS)
    ]
    assert states == [ProcessState.FAILED]


async def test_watching_all_processes_of_a_type(members: Members, kind: str) -> None:
    executor = await members.executor(kind)
    timeout = 2
    watching = asyncio.create_task(
        _collect(executor, kind, timeout),
    )
    submitted = []
    while not watching.done():
        submitted.append((await members.user.submit(function_spec("f", executortype=kind))).processid)
        await asyncio.wait({watching}, timeout=0.1)
    seen = [process.processid for process in await watching]
    assert seen
    assert set(seen) <= set(submitted)
    with pytest.raises(InvalidRequest, match="There is no process state -1"):
        await anext(executor.subscribe_processes(kind, ProcessState.NOTSET))


async def _collect(client: Client, kind: str, seconds: int) -> list[Process]:
    return [process async for process in client.subscribe_processes(kind, ProcessState.WAITING, seconds)]


def _asked(server: Server, payloadtype: str) -> float:
    """How many requests of a type the server has answered."""
    found = 0.0
    for line in httpx.get(f"{server.url}/metrics").text.splitlines():
        if line.startswith(f'colonyledger_rpcs_total{{payloadtype="{payloadtype}"'):
            found += float(line.rpartition(" ")[2])
    return found


@pytest.mark.parametrize("end", ["close", "fail", "cancel"])
async def test_waiting_is_told_and_does_not_ask(dev_server: Server, pair: Pair, end: str) -> None:
    watched, asked = _asked(dev_server, "subscribeprocessmsg"), _asked(dev_server, "getprocessmsg")
    waiting = asyncio.create_task(pair.initiator.wait(pair.processid, timeout=60))
    while _asked(dev_server, "subscribeprocessmsg") == watched:  # noqa: ASYNC110 (another process counts)
        await asyncio.sleep(0.01)
    if end == "close":
        await pair.executor.close(pair.processid, [1])
    elif end == "fail":
        await pair.executor.fail(pair.processid, ["no"])
    else:
        await pair.initiator.cancel(pair.processid)
    assert (await waiting).state == {
        "close": ProcessState.SUCCESS,
        "fail": ProcessState.FAILED,
        "cancel": ProcessState.CANCELLED,
    }[end]
    assert _asked(dev_server, "getprocessmsg") == asked + 2


@pytest.mark.parametrize("seconds", [0.0, 0.2, 1.2])
async def test_waiting_ends_in_time(pair: Pair, seconds: float) -> None:
    with pytest.raises(WaitTimedOut):
        await pair.initiator.wait(pair.processid, timeout=seconds)


async def test_waiting_for_a_process_that_is_removed(members: Members, kind: str) -> None:
    process = await members.user.submit(function_spec("f", executortype=kind))
    waiting = asyncio.create_task(members.user.wait(process.processid, timeout=60))
    await members.user.remove_process(process.processid)
    with pytest.raises(NotFound):
        await waiting


async def test_an_executor_talks(members: Members, kind: str) -> None:
    executor = Executor(kind, kind, poll=30)

    @executor.function
    async def shout(call: Call) -> int:
        channel, count = call.channel("chat"), 0
        async for message in channel.messages():
            count += 1
            await channel.send((message.payload or b"").upper())
        return count

    @executor.function
    def whisper(call: SyncCall) -> int:
        channel, count = call.channel("chat"), 0
        with closing(channel.messages()) as messages:
            for message in messages:
                count += 1
                channel.send((message.payload or b"").lower())
        return count

    serving = asyncio.create_task(executor.serve())
    try:
        for function, said, heard in (("shout", "Hello", b"HELLO"), ("whisper", "Hello", b"hello")):
            process = await members.user.submit(function_spec(function, executortype=kind, channels=["chat"]))
            channel = members.user.channel(process.processid, "chat")
            for _ in range(3):
                await channel.send(said)
                reply = await channel.receive(timeout=60)
                assert reply is not None
                assert reply.payload == heard
            await channel.end()
            done = await members.user.wait(process.processid, timeout=60)
            assert (done.state, list(done.output)) == (ProcessState.SUCCESS, [3])
    finally:
        executor.stop()
        await serving


def test_the_synchronous_client(dev_server: Server, members: Members, kind: str) -> None:
    owner = members.colony_owner_identity
    identity = Identity.generate()
    with SyncClient(dev_server.url, members.user.identity, colony="dev", retries=Retries(attempts=2)) as user:
        user.using(owner).add_executor(
            ExecutorRecord(executorid=identity.id, executortype=kind, executorname=kind)
        )
        user.using(owner).approve_executor(kind)
        executor = user.using(identity)
        process = user.submit(function_spec("talk", executortype=kind, channels=["chat"]))
        assert executor.assign(timeout=30) is not None
        mine, theirs = user.channel(process.processid, "chat"), executor.channel(process.processid, "chat")
        mine.send("one")
        received = theirs.receive()
        assert received is not None
        assert received.payload == b"one"
        closer = threading.Timer(0.1, executor.close, (process.processid, ["done"]))
        closer.start()
        assert list(user.wait(process.processid, timeout=60).output) == ["done"]
        closer.join()
        (final,) = user.subscribe_process(process.processid, ProcessState.FAILED)
        assert final.state == ProcessState.SUCCESS
        with pytest.raises(NotFound):
            next(user.subscribe_channel(process.processid, "chat"))


def test_an_iteration_may_be_left(
    dev_server: Server, members: Members, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Also right before the end of the event loop, which throws away what is not closed."""
    identity = members.user.identity
    with SyncClient(dev_server.url, identity, colony="dev") as user:
        processid = user.submit(function_spec("talk", executortype=kind, channels=["chat"])).processid
        user.channel_append(processid, "chat", "x")
        for entry in user.subscribe_channel(processid, "chat"):
            assert entry.payload == b"x"
            break

    async def leave() -> None:
        async with Client(dev_server.url, identity, colony="dev") as client:
            async for entry in client.subscribe_channel(processid, "chat"):
                assert entry.payload == b"x"
                break
            kept = client.subscribe_process(processid, ProcessState.WAITING)
            async for process in kept:
                assert process.processid == processid
                break

    asyncio.run(leave())
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
