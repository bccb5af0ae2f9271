"""`colony ledger extend`: a ledger goes on in one with more partitions, and everybody finds what was there."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from colonyledger.wire import (
    AddColony,
    AddCron,
    AddFile,
    AddFunction,
    AddLog,
    AssignProcess,
    ChangeServerId,
    Colony,
    File,
    Function,
    FunctionSpec,
    GetColonies,
    GetColonyStatistics,
    GetCrons,
    GetFile,
    GetFunctions,
    GetLogs,
    GetProcess,
    GetProcesses,
    GetProcessGraph,
    GetStatistics,
    GetUsers,
    Message,
    NewCron,
    Process,
    ProcessState,
    QueryServerHistory,
    SubmitFunctionSpec,
    SubmitWorkflow,
    WorkflowSpec,
    encode,
    json_text,
)

from projections.event import Event
from projections.fold import apply
from projections.ids import home_of, tag_of
from projections.state import State
from services.facts.deriving import facts_of
from services.facts.fact import Fact
from services.facts.topic import facts_settings
from services.ledger import kafka_settings, open_ledger
from services.node.dev import SERVER_OWNER
from tests.kafka_broker import KafkaBroker
from tests.ledgers import Ledgers, stored
from tests.servers import COLONY, Server, clean_environment
from tests.services.facts.reading import deduplicated, facts_in
from tests.services.site import Refused, Site, Worker, eventually

SITES = 6
OLD, NEW = 2, 4


class Place(NamedTuple):
    """Where the ledgers of a test are."""

    ledgers: Ledgers
    old: str
    new: str


@pytest.fixture(params=["embedded", "kafka"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A ledger of two partitions that a server may make, and where it may go on."""
    if request.param == "embedded":
        return Place(Ledgers(partitions=OLD), str(tmp_path / "old" / "ledger"), str(tmp_path / "ledger-2"))
    broker: KafkaBroker = request.getfixturevalue("kafka_broker")
    ledgers = Ledgers(broker.bootstrap, OLD, nodes=2)
    return Place(ledgers, ledgers.place(tmp_path / "old"), f"kafka://{broker.bootstrap}/{uuid4().hex}")


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path, place: Place) -> Iterator[Start]:
    """Starts servers with a data directory of this name."""
    started: list[Server] = []

    def go(name: str, *flags: str) -> Server:
        server = place.ledgers.server(tmp_path / name, "--dev", *flags, variables={})
        started.append(server)
        server.start()
        return server

    yield go
    for server in started:
        server.end()


def colony(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COLONY), "ledger", *arguments],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


async def extended(place: Place, partitions: int = NEW) -> subprocess.CompletedProcess[str]:
    flags = ("--from", place.old, "--to", place.new, "--partitions", str(partitions))
    return await asyncio.to_thread(colony, "extend", *flags)


class Life(NamedTuple):
    """A colony in the middle of its work."""

    site: Site
    worker: Worker
    running: Process
    waiting: Process
    graphid: str
    submitted: SubmitFunctionSpec

    @property
    def questions(self) -> list[Message[Any]]:
        name = self.site.name
        return [
            *(GetProcesses(colonyname=name, count=100, state=state) for state in range(4)),
            *(GetProcess(processid=each.processid) for each in (self.running, self.waiting)),
            GetProcessGraph(processgraphid=self.graphid),
            GetUsers(colonyname=name),
            GetCrons(colonyname=name, count=10),
            GetFile(colonyname=name, label="/data", name="a"),
            GetFunctions(executorname=self.worker.name, colonyname=name),
            GetLogs(colonyname=name, processid=self.running.processid, count=10),
            GetColonyStatistics(colonyname=name),
        ]


