"""A real ledger that can be made slow, silent or broken, and a replica with its demands over it, in this process."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from colonyledger.identity import Identity, digest_of
from colonyledger.record import Record
from colonyledger.wire import (
    AddColony,
    AddExecutor,
    AddUser,
    ApproveExecutor,
    AssignProcess,
    Colony,
    Conditions,
    Executor,
    FunctionSpec,
    Message,
    Process,
    SubmitFunctionSpec,
    User,
    decode,
    encode,
    payloadtype_of,
    reply_type_of,
)

from projections.assignment import read_demand
from projections.process import LiveProcess
from projections.registry import REGISTRY
from projections.roles import authorise
from projections.system import Rules
from projections.turn import View
from services.ingress.connection import AsgiConnection
from services.ingress.demand import Demand
from services.ingress.demands import Demands
from services.ingress.envelopes import Signed
from services.ingress.recorder import Recorder
from services.ledger import EmbeddedLedger, LedgerUnavailable, Position
from services.replica import Answer, Replica, SystemWriter

R = TypeVar("R")

COLONY = "dev"


class UnsteadyLedger(EmbeddedLedger):
    """`hold` keeps appends back until `release`; with `silent` they are made, and said to be unknown."""

    hold = False
    silent = False
    _held: list[tuple[int, Record, asyncio.Future[Position]]]

    def append(self, partition: int, record: Record) -> asyncio.Future[Position]:
        """As the settings say."""
        future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        if self.hold:
            self.__dict__.setdefault("_held", []).append((partition, record, future))
            return future
        if not self.silent:
            return super().append(partition, record)
        appended = super().append(partition, record)
        future.set_exception(LedgerUnavailable("nobody knows"))
        appended.add_done_callback(lambda done: done.exception())
        return future

    @property
    def held(self) -> int:
        """How many appends are kept back."""
        return len(self.__dict__.get("_held", []))

    def release(self) -> None:
        """Do what was kept back."""
        self.hold = False
        for partition, record, future in self.__dict__.pop("_held", []):
            super().append(partition, record).add_done_callback(partial(_copy, to=future))

    def refuse(self) -> None:
        """Forget what was kept back, and say that nobody knows."""
        self.hold = False
        for _, _, future in self.__dict__.pop("_held", []):
            future.set_exception(LedgerUnavailable("nobody knows"))


class Client:
    """The other end of a connection."""

    def __init__(self) -> None:
        self._gone = asyncio.Event()
        self.connection = AsgiConnection(self._receive)

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def hang_up(self) -> None:
        """Go away."""
        self._gone.set()


class Desk:
    """A replica over an unsteady ledger, with its demands and one colony. Leave it by `close`."""

    def __init__(self, ledger: UnsteadyLedger, limit: int) -> None:
        self.ledger = ledger
        self.replica = Replica(ledger, "node-run")
        self.writer = SystemWriter(self.replica, Identity.generate())
        self.recorder = Recorder(self.replica, None)
        self.demands = Demands(self.recorder, self.writer, limit)
        self.server, self.owner, self.user = (Identity.generate() for _ in range(3))

    @classmethod
    async def open(cls, directory: Path, *, limit: int = 100) -> Self:
        """With a colony and its user."""
        ledger = await UnsteadyLedger.open(directory)
        assert isinstance(ledger, UnsteadyLedger)
        desk = cls(ledger, limit)
        await desk.replica.start()
        await desk.replica.caught_up()
        await desk.writer.append(0, Rules(serverid=desk.server.id))
        await desk.call(desk.server, AddColony(colony=Colony(desk.owner.id, COLONY)))
        await desk.call(desk.owner, AddUser(user=User(COLONY, desk.user.id, "ann", "", "")))
        return desk

    async def close(self) -> None:
        """Close the ledger."""
        self.ledger.release()
        self.demands.close()
        await self.ledger.close()
        await self.replica.stop()

    def execute(self, who: Identity, message: Message[Any]) -> asyncio.Future[Answer]:
        """Record a command."""
        return self.recorder.command(_signed(who, message), message, 0)

    async def call(self, who: Identity, message: Message[R]) -> R:
        """Do a command, which is not refused."""
        done = await self.execute(who, message)
        assert done.refusal is None, done.refusal
        return decode(done.reply, reply_type_of(type(message)))

    async def executor(self, name: str) -> Identity:
        """An executor that may work."""
        who = Identity.generate()
        await self.call(self.owner, AddExecutor(executor=Executor(who.id, "edge", name, COLONY)))
        await self.call(self.owner, ApproveExecutor(colonyname=COLONY, executorname=name))
        return who

    async def submit(self) -> str:
        """The id of a new process."""
        conditions = Conditions(COLONY, executortype="edge")
        spec = FunctionSpec(funcname="echo", conditions=conditions, maxretries=3)
        return (await self.call(self.user, SubmitFunctionSpec(spec=spec))).processid

    def ask(self, who: Identity, client: Client, *, timeout: int = 3600, nonce: str = "") -> Demand:
        """What the ingress does with an `assign` request."""
        message = AssignProcess(colonyname=COLONY, timeout=timeout, nonce=nonce)
        view = View(self.replica.states[0], who.id)
        authorise(REGISTRY[payloadtype_of(message)], view, message)
        executor, limits = read_demand(view, message)
        signed = _signed(who, message)
        return self.demands.ask(signed, message, executor, limits, 0, client.connection)

    def process(self, processid: str) -> LiveProcess:
        """A process as it is."""
        return self.replica.states[0].colonies[COLONY].processes.by_id[processid]


def processid_in(answer: Answer) -> str:
    """The process that an executor was given."""
    assert answer.refusal is None, answer.refusal
    return decode(answer.reply, Process).processid


async def answer_to(demand: Demand) -> Answer:
    """What a demand is told, sooner or later.

    Raises:
        LedgerUnavailable: it is told that nobody knows.
    """
    async with asyncio.timeout(60):
        return await asyncio.shield(demand.answer)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so in this process."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 (the condition may be any)
            await asyncio.sleep(0.001)


def _copy(done: asyncio.Future[Position], to: asyncio.Future[Position]) -> None:
    to.set_result(done.result())


def _signed(who: Identity, message: Message[Any]) -> Signed:
    payload = b64encode(encode(message))
    digest = digest_of(payload)
    return Signed(payloadtype_of(message), payload, digest, who.sign_digest(digest), who.id)
