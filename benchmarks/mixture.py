"""Everything that a colony does, at once and at a steady pace."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from itertools import count
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddAttribute,
    AddCron,
    AddFile,
    AddLog,
    Attribute,
    CloseFailed,
    CloseSuccessful,
    File,
    GetColonyStatistics,
    GetFile,
    GetLogs,
    GetProcess,
    GetProcesses,
    Message,
    NewCron,
    RemoveFile,
    ReplyEnvelope,
    SubmitFunctionSpec,
    SubmitWorkflow,
    SubscribeProcesses,
    WorkflowSpec,
    encode,
    reply_type_of,
    signed,
)
from websockets.asyncio.client import connect

from benchmarks.connection import Broken, Connection, Refused, request
from benchmarks.site import Site

__all__ = ["Mixture"]

R = TypeVar("R")

_EXECUTORS = 8
_SUBMITTERS = 4
_POLL_SECONDS = 5
_NOTHING_WAITS = 404
_WORKFLOW_EVERY = 20
_FAIL_EVERY = 10
_READS_PER_SECOND = 20
_FILES_PER_SECOND = 2
_CRONS = 2
_KNOWN = 200
"""Newest processes that are read. Retention may have taken one that is older."""
_SUCCESSFUL = 2


class Mixture:
    """The load of one colony; `per_second` processes are submitted in a second. `run` it, then `check` it."""

    def __init__(self, site: Site, per_second: float) -> None:
        self.latencies: list[float] = []
        """Seconds of each call that did not wait for work; whoever looks empties it."""
        self.closed = 0
        self.heard = 0
        """Messages that the subscriber got."""
        self._site = site
        self._pace = _SUBMITTERS / per_second
        self._known: deque[str] = deque(maxlen=_KNOWN)
        self._seen: dict[str, None] = {}
        self._numbers = count()

    async def run(self, seconds: float) -> None:
        """Load the server for so long.

        Raises:
            Refused, Broken: the server did what it must not.
        """
        site = self._site
        for number in range(_CRONS):
            workflow = json.loads(encode(WorkflowSpec(site.name, [site.spec("cron")])))
            cron = NewCron(
                colonyname=site.name, name=f"cron-{number}", interval=1, workflowspec=json.dumps(workflow)
            )
            await site.call(site.user, AddCron(cron=cron))
        until = time.perf_counter() + seconds
        loads: list[Coroutine[Any, Any, None]] = [
            self._paced(until, self._pace, self._submit) for _ in range(_SUBMITTERS)
        ]
        loads += [self._paced(until, 1 / _READS_PER_SECOND, self._read)]
        loads += [self._paced(until, 1 / _FILES_PER_SECOND, self._keep_file)]
        loads += [self._execute(until, executor) for executor in site.executors]
        loads += [self._listen(until)]
        async with asyncio.TaskGroup() as group:
            for load in loads:
                group.create_task(load)

    def check(self) -> None:
        """Whether it makes sense what the server told.

        Raises:
            Broken: nobody was told of anything, though processes have ended.
        """
        if self.closed and not self.heard:
            raise Broken("the subscriber heard of none of the processes that have ended")

    async def _paced(self, until: float, pause: float, step: Callable[[Connection], Awaitable[None]]) -> None:
        """Do a step over and over, each `pause` after the begin of the last one."""
        connection = await Connection.open(self._site.url)
        following = time.perf_counter()
        while following < until:
            await step(connection)
            following = max(following + pause, time.perf_counter() - 1.0)
            await asyncio.sleep(following - time.perf_counter())
        connection.close()

    async def _call(self, connection: Connection, who: Identity, message: Message[R]) -> R:
        raw = request(who, message)
        began = time.perf_counter()
        reply = await connection.call(raw)
        self.latencies.append(time.perf_counter() - began)
        return msgspec.json.decode(reply, type=reply_type_of(type(message)))

    async def _submit(self, connection: Connection) -> None:
        site = self._site
        if next(self._numbers) % _WORKFLOW_EVERY:
            made = await self._call(connection, site.user, SubmitFunctionSpec(spec=site.spec()))
            self._known.append(made.processid)
            return
        specs = [
            site.spec("root"),
            *(site.spec(name, ["root"]) for name in "abc"),
            site.spec("end", ["a", "b", "c"]),
        ]
        await self._call(connection, site.user, SubmitWorkflow(spec=WorkflowSpec(site.name, specs)))

    async def _execute(self, until: float, executor: Identity) -> None:
        site = self._site
        connection = await Connection.open(site.url)
        while time.perf_counter() < until:
            try:
                process = site.assigned(await connection.send(site.assign(executor, _POLL_SECONDS)), executor)
            except Refused as refusal:
                if refusal.status != _NOTHING_WAITS:
                    raise
                continue
            if process.processid in self._seen:
                raise Broken(f"process {process.processid} was assigned twice")
            self._seen[process.processid] = None
            try:
                await self._work(connection, executor, process.processid)
            except Refused:
                # Another process of its workflow has failed, and this one with it.
                if not process.processgraphid:
                    raise
            self.closed += 1
        connection.close()

    async def _work(self, connection: Connection, executor: Identity, processid: str) -> None:
        await self._call(connection, executor, AddLog(processid=processid, message="at work"))
        number = next(self._numbers)
        if number % _FAIL_EVERY:
            done = CloseSuccessful(processid=processid, output=[number])
            await self._call(connection, executor, done)
            return
        why = Attribute(targetid=processid, targetcolonyname=self._site.name, key="why", value="meant to")
        await self._call(connection, executor, AddAttribute(attribute=why))
        await self._call(connection, executor, CloseFailed(processid=processid, errors=["meant to"]))

    async def _read(self, connection: Connection) -> None:
        site = self._site
        await self._call(
            connection, site.user, GetProcesses(colonyname=site.name, count=20, state=_SUCCESSFUL)
        )
        await self._call(connection, site.user, GetColonyStatistics(colonyname=site.name))
        if self._known:
            processid = self._known[-1]
            await self._call(connection, site.user, GetProcess(processid=processid))
            await self._call(
                connection, site.user, GetLogs(colonyname=site.name, processid=processid, count=10)
            )

    async def _keep_file(self, connection: Connection) -> None:
        site = self._site
        name = f"file-{next(self._numbers) % 10}"
        added = await self._call(
            connection, site.user, AddFile(file=File(colonyname=site.name, label="/soak", name=name, size=1))
        )
        await self._call(connection, site.user, GetFile(colonyname=site.name, fileid=added.fileid))
        await self._call(connection, site.user, RemoveFile(colonyname=site.name, fileid=added.fileid))

    async def _listen(self, until: float) -> None:
        site = self._site
        seconds = until - time.perf_counter()
        asked = SubscribeProcesses(
            executortype=site.executortype, state=_SUCCESSFUL, timeout=int(seconds) + 60, colonyname=site.name
        )
        where = urlsplit(site.url)
        async with connect(f"ws://{where.hostname}:{where.port}/pubsub") as socket:
            await socket.send(signed(asked, site.user))
            try:
                async with asyncio.timeout(seconds):
                    async for text in socket:
                        told = msgspec.json.decode(text, type=ReplyEnvelope)
                        if told.error:
                            raise Broken(f"the subscription was refused: {told}")
                        self.heard += 1
            except TimeoutError:
                return
