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

from benchmarks.connection import Connection, request

__all__ = ["Site"]

R = TypeVar("R")


class Site:
    """A colony with a user and as many executors as asked for. Types and names are new in every run."""

    def __init__(self, url: str, server_owner: Identity) -> None:
        self.url = url
        self.name = "bench-" + secrets.token_hex(5)
        self.executortype = "type-" + self.name
        self.user = Identity.generate()
        self.executors: list[Identity] = []
        self._server_owner = server_owner
        self._owner = Identity.generate()

    async def open(self, executors: int = 0) -> Site:
        """Make the colony, its user and its executors."""
        await self.call(self._server_owner, AddColony(colony=Colony(self._owner.id, self.name)))
        await self.call(self._owner, AddUser(user=User(self.name, self.user.id, "bench", "", "")))
        for number in range(executors):
            identity = Identity.generate()
            name = f"executor-{number}"
            record = Executor(identity.id, self.executortype, name, self.name)
            await self.call(self._owner, AddExecutor(executor=record))
            await self.call(self._owner, ApproveExecutor(colonyname=self.name, executorname=name))
            self.executors.append(identity)
        return self

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

    async def counts(self) -> tuple[int, int, int]:
        """How many processes wait, run and have succeeded."""
        counted = await self.call(self.user, GetColonyStatistics(colonyname=self.name))
        return counted.waitingprocesses, counted.runningprocesses, counted.successfulprocesses
