"""kill -9 of the server under load, again and again: what was acknowledged is there, once, and what was not can
be sent again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Iterator
from itertools import count
from typing import Any
from uuid import uuid4

import httpx
import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AssignProcess,
    CloseSuccessful,
    Conditions,
    FunctionSpec,
    GetColonyStatistics,
    GetProcess,
    Message,
    Process,
    ProcessState,
    SubmitFunctionSpec,
    reply_type_of,
    signed,
)

from tests.conftest import StartServer
from tests.services.site import Site, Worker, reply_in

ROUNDS = {"embedded": 3, "kafka": 2}
SUBMITTERS = 6
WORKERS = 4


class Sent:
    """A command that was sent, which can be sent again as it was signed."""

    def __init__(self, who: Identity, message: Message[Any]) -> None:
        self.message = message
        self.body = signed(message, who)
        self.kind = reply_type_of(type(message))

    async def send(self, site: Site) -> Any:
        """The reply.

        Raises:
            Refused: it was refused.
            httpx.TransportError: the server was killed meanwhile.
        """
        return reply_in(await site.post(self.body), self.kind)


class Load:
    """Everybody's work in one round, and a record of what was promised to them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.submitted: dict[str, str] = {}
        """The process that stands for each submit that was acknowledged, by label."""
        self.closed: dict[str, str] = {}
        """The output of each process whose close was acknowledged, by process id."""
        self.open: list[Sent] = []
        """What was sent and never answered."""
        self._acknowledged = asyncio.Semaphore(0)

    async def acknowledgements(self, number: int) -> None:
        """Wait for so many."""
        for _ in range(number):
            await self._acknowledged.acquire()

    async def submit(self, labels: Iterator[str]) -> None:
        """Submit one process after the other."""
        for label in labels:
            await self.submit_one(label)

    async def submit_one(self, label: str) -> None:
        """Submit a process."""
        conditions = Conditions(self._site.name, executortype="edge")
        spec = FunctionSpec(funcname="echo", label=label, conditions=conditions)
        process = await self._do(self._site.user, SubmitFunctionSpec(spec=spec, nonce=uuid4().hex))
        self.submitted[label] = process.processid
        self._acknowledged.release()

    async def work(self, worker: Worker) -> None:
        """Take one process after the other and finish it."""
        while True:
            asked = AssignProcess(colonyname=self._site.name, timeout=60, nonce=uuid4().hex)
            process = await self._do(worker.identity, asked)
            output = f"{worker.name} did {process.spec.label}"
            close = CloseSuccessful(processid=process.processid, output=[output], nonce=uuid4().hex)
            await self._do(worker.identity, close)
            self.closed[process.processid] = output
            self._acknowledged.release()

    async def _do(self, who: Identity, message: Message[Any]) -> Any:
        sent = Sent(who, message)
        self.open.append(sent)
        reply = await sent.send(self._site)
        self.open.remove(sent)
        return reply


async def until_killed(work: Awaitable[None]) -> None:
    """Work until the server is gone."""
    try:
        await work
    except httpx.TransportError:
        return


@pytest.mark.parametrize("kind", ROUNDS)
async def test_nothing_acknowledged_is_lost(
    start_server: StartServer, request: pytest.FixtureRequest, seed: int, kind: str
) -> None:
    chance = random.Random(seed)
    ledger: tuple[str, ...] = ()
    if kind == "kafka":
        ledger = ("--ledger", f"kafka://{request.getfixturevalue('kafka_broker').bootstrap}/{uuid4().hex}")
    server = start_server("--dev", *ledger)
    async with Site(server) as site:
        workers = [await site.executor() for _ in range(WORKERS)]
        numbers = (f"process-{number}" for number in count())
        submitted: dict[str, str] = {}
        closed: dict[str, str] = {}
        for _ in range(ROUNDS[kind]):
            load = Load(site)
            tasks = [asyncio.create_task(until_killed(load.work(worker))) for worker in workers]
            tasks += [asyncio.create_task(until_killed(load.submit(numbers))) for _ in range(SUBMITTERS)]
            await load.acknowledgements(chance.randint(50, 300))
            server.kill()
            await asyncio.gather(*tasks)
            assert len(load.open) == len(tasks)
            await asyncio.to_thread(server.start)
            site.http.base_url = httpx.URL(server.url)
            await check_promises(site, submitted | load.submitted, closed | load.closed)
            await finish(load, site, numbers)
            submitted |= load.submitted
            closed |= load.closed
        await check_promises(site, submitted, closed)
        statistics = await site.call(site.user, GetColonyStatistics(colonyname=site.name))
        assert statistics.successfulprocesses == len(closed)
        assert statistics.waitingprocesses + statistics.runningprocesses == len(submitted) - len(closed)
        assert f"process-{len(submitted)}" == next(numbers), "every submit has had one effect"
        assert len(set(submitted.values())) == len(submitted)


async def check_promises(site: Site, submitted: dict[str, str], closed: dict[str, str]) -> None:
    """Whether everything that was acknowledged is there."""
    processes: list[Process] = await asyncio.gather(
        *(site.call(site.user, GetProcess(processid=processid)) for processid in submitted.values())
    )
    for process, (label, processid) in zip(processes, submitted.items(), strict=True):
        assert process.spec.label == label
        if processid in closed:
            assert (process.state, process.output) == (ProcessState.SUCCESS, [closed[processid]])


async def finish(load: Load, site: Site, labels: Iterator[str]) -> None:
    """Send again what had no answer: whether it was done before the crash or is done now, it is done once."""
    unanswered, load.open = load.open, []
    for sent in unanswered:
        if isinstance(sent.message, SubmitFunctionSpec | CloseSuccessful):
            first, again = await sent.send(site), await sent.send(site)
            assert first == again
            if isinstance(sent.message, CloseSuccessful):
                load.closed[sent.message.processid] = sent.message.output[0]
            else:
                load.submitted[first.spec.label] = first.processid
    assigned = set[str]()
    for sent in unanswered:
        if isinstance(sent.message, AssignProcess):
            await load.submit_one(next(labels))
            first, again = await sent.send(site), await sent.send(site)
            assert first.processid == again.processid
            assert first.processid not in {*load.closed, *assigned}
            assigned.add(first.processid)
