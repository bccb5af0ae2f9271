"""A node that serves nothing but `/pubsub`, and clients that read what it sends frame by frame."""

from __future__ import annotations

import asyncio
import socket
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvicorn
from colonyledger.identity import Identity, digest_of
from colonyledger.wire import (
    AddColony,
    AddExecutor,
    AddUser,
    ApproveExecutor,
    AssignProcess,
    ChannelAppend,
    ChannelEntry,
    CloseSuccessful,
    Colony,
    Conditions,
    ErrorBody,
    Executor,
    FunctionSpec,
    Message,
    Process,
    ReplyEnvelope,
    RequestEnvelope,
    SubmitFunctionSpec,
    User,
    decode,
    encode,
    payloadtype_of,
    reply_type_of,
    signed,
)
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from projections.registry import REGISTRY
from projections.state import Settings
from projections.system import Rules
from services.ingress.envelopes import verify
from services.ingress.metrics import Metrics
from services.ingress.recorder import Recorder
from services.ledger import Ledger, LogKind, open_ledger
from services.realtime import Pubsub, RealtimeLimits
from services.replica import Replica, SystemWriter
from tests.ledgers import Ledgers

R = TypeVar("R")

PATIENCE = 20.0
"""Seconds after which a frame that does not come fails the test."""


@cache
def identity(name: str) -> Identity:
    """The same key for the same name in every run."""
    return Identity(digest_of(name.encode()).hex())


class Refused(Exception):
    """An RPC was refused."""


