"""Executors of the SDK at work through Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from colonyledger.client import Client
from colonyledger.context import Call
from colonyledger.errors import AccessDenied, ConnectionFailed, ServerRefused, TooLarge
from colonyledger.graph import Task
from colonyledger.identity import Identity
from colonyledger.kafka import KafkaBrokers, KafkaExecutor, KafkaLink, kafka_client
from colonyledger.output import Output
from colonyledger.spec import SpecOptions, function_spec
from colonyledger.sync.context import SyncCall
from colonyledger.wire import ExecutorState, Process, ProcessState
from colonyledger.workflow import Workflow

from tests.kafka_broker import KafkaBroker
from tests.servers import Server
from tests.services.site import Site, counted, eventually


@pytest.fixture
def brokers(kafka_broker: KafkaBroker, dispatching_server: Server) -> KafkaBrokers:
    ledger = dispatching_server.flags[-1].rpartition("/")[2]
    return KafkaBrokers(servers=kafka_broker.bootstrap, ledger=ledger)


@pytest.fixture
async def user(brokers: KafkaBrokers, site: Site) -> AsyncIterator[Client]:
    """A user who reaches the server through Kafka."""
    async with kafka_client(KafkaLink(brokers), site.user, colony=site.name) as client:
        yield client


@pytest.fixture
def executor(brokers: KafkaBrokers, site: Site) -> KafkaExecutor:
    return KafkaExecutor("edge-1", "edge", site.name, brokers=brokers, owner=site.owner, slots=4)


@asynccontextmanager
async def working(executor: KafkaExecutor) -> AsyncIterator[None]:
    serving = asyncio.create_task(executor.serve())
    try:
        yield
    finally:
        executor.stop()
        await serving


async def until_parked(site: Site, number: int) -> None:
    """Wait until so many requests of Kafka are parked."""

    async def are_parked() -> bool:
        return await counted(site.http, "colonyledger_requests_parked") == number

    await eventually(are_parked)


async def ran(user: Client, function: str, *args: Any, **options: Any) -> Process:
    """A process as it is when it has ended."""
    spec = function_spec(function, args=args, executortype="edge", **options)
    return await user.wait((await user.submit(spec)).processid, timeout=60)


async def test_fifty_processes_in_four_slots(site: Site, user: Client, executor: KafkaExecutor) -> None:
    running: set[str] = set()
    seen: list[str] = []
    most = 0

    @executor.function
    async def work(call: Call, number: int) -> int:
        nonlocal most
        processid = call.process.processid
        assert processid not in seen
        seen.append(processid)
        running.add(processid)
        most = max(most, len(running))
        await asyncio.sleep(0.02)
        running.remove(processid)
        return number * number

    submitted = [
        await user.submit(function_spec("work", args=[number], executortype="edge")) for number in range(50)
    ]
    async with working(executor):
        ended = [await user.wait(process.processid, timeout=60) for process in submitted]
    assert [list(process.output) for process in ended] == [[number * number] for number in range(50)]
    assert {process.state for process in ended} == {ProcessState.SUCCESS}
    assert len(seen) == 50
    assert most == 4


async def test_it_registers_works_and_leaves(site: Site, user: Client, executor: KafkaExecutor) -> None:
    @executor.function
    def synchronous(call: SyncCall, x: int) -> None:
        """In a thread."""
        call.log(f"got {x}")
        call.set_attribute("where", "thread")
        call.set_output(x, "s")

    @executor.function
    async def failing() -> None:
        raise ValueError("no such luck")

    @executor.function
    async def large() -> str:
        return "x" * 1_000_000

    async with working(executor):
        process = await ran(user, "synchronous", 5)
        assert (process.state, list(process.output)) == (ProcessState.SUCCESS, [5, "s"])
        assert [attribute.value for attribute in process.attributes] == ["thread"]
        assert [line.message for line in await user.get_logs(process.processid)] == ["got 5"]
        assert list((await ran(user, "failing")).errors) == ["ValueError: no such luck"]
        (sentence,) = (await ran(user, "large")).errors
        assert sentence.startswith("The result cannot be sent: ")
        assert "HTTP takes more" in sentence
        (member,) = [each for each in await user.get_executors() if each.executorname == "edge-1"]
        assert member.state == ExecutorState.APPROVED
        functions = {function.funcname for function in await user.get_functions("edge-1")}
        assert functions == {"synchronous", "failing", "large"}
    (member,) = [each for each in await user.get_executors() if each.executorname == "edge-1"]
    assert member.state == ExecutorState.UNREGISTERED


async def test_a_workflow(site: Site, user: Client, executor: KafkaExecutor) -> None:
    @executor.function
    async def gen_nums() -> Output:
        return Output([2, 3])

    @executor.function
    async def square(call: Call, *numbers: int) -> int:
        return int(numbers[call.args[0]] ** 2)

    @executor.function
    def total(*numbers: int) -> int:
        return sum(numbers)

    async with working(executor):
        workflow = Workflow(user)
        options: SpecOptions = {"executortype": "edge", "maxexectime": 200, "maxretries": 5}
        generate = workflow.call("gen_nums", **options)
        squares = [Task("square", **(options | SpecOptions(args=[place]))) for place in range(2)]
        add = generate >> squares >> Task("total", **options)
        run = await (await workflow.execute()).wait(timeout=60)
        assert list(run[add].output) == [13]


async def test_a_stop_withdraws_grants_and_finishes_what_runs(
    site: Site, user: Client, executor: KafkaExecutor
) -> None:
    started, may_end = asyncio.Event(), asyncio.Event()

    @executor.function
    async def slow() -> str:
        started.set()
        await may_end.wait()
        return "done"

    serving = asyncio.create_task(executor.serve())
    process = await user.submit(function_spec("slow", executortype="edge"))
    await started.wait()
    executor.stop()

    await until_parked(site, 0)
    late = await user.submit(function_spec("slow", executortype="edge"))
    may_end.set()
    await serving
    assert list((await user.wait(process.processid, timeout=60)).output) == ["done"]
    assert (await user.get_process(late.processid)).state == ProcessState.WAITING


async def test_a_cancelled_assign_is_withdrawn(site: Site, brokers: KafkaBrokers) -> None:
    worker = await site.executor()
    async with kafka_client(KafkaLink(brokers), worker.identity, colony=site.name) as client:
        waiting = asyncio.create_task(client.assign(timeout=600))

        await until_parked(site, 1)
        waiting.cancel()
        await until_parked(site, 0)
        process = await site.submit()
        assert (await site.get(process)).state == ProcessState.WAITING
        taken = await client.assign(timeout=10)
        assert taken is not None
        assert taken.processid == process.processid


async def test_refusals_are_those_of_http(site: Site, user: Client, brokers: KafkaBrokers) -> None:
    with pytest.raises(ServerRefused) as refused:
        await user.get_process("0" * 64)
    over_http = Client(site.server.url, site.user, colony=site.name)
    async with over_http:
        with pytest.raises(type(refused.value)) as refused_there:
            await over_http.get_process("0" * 64)
    assert (refused.value.status, refused.value.message) == (
        refused_there.value.status,
        refused_there.value.message,
    )
    stranger = user.using(Identity.generate())
    with pytest.raises(AccessDenied):
        await stranger.submit(function_spec("f", executortype="edge"))
    with pytest.raises(TooLarge):
        await user.submit(function_spec("f", args=["x" * 1_000_000], executortype="edge"))
    with pytest.raises(ConnectionFailed, match="takes no subscriptions"):
        await anext(user.subscribe_process("0" * 64, ProcessState.SUCCESS))


async def test_an_executor_that_does_not_read_for_a_while(
    site: Site, user: Client, executor: KafkaExecutor
) -> None:
    @executor.function
    async def hog(call: Call) -> str:
        time.sleep(1)  # noqa: ASYNC251 (nothing else happens in this program meanwhile)
        return call.process.processid

    submitted = [await user.submit(function_spec("hog", executortype="edge")) for _ in range(6)]
    async with working(executor):
        ended = [await user.wait(process.processid, timeout=60) for process in submitted]
    assert [list(process.output) for process in ended] == [[process.processid] for process in submitted]


async def test_two_identities_on_one_link(site: Site, user: Client) -> None:
    worker = await site.executor()
    process = await site.submit()
    as_worker = user.using(worker.identity)
    calls = [as_worker.assign(timeout=10), *(user.get_process(process.processid) for _ in range(20))]
    taken, *looked = await asyncio.gather(*calls)
    assert taken is not None
    assert {each.processid for each in looked if each is not None} == {taken.processid}
