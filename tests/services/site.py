"""A colony of a test's own on a running server, and what people do in it, over plain HTTP."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar
from uuid import uuid4

import httpx
import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddColony,
    AddExecutor,
    AddUser,
    ApproveExecutor,
    AssignProcess,
    CloseSuccessful,
    Colony,
    Conditions,
    ErrorBody,
    Executor,
    FunctionSpec,
    GetProcess,
    Message,
    Process,
    ReplyEnvelope,
    SubmitFunctionSpec,
    User,
    decode,
    reply_type_of,
    signed,
)

from services.node.dev import SERVER_OWNER
from tests.servers import Server

__all__ = [
    "NOTHING",
    "Refused",
    "Site",
    "Worker",
    "client_of",
    "counted",
    "error_in",
    "eventually",
    "on_both_ledgers",
    "reply_in",
]

R = TypeVar("R")

PATIENCE = 60.0
"""Seconds after which something that has not happened never will."""

on_both_ledgers = pytest.mark.parametrize(
    "server",
    [pytest.param("embedded", marks=pytest.mark.embedded("the same test runs on Kafka beside it")), "kafka"],
    indirect=True,
)
"""For tests of what the ledgers do in ways of their own."""

NOTHING = (404, "No process available for assignment")


class Refused(Exception):
    """An RPC was refused."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


class Worker(NamedTuple):
    """An executor."""

    identity: Identity
    name: str
    kind: str


def error_in(answer: httpx.Response) -> tuple[int, str]:
    """Status and message of an error reply, which has the one shape that errors have (envelope.md section 4)."""
    assert answer.headers["content-type"] == "application/json"
    envelope = answer.json()
    assert list(envelope) == ["payloadtype", "payload", "error"]
    assert envelope["payloadtype"] == "error"
    assert envelope["error"] is True
    body = decode(b64decode(envelope["payload"], validate=True), ErrorBody)
    assert body.status == answer.status_code
    assert body.message
    return body.status, body.message


def reply_in(answer: httpx.Response, to: type[R], payloadtype: str | None = None) -> R:
    """The record in a successful reply.

    Raises:
        Refused: it is an error reply.
    """
    if answer.status_code != httpx.codes.OK:
        raise Refused(*error_in(answer))
    envelope = decode(answer.content, ReplyEnvelope)
    assert envelope.error is False
    assert payloadtype is None or envelope.payloadtype == payloadtype
    return decode(b64decode(envelope.payload, validate=True), to)


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is so, looking again and again."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 (another process has no event to wait for)
            await asyncio.sleep(0.005)


async def counted(http: httpx.AsyncClient, name: str) -> float:
    """What `/metrics` says of one number without labels."""
    lines = (await http.get("/metrics")).text.splitlines()
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(f"{name} "))


def client_of(server: Server) -> httpx.AsyncClient:
    """A client that opens as many connections as it needs, up to a hundred."""
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=None)
    return httpx.AsyncClient(base_url=server.url, timeout=PATIENCE, limits=limits, verify=False)