async def live(site: Site) -> Life:
    """Do some of everything."""
    worker = await site.executor()
    member = worker.identity
    done = await site.submit()
    await site.close(worker, await site.assign(worker), "out")
    submitted = SubmitFunctionSpec(spec=done.spec, nonce=uuid4().hex)
    running = await site.call(site.user, submitted)
    assert (await site.assign(worker)).processid == running.processid
    await site.call(member, AddLog(processid=running.processid, message="a line"))
    await site.call(member, AddFunction(fun=Function("", worker.name, "edge", site.name, "echo", "")))
    nodes = [FunctionSpec("a", "echo", conditions=done.spec.conditions)]
    graph = await site.call(site.user, SubmitWorkflow(spec=WorkflowSpec(site.name, nodes)))
    every = NewCron(
        colonyname=site.name,
        name="daily",
        interval=86_400,
        workflowspec=json_text(WorkflowSpec(site.name, nodes)),
    )
    await site.call(site.user, AddCron(cron=every))
    await site.call(site.user, AddFile(file=File(colonyname=site.name, label="/data", name="a", size=3)))
    waiting = await site.submit(maxwaittime=3600)
    return Life(site, worker, running, waiting, graph.processgraphid, submitted)


async def answers(life: Life, site: Site) -> list[bytes]:
    """What a member is told of his colony."""
    return [encode(await site.call(site.user, each)) for each in life.questions]


async def of_the_server(site: Site) -> list[Any]:
    names = [each.name for each in await site.call(SERVER_OWNER, GetColonies())]
    return [sorted(names), await site.call(SERVER_OWNER, GetStatistics())]


async def counted(site: Site, sql: str) -> int:
    found = await site.call(SERVER_OWNER, QueryServerHistory(sql=sql))
    return int(str(found.rows[0][0]))


async def test_a_ledger_goes_on_in_one_with_more_partitions(place: Place, start: Start) -> None:
    async with AsyncExitStack() as stack:
        server = await asyncio.to_thread(start, "old")
        assert server.ledger == place.old
        sites = [await stack.enter_async_context(Site(server)) for _ in range(SITES)]
        lives = [await live(site) for site in sites]
        poll = await sites[0].park(await sites[0].executor("nothing"))
        before = [await answers(life, life.site) for life in lives]
        whole = await of_the_server(sites[0])

        done = await extended(place)
        if place.ledgers.is_on_kafka:
            with pytest.raises(Refused) as refused:
                await poll
            assert (refused.value.status, place.new in refused.value.message) == (503, True)
            old = sites
        else:
            assert (done.returncode, "stop that server and do this again" in done.stderr) == (1, True)
            assert await asyncio.to_thread(server.stop) == 0
            done = await extended(place)
            server = await asyncio.to_thread(start, "old")
            old = [beside(stack, site, server) for site in sites]
        assert done.returncode == 0, done.stderr

        assert [await answers(*each) for each in zip(lives, old, strict=True)] == before
        assert await of_the_server(old[0]) == whole
        await nothing_is_done_any_more(place, lives, old)
        _, health = await asyncio.to_thread(server.health)
        assert (health["status"], health["degraded"]) == ("ready", True)
        assert health["reason"] == f"this ledger is closed and goes on as {place.new}"

        heir = await asyncio.to_thread(start, "new", "--ledger", place.new, "--history", "chdb")
        new = [beside(stack, site, heir) for site in sites]
        assert await of_the_server(new[0]) == whole
        assert [await answers(*each) for each in zip(lives, new, strict=True)] == before
        await it_is_told_once(place, new[0])
        for life, site in zip(lives, new, strict=True):
            await work_goes_on(life, site)
        assert (await extended(place)).returncode == 0
        assert await asyncio.to_thread(heir.stop) == 0
    verified = await asyncio.to_thread(colony, "verify", "--ledger", place.new)
    assert verified.returncode == 0, verified.stderr