class Subscriber:
    """A client's end of a websocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def ask(self, who: Identity, message: Message[Any]) -> None:
        """Send a signed request for a subscription."""
        await self.connection.send(signed(message, who).decode())

    async def frame(self) -> ReplyEnvelope:
        """The next frame."""
        async with asyncio.timeout(PATIENCE):
            return decode(_as_bytes(await self.connection.recv()), ReplyEnvelope)

    async def process(self) -> Process:
        """The process that the next frame tells of."""
        frame = await self.frame()
        assert (frame.payloadtype, frame.error) == ("subscribeprocessmsg", False)
        return decode(b64decode(frame.payload), Process)

    async def entries(self) -> list[ChannelEntry]:
        """The messages in the next frame."""
        frame = await self.frame()
        assert (frame.payloadtype, frame.error) == ("subscribechannelmsg", False)
        return decode(b64decode(frame.payload), list[ChannelEntry])

    async def texts(self) -> list[str]:
        """The texts of the messages in the next frame."""
        return [(entry.payload or b"").decode() for entry in await self.entries()]

    async def refusal(self) -> tuple[int, str]:
        """The status and text of the error that the next frame holds."""
        frame = await self.frame()
        assert (frame.payloadtype, frame.error) == ("error", True)
        error = decode(b64decode(frame.payload), ErrorBody)
        return error.status, error.message

    async def settled(self) -> None:
        """Wait until everything that was asked for is done: requests are taken one by one."""
        await self.ask(identity("stranger"), Nonsense())
        assert await self.refusal() == (403, "invalid rpcMsg.PayloadType: nonsensemsg")

    async def closed(self) -> int:
        """The code with which the server closes the connection, without another frame before."""
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(ConnectionClosed) as closed:
                await self.connection.recv()
        assert closed.value.rcvd is not None, "the connection was dropped"
        return closed.value.rcvd.code


class Nonsense(Message[None], tag="nonsensemsg", frozen=True):
    """A request of a type that there is not."""


class Node:
    """A ledger, its fold and `/pubsub`, with the colonies "dev" and "next"."""

    def __init__(self, replica: Replica, reads: Ledger, limits: RealtimeLimits) -> None:
        self.replica = replica
        self.reads = reads
        self.heard: list[str] = []
        """The names of executors that gave a sign of life."""
        self.metrics = Metrics()
        self.recorder = Recorder(replica, reads)
        self.pubsub = Pubsub(
            self.recorder, self.metrics, lambda _, executor: self.heard.append(executor.executorname), limits
        )
        self.url = ""

    async def call(self, who: Identity, message: Message[R]) -> R:
        """Do a command, durably.

        Raises:
            Refused: it was refused.
        """
        partition = self.replica.partition_of(REGISTRY[payloadtype_of(message)], message)
        assert partition is not None
        envelope = decode(signed(message, who), RequestEnvelope)
        answer = await self.recorder.command(verify(envelope), message, partition)
        if answer.refusal is not None:
            raise Refused(answer.refusal.message)
        return decode(answer.reply, reply_type_of(type(message)))

    async def colony(self, name: str) -> None:
        """A new colony of "owner"."""
        await self.call(identity("server"), AddColony(colony=Colony(identity("owner").id, name)))

    async def user(self, name: str, colony: str = "dev") -> Identity:
        """A new user."""
        who = identity(name)
        await self.call(identity("owner"), AddUser(user=User(colony, who.id, name, "", "")))
        return who

    async def executor(self, name: str, executortype: str = "edge", colony: str = "dev") -> Identity:
        """A new, approved executor."""
        who = identity(name)
        new = Executor(who.id, executortype, name, colony)
        await self.call(identity("owner"), AddExecutor(executor=new))
        await self.call(identity("owner"), ApproveExecutor(colonyname=colony, executorname=name))
        return who

    async def submit(self, executortype: str = "edge", who: str = "alice", **spec: Any) -> Process:
        """A process submitted by a user of "dev", or by the executor "neighbour" of "next"."""
        colony = "next" if who == "neighbour" else "dev"
        asked = FunctionSpec(
            funcname="echo", conditions=Conditions(colony, executortype=executortype), **spec
        )
        return await self.call(identity(who), SubmitFunctionSpec(spec=asked))

    async def assign(self, who: Identity) -> Process:
        """What an executor gets."""
        return await self.call(who, AssignProcess(colonyname="dev", timeout=-1))

    async def close(self, who: Identity, process: Process, *output: Any) -> None:
        """Finish a process."""
        await self.call(who, CloseSuccessful(processid=process.processid, output=list(output)))

    async def say(self, who: Identity, process: Process, text: str, name: str = "chat") -> None:
        """Put a message into a channel."""
        await self.call(who, ChannelAppend(processid=process.processid, name=name, payload=text.encode()))

    @asynccontextmanager
    async def subscriber(self, *, receive_buffer: int | None = None) -> AsyncIterator[Subscriber]:
        """A new connection; with `receive_buffer` bytes for what the client has not read."""
        host, _, port = self.url.removeprefix("ws://").removesuffix("/pubsub").partition(":")
        mine = socket.socket()
        if receive_buffer is not None:
            mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        mine.setblocking(False)
        await asyncio.get_running_loop().sock_connect(mine, (host, int(port)))
        async with connect(
            self.url, sock=mine, compression=None, max_size=None, max_queue=1, close_timeout=0.1, proxy=None
        ) as connection:
            yield Subscriber(connection)


def _as_bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[int]:
    """Serve an ASGI application as the node does; gives its port."""
    config = uvicorn.Config(
        app, ws="websockets-sansio", lifespan="off", log_level="warning", ws_per_message_deflate=False
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: HttpToolsProtocol(config, state, {}),
        "127.0.0.1",
        0,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=PATIENCE)


Start = Callable[[RealtimeLimits], Awaitable[Node]]


@pytest.fixture
async def start(tmp_path: Path, ledgers: Ledgers) -> AsyncIterator[Start]:
    """Starts a node with the limits that it is given."""
    ledger = await open_ledger(ledgers.place(tmp_path), partitions=ledgers.partitions or 2)
    reads = await open_ledger(ledgers.place(tmp_path / "reads"), kind=LogKind.READS, partitions=1)
    replica = Replica(ledger, "run")
    await replica.start()
    await replica.caught_up()
    rules = Rules(serverid=identity("server").id, settings=Settings(reregister=True))
    for partition in range(ledger.partitions):
        await SystemWriter(replica, identity("node")).append(partition, rules)
    servers: list[Any] = []

    async def start_node(limits: RealtimeLimits) -> Node:
        node = Node(replica, reads, limits)
        for colony in ("dev", "next"):
            await node.colony(colony)
        await node.user("alice")
        await node.executor("neighbour", colony="next")

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await node.pubsub.serve(scope, receive, send)

        server = serving(app)
        servers.append(server)
        node.url = f"ws://127.0.0.1:{await server.__aenter__()}/pubsub"
        return node

    yield start_node
    for server in servers:
        await server.__aexit__(None, None, None)
    await ledger.close()
    await replica.stop()
    await reads.close()


@pytest.fixture
async def node(start: Start) -> Node:
    """A node with the default limits."""
    return await start(RealtimeLimits())


def request(payloadtype: str, body: object, who: Identity) -> str:
    """A signed frame with any content."""
    payload = b64encode(encode(body))
    return encode(RequestEnvelope(payloadtype, payload.decode(), who.sign(payload))).decode()