class Site:
    """A colony that no other test uses, with its owner and a user. Leave it by `async with`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.http = client_of(server)
        self.name = f"colony-{uuid4().hex[:12]}"
        self.owner = Identity.generate()
        self.user = Identity.generate()
        self._polls: set[asyncio.Task[Process]] = set()

    async def __aenter__(self) -> Self:
        await self.call(SERVER_OWNER, AddColony(colony=Colony(self.owner.id, self.name)))
        await self.call(self.owner, AddUser(user=User(self.name, self.user.id, "ann", "", "")))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.leave()

    def beside(self, server: Server) -> Site:
        """The same colony through another server of the same ledger; `leave` it at the end."""
        other = Site(server)
        other.name, other.owner, other.user = self.name, self.owner, self.user
        return other

    async def leave(self) -> None:
        """Hang up."""
        for poll in self._polls:
            poll.cancel()
        await asyncio.gather(*self._polls, return_exceptions=True)
        await self.http.aclose()

    def poll(self) -> AssignProcess:
        """What an executor that does not wait asks."""
        return AssignProcess(colonyname=self.name, timeout=-1)

    async def post(self, body: bytes) -> httpx.Response:
        """Send a request body."""
        return await self.http.post("/api", content=body)

    async def call(self, who: Identity, message: Message[R]) -> R:
        """Do an RPC.

        Raises:
            Refused: it was refused.
        """
        return reply_in(await self.post(signed(message, who)), reply_type_of(type(message)))

    async def refused(self, who: Identity, message: Message[Any]) -> tuple[int, str]:
        """The status and text with which an RPC is refused; it must be."""
        try:
            done = await self.call(who, message)
        except Refused as refusal:
            return refusal.status, refusal.message
        raise AssertionError(f"{message} was done: {done}")

    async def executor(self, kind: str = "edge", *, location: str = "") -> Worker:
        """A new executor that may work."""
        worker = Worker(Identity.generate(), f"{kind}-{uuid4().hex[:8]}", kind)
        executor = Executor(worker.identity.id, kind, worker.name, self.name, locationname=location)
        await self.call(self.owner, AddExecutor(executor=executor))
        await self.call(self.owner, ApproveExecutor(colonyname=self.name, executorname=worker.name))
        return worker

    async def submit(
        self, kind: str = "edge", *, conditions: dict[str, Any] | None = None, **spec: Any
    ) -> Process:
        """A process of the user."""
        where = Conditions(colonyname=self.name, executortype=kind, **(conditions or {}))
        return await self.call(
            self.user, SubmitFunctionSpec(spec=FunctionSpec(funcname="echo", conditions=where, **spec))
        )

    async def get(self, process: Process) -> Process:
        """A process as it is now."""
        return await self.call(self.user, GetProcess(processid=process.processid))

    async def assign(self, worker: Worker, *, timeout: int = -1, **limits: str) -> Process:  # noqa: ASYNC109
        """What an executor gets; with a negative timeout it does not wait for it.

        Raises:
            Refused: it gets nothing.
        """
        asked = AssignProcess(colonyname=self.name, timeout=timeout, **limits)
        return await self.call(worker.identity, asked)

    async def nothing_for(self, worker: Worker) -> bool:
        """Whether an executor that does not wait gets nothing."""
        return await self.refused(worker.identity, self.poll()) == NOTHING

    async def park(
        self,
        worker: Worker,
        *,
        timeout: int = 3600,  # noqa: ASYNC109
        limits: Mapping[str, str] | None = None,
    ) -> asyncio.Task[Process]:
        """An executor that waits for work, from when the server knows of it. Cancelling it hangs up."""
        before = await self.parked()
        poll = asyncio.create_task(self.assign(worker, timeout=timeout, **(limits or {})))
        self._polls.add(poll)

        async def is_parked() -> bool:
            return poll.done() or await self.parked() > before

        await eventually(is_parked)
        return poll

    async def until_parked(self, number: float) -> None:
        """Wait until so many executors wait at the server."""

        async def are_parked() -> bool:
            return await self.parked() == number

        await eventually(are_parked)

    async def hang_up(self, poll: asyncio.Task[Process]) -> None:
        """Cut the connection of an executor that waits, and wait until the server knows."""
        before = await self.parked()
        poll.cancel()
        await asyncio.gather(poll, return_exceptions=True)
        await self.until_parked(before - 1)

    async def close(self, worker: Worker, process: Process, *output: Any) -> None:
        """Finish a process."""
        await self.call(worker.identity, CloseSuccessful(processid=process.processid, output=list(output)))

    async def parked(self) -> float:
        """How many executors wait at the server."""
        return await counted(self.http, "colonyledger_parked_demands")

    async def folded(self) -> float:
        """How many records the server has folded."""
        return await counted(self.http, "colonyledger_records_folded")