async def nothing_is_done_any_more(place: Place, lives: Sequence[Life], sites: Sequence[Site]) -> None:
    """The old ledger refuses every command, with a sentence, and does not grow."""
    ends = [len(events) for events in await events_of(place.old)]
    sentence = f"This ledger is closed and goes on as {place.new}: ask a server of that one"
    for life, site in zip(lives, sites, strict=True):
        for who, message in (
            (site.user, SubmitFunctionSpec(spec=life.waiting.spec)),
            (life.worker.identity, site.poll()),
            (life.worker.identity, AssignProcess(colonyname=site.name, timeout=60)),
            (life.worker.identity, AddLog(processid=life.running.processid, message="too late")),
            (SERVER_OWNER, AddColony(colony=Colony(site.owner.id, uuid4().hex))),
            (SERVER_OWNER, ChangeServerId(serverid=site.owner.id)),
        ):
            assert await site.refused(who, message) == (503, sentence)
    assert [len(events) for events in await events_of(place.old)] == ends


async def it_is_told_once(place: Place, site: Site) -> None:
    """Records, processes and facts of before the epoch, each in one partition."""
    old, new = [until_closed(each) for each in await events_of(place.old)], await events_of(place.new)
    assert [events[-1].record.origin for events in new] == [-1] * NEW
    kinds = Counter(event.record.payloadtype for events in old for event in events)
    assert kinds["submitfuncspecmsg"] > SITES
    kinds["ledgerepoch"] = NEW
    for payloadtype, number in kinds.items():
        sql = f"SELECT count() FROM records WHERE payloadtype = '{payloadtype}'"
        await eventually(lambda sql=sql, number=number: has_come(site, sql, number))  # type: ignore[misc]
    await eventually(
        lambda: has_come(site, "SELECT count() FROM processes WHERE state = 'successful'", SITES)
    )
    if place.ledgers.is_on_kafka:
        expected = sorted(told(fact) for events in old for fact in facts_in_fold(events))
        assert len(expected) > SITES
        topic, ends = facts_settings(kafka_settings(place.new), NEW), [len(events) for events in old]

        async def all_are_there() -> bool:
            found = [
                told(fact)
                for partition in range(NEW)
                for fact in deduplicated(await facts_in(topic, partition))
                if fact.offset < ends[partition % OLD]
            ]
            assert len(found) <= len(expected)
            return sorted(found) == expected

        await eventually(all_are_there)


def facts_in_fold(events: Sequence[Event]) -> list[Fact]:
    state = State()
    return [fact for event in events for fact in facts_of(state, event, apply(state, event), OLD)]


def told(fact: Fact) -> tuple[int, int, str, str, str]:
    return fact.offset, fact.index, fact.colony, fact.kind, str(fact.body)


async def work_goes_on(life: Life, site: Site) -> None:
    """What runs is closed by who has it, what waits is taken, what is new is found at its home."""
    await site.close(life.worker, life.running, "there")
    assert (await site.get(life.running)).output == ["there"]
    first = await site.call(site.user, life.submitted)
    assert first.processid == life.running.processid
    graph = await site.call(site.user, GetProcessGraph(processgraphid=life.graphid))
    taken = [(await site.assign(life.worker)).processid for _ in range(2)]
    assert sorted(taken) == sorted([life.waiting.processid, *graph.processids])
    fresh = await site.submit()
    assert (await site.get(fresh)).state == ProcessState.WAITING
    assert home_of(fresh.processid[:8], NEW) == home_of(tag_of(site.name), NEW)


async def has_come(site: Site, sql: str, number: int) -> bool:
    """Whether the history counts so many; more than that it must never."""
    found = await counted(site, sql)
    assert found <= number
    return found == number


def beside(stack: AsyncExitStack, site: Site, server: Server) -> Site:
    other = site.beside(server)
    stack.push_async_callback(other.leave)
    return other


def until_closed(events: Sequence[Event]) -> Sequence[Event]:
    """Without what a node may have appended before it heard of the closing."""
    ends = [event.offset for event in events if event.record.payloadtype == "ledgerclosed"]
    return events[: ends[0] + 1]


async def events_of(place: str) -> list[list[Event]]:
    ledger = await open_ledger(place, read_only=True)
    try:
        return await stored(ledger)
    finally:
        await ledger.close()
