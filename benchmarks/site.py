"""A colony of its own on a server, for one workload."""

from __future__ import annotations

import secrets
from typing import Any, TypeVar

import msgspec
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
    Executor,
    FunctionSpec,
    GetColonyStatistics,
    Message,
    RemoveColony,
    SubmitFunctionSpec,
    User,
    reply_type_of,
)

from benchmarks.connection import Broken, Connection, payload_of, request

__all__ = ["Assigned", "Site"]

R = TypeVar("R")


class Assigned(msgspec.Struct, gc=False):
    """What is looked at in a process that an executor gets."""

    processid: str
    isassigned: bool
    assignedexecutorid: str
    state: int
    processgraphid: str = ""


_ASSIGNED = msgspec.json.Decoder(Assigned)
_RUNNING = 1


class Site:
    """A colony with a user and as many executors as asked for. Types and names are new in every run."""

    def __init__(self, url: str, server_owner: Identity, executortype: str = "") -> None:
        self.url = url
        self.name = "bench-" + secrets.token_hex(5)
        self.executortype = executortype or "type-" + self.name
        self.owner = Identity.generate()
        self.user = Identity.generate()
        self.executors: list[Identity] = []
        self._server_owner = server_owner

    async def open(self, executors: int = 0) -> Site:
        """Make the colony, its user and its executors."""
        await self.call(self._server_owner, AddColony(colony=Colony(self.owner.id, self.name)))
        await self.call(self.owner, AddUser(user=User(self.name, self.user.id, "bench", "", "")))
        for _ in range(executors):
            await self.enlist()
        return self

    async def enlist(self) -> Identity:
        """Add an executor that may work."""
        identity = Identity.generate()
        name = f"executor-{len(self.executors)}"
        record = Executor(identity.id, self.executortype, name, self.name)
        await self.call(self.owner, AddExecutor(executor=record))
        await self.call(self.owner, ApproveExecutor(colonyname=self.name, executorname=name))
        self.executors.append(identity)
        return identity

    async def close(self) -> None:
        """Remove the colony."""
        await self.call(self._server_owner, RemoveColony(colonyname=self.name))

    async def call(self, identity: Identity, message: Message[R]) -> R:
        """One call on a connection of its own, outside of what is timed."""
        connection = await Connection.open(self.url)
        try:
            reply = await connection.call(request(identity, message))
        finally:
            connection.close()
        return msgspec.json.decode(reply, type=reply_type_of(type(message)))

    def spec(self, nodename: str = "", dependencies: list[str] | None = None) -> FunctionSpec:
        """What is submitted."""
        conditions = Conditions(
            self.name, executortype=self.executortype, dependencies=dependencies or [], executornames=[]
        )
        return FunctionSpec(
            nodename, "bench", [1, "two"], maxwaittime=-1, maxexectime=-1, maxretries=3, conditions=conditions
        )

    def submit(self) -> bytes:
        """A signed request that submits one process."""
        return request(self.user, SubmitFunctionSpec(spec=self.spec()))

    def assign(self, executor: Identity, seconds: int = 20) -> bytes:
        """A signed request of an executor for work."""
        return request(executor, AssignProcess(colonyname=self.name, timeout=seconds))

    def close_process(self, executor: Identity, processid: str, output: list[Any]) -> bytes:
        """A signed request that finishes a process."""
        return request(executor, CloseSuccessful(processid=processid, output=output))

    @staticmethod
    def assigned(body: bytes, executor: Identity) -> Assigned:
        """The process that a reply gives to an executor.

        Raises:
            Refused: it got none.
            Broken: the process is not its own, or does not run.
        """
        process = _ASSIGNED.decode(payload_of(body))
        if (process.state, process.isassigned, process.assignedexecutorid) != (_RUNNING, True, executor.id):
            raise Broken(f"an executor got a process that is not assigned to it: {process}")
        return process

    async def counts(self) -> tuple[int, int, int]:
        """How many processes wait, run and have succeeded."""
        counted = await self.call(self.user, GetColonyStatistics(colonyname=self.name))
        return counted.waitingprocesses, counted.runningprocesses, counted.successfulprocesses
