"""Everybody's work in one colony: some submit, some execute, some look on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from colonyledger.identity import Identity
from colonyledger.wire import (
    AddColony,
    AddExecutor,
    AddUser,
    ApproveExecutor,
    AssignProcess,
    CloseFailed,
    CloseSuccessful,
    Colony,
    Conditions,
    Executor,
    FunctionSpec,
    GetColonyStatistics,
    GetExecutors,
    GetProcess,
    GetProcesses,
    Message,
    Process,
    Statistics,
    SubmitFunctionSpec,
    User,
)

from services.node.dev import SERVER_OWNER
from tests.chaos.clients import Abandoned, Client, Refused

__all__ = ["Load"]

SUBMITTERS, EXECUTORS, POLLERS, READERS = 3, 4, 1, 2
REST_SECONDS = 0.25
"""Longest pause of somebody between two operations."""

MOST_OPEN = 20
"""Nobody submits more while so many processes are open: a backlog hides what is given to whom."""

KINDS = ("edge", "cloud")
DEADLINE_SECONDS = 8
"""How long an executor may take; one that has died loses its work then."""

MakeClient = Callable[[str, str], Client]
"""Called with the name of a client and that of its colony."""


class Load:
    """The work of one colony. `set_up` first; then `run`, and `drain` when there is to be no more."""

    def __init__(self, colony: str, make_client: MakeClient) -> None:
        self.colony = colony
        self._make_client = make_client
        self._owner, self._user = Identity.generate(), Identity.generate()
        self._workers: list[tuple[Client, Identity]] = []
        self._submitted: list[str] = []
        self._open = 0
        """About how many processes are not done yet."""
        self._submitting = asyncio.Event()
        self._working = asyncio.Event()

    async def set_up(self) -> None:
        """Make the colony with its user and its executors."""
        setter = self._client("setter")
        await self._do(
            setter, SERVER_OWNER, AddColony(colony=Colony(self._owner.id, self.colony), nonce=setter.nonce())
        )
        user = User(self.colony, self._user.id, "ann", "", "")
        await self._do(setter, self._owner, AddUser(user=user, nonce=setter.nonce()))
        for number in range(EXECUTORS + POLLERS):
            name = f"executor-{number}" if number < EXECUTORS else f"poller-{number}"
            client, identity = self._client(name), Identity.generate()
            executor = Executor(identity.id, KINDS[number % len(KINDS)], name, self.colony)
            await self._do(setter, self._owner, AddExecutor(executor=executor, nonce=setter.nonce()))
            approve = ApproveExecutor(colonyname=self.colony, executorname=name, nonce=setter.nonce())
            await self._do(setter, self._owner, approve)
            self._workers.append((client, identity))

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`, and then until everything that was submitted is done."""
        async with asyncio.TaskGroup() as everybody:
            for client, identity in self._workers:
                everybody.create_task(self._execute(client, identity))
            readers = [everybody.create_task(self._read(self._client(f"reader-{n}"))) for n in range(READERS)]
            submitters = [
                everybody.create_task(self._submit(self._client(f"submitter-{n}"))) for n in range(SUBMITTERS)
            ]
            await stop.wait()
            self._submitting.set()
            await asyncio.wait(submitters)
            await self._drain(self._client("drainer"))
            self._working.set()
            await asyncio.wait(readers)

    def _client(self, name: str) -> Client:
        return self._make_client(name, self.colony)

    async def _do(self, client: Client, who: Identity, message: Message[Any]) -> None:
        await client.do(who, message)

    async def _submit(self, client: Client) -> None:
        """Submit one process after the other; now and then without waiting for the answer."""
        while not self._submitting.is_set():
            if self._open > MOST_OPEN:
                await self._rest(client)
                continue
            number = client.chance.randrange(EXECUTORS)
            names = [f"executor-{number}"] if client.chance.random() < 0.1 else []
            where = Conditions(self.colony, executornames=names, executortype=KINDS[number % len(KINDS)])
            spec = FunctionSpec(
                funcname="echo",
                conditions=where,
                priority=client.chance.choice((0, 0, 0, 1, 5)),
                maxexectime=DEADLINE_SECONDS,
                maxretries=-1,
            )
            patience = 1 if client.chance.random() < 0.05 else 1_000_000
            try:
                message = SubmitFunctionSpec(spec=spec, nonce=client.nonce())
                process = await client.do(self._user, message, patience=patience)
            except Abandoned:
                continue
            self._submitted.append(process.processid)
            self._open += 1
            await self._rest(client)

    async def _execute(self, client: Client, identity: Identity) -> None:
        """Take one process after the other and finish it, or die over it."""
        waits = not client.name.startswith("poller")
        while not self._working.is_set():
            seconds = client.chance.randint(1, 3) if waits else -1
            asked = AssignProcess(colonyname=self.colony, timeout=seconds, nonce=client.nonce())
            try:
                process = await client.do(identity, asked, wait=max(seconds, 0))
            except Refused:
                if not waits:
                    await self._rest(client)
                continue
            if client.chance.random() < 0.03:
                continue
            # Some work takes nearly all the time it may.
            await asyncio.sleep(
                client.chance.random() * client.chance.choice((*[0.05] * 15, DEADLINE_SECONDS))
            )
            try:
                await client.do(identity, self._ending(client, process))
                self._open -= 1
            except Refused:
                # Its time was over.
                continue

    def _ending(self, client: Client, process: Process) -> CloseSuccessful | CloseFailed:
        if client.chance.random() < 0.1:
            return CloseFailed(processid=process.processid, errors=["no"], nonce=client.nonce())
        output = [f"{client.name} did it"]
        return CloseSuccessful(processid=process.processid, output=output, nonce=client.nonce())

    async def _read(self, client: Client) -> None:
        while not self._working.is_set():
            await self._look(client)
            await self._rest(client)

    async def _look(self, client: Client) -> None:
        state = client.chance.randrange(4)
        questions: list[Message[Any]] = [
            GetColonyStatistics(colonyname=self.colony),
            GetProcesses(colonyname=self.colony, count=20, state=state),
            GetExecutors(colonyname=self.colony),
        ]
        if self._submitted:
            recent = client.chance.choice(self._submitted[-20:])
            questions += [GetProcess(processid=recent)] * 3
        await client.read(self._user, client.chance.choice(questions))

    async def _drain(self, client: Client) -> None:
        """Wait until nothing waits and nothing runs."""
        while True:
            statistics: Statistics = await client.read(
                self._user, GetColonyStatistics(colonyname=self.colony)
            )
            if statistics.waitingprocesses + statistics.runningprocesses == 0:
                return
            await asyncio.sleep(REST_SECONDS)

    @staticmethod
    async def _rest(client: Client) -> None:
        await asyncio.sleep(client.chance.random() * REST_SECONDS)
