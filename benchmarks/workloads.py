"""What is measured at a server. Each workload checks what the server did, and fails loudly if it was wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec
from colonyledger.identity import Identity
from colonyledger.wire import GetProcess, GetProcesses, ProcessGraph, SubmitWorkflow, WorkflowSpec

from benchmarks.connection import Broken, Connection, Refused, request
from benchmarks.site import Site

__all__ = ["WORKLOADS", "Measured", "Workload"]


class Measured(NamedTuple):
    """What came of one run: operations, the seconds they took, and the seconds of each one."""

    operations: int
    seconds: float
    latencies: list[float]


class _Assigned(msgspec.Struct):
    processid: str


class Workload(NamedTuple):
    """A named thing to measure; `counts` is what one operation is. `by_latency`: compare p50, not the rate."""

    name: str
    counts: str
    run: Callable[[str, Identity], Awaitable[Measured]]
    by_latency: bool = False


async def _share(url: str, clients: int, requests: list[bytes]) -> tuple[Measured, list[bytes]]:
    """Send prepared requests over `clients` connections, each as fast as it is answered."""
    connections = [await Connection.open(url) for _ in range(clients)]
    latencies: list[float] = []
    replies: list[bytes] = []
    pending = iter(requests)

    async def client(connection: Connection) -> None:
        for raw in pending:
            began = time.perf_counter()
            replies.append(await connection.call(raw))
            latencies.append(time.perf_counter() - began)

    started = time.perf_counter()
    await asyncio.gather(*map(client, connections))
    seconds = time.perf_counter() - started
    for connection in connections:
        connection.close()
    return Measured(len(requests), seconds, latencies), replies


def _submit(clients: int, number: int) -> Callable[[str, Identity], Awaitable[Measured]]:
    async def run(url: str, owner: Identity) -> Measured:
        site = await Site(url, owner).open()
        measured, replies = await _share(url, clients, [site.submit() for _ in range(number)])
        ids = {msgspec.json.decode(reply, type=_Assigned).processid for reply in replies}
        if len(ids) != number or (await site.counts())[0] != number:
            raise Broken(f"{number} submitted, {len(ids)} ids, {await site.counts()} counted")
        await site.close()
        return measured

    return run


async def _work(
    site: Site, executor: Identity, url: str, left: list[int], seen: dict[str, None], latencies: list[float]
) -> None:
    """Assign and close until nothing is left."""
    connection = await Connection.open(url)
    raw = site.assign(executor)
    while left[0] > 0:
        left[0] -= 1
        began = time.perf_counter()
        try:
            processid = msgspec.json.decode(await connection.call(raw), type=_Assigned).processid
        except Refused as refusal:
            raise Broken(f"an executor got no work while there was some: {refusal}") from refusal
        if processid in seen:
            raise Broken(f"process {processid} was assigned twice")
        seen[processid] = None
        await connection.call(site.close_process(executor, processid, [1]))
        latencies.append(time.perf_counter() - began)
    connection.close()


def _cycle(executors: int, number: int) -> Callable[[str, Identity], Awaitable[Measured]]:
    async def run(url: str, owner: Identity) -> Measured:
        site = await Site(url, owner).open(executors)
        await _share(url, 8, [site.submit() for _ in range(number)])
        left, seen, latencies = [number], dict[str, None](), list[float]()
        started = time.perf_counter()
        await asyncio.gather(*(_work(site, each, url, left, seen, latencies) for each in site.executors))
        seconds = time.perf_counter() - started
        if await site.counts() != (0, 0, number):
            raise Broken(f"{number} processes were run, {await site.counts()} counted")
        await site.close()
        return Measured(number, seconds, latencies)

    return run


def _dispatch(executors: int, number: int) -> Callable[[str, Identity], Awaitable[Measured]]:
    """Submit to executors that wait: the time until one of them has the process."""

    async def run(url: str, owner: Identity) -> Measured:
        site = await Site(url, owner).open(executors)
        latencies: list[float] = []
        arrived: asyncio.Queue[float] = asyncio.Queue()

        async def executor(identity: Identity) -> None:
            connection = await Connection.open(url)
            while True:
                processid = msgspec.json.decode(
                    await connection.call(site.assign(identity)), type=_Assigned
                ).processid
                arrived.put_nowait(time.perf_counter())
                await connection.call(site.close_process(identity, processid, []))

        tasks = [asyncio.create_task(executor(each)) for each in site.executors]
        submitter = await Connection.open(url)
        started = time.perf_counter()
        for raw in [site.submit() for _ in range(number)]:
            await asyncio.sleep(0.03)
            began = time.perf_counter()
            submitted = asyncio.create_task(submitter.call(raw))
            latencies.append(await asyncio.wait_for(arrived.get(), 30) - began)
            await submitted
        seconds = time.perf_counter() - started
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        submitter.close()
        await site.close()
        return Measured(number, seconds, latencies)

    return run


def _read(clients: int, number: int, *, listing: bool) -> Callable[[str, Identity], Awaitable[Measured]]:
    async def run(url: str, owner: Identity) -> Measured:
        site = await Site(url, owner).open()
        _, replies = await _share(url, 8, [site.submit() for _ in range(200)])
        ids = [msgspec.json.decode(reply, type=_Assigned).processid for reply in replies]
        if listing:
            requests = [request(site.user, GetProcesses(colonyname=site.name, count=100))] * number
        else:
            requests = [
                request(site.user, GetProcess(processid=ids[turn % len(ids)])) for turn in range(number)
            ]
        measured, replies = await _share(url, clients, requests)
        if listing and any(len(msgspec.json.decode(reply)) != 100 for reply in replies):
            raise Broken("a list of 100 processes is shorter")
        await site.close()
        return measured

    return run


def _workflows(nodes: int, number: int, executors: int) -> Callable[[str, Identity], Awaitable[Measured]]:
    """Workflows of one root, `nodes` - 2 in the middle and one at the end, run to their ends."""

    async def run(url: str, owner: Identity) -> Measured:
        site = await Site(url, owner).open(executors)
        middle = [f"middle-{turn}" for turn in range(nodes - 2)]
        specs = [site.spec("root"), *(site.spec(name, ["root"]) for name in middle), site.spec("end", middle)]
        spec = WorkflowSpec(site.name, specs)
        requests = [request(site.user, SubmitWorkflow(spec=spec)) for _ in range(number)]
        _, replies = await _share(url, 8, requests)
        if any(len(msgspec.json.decode(reply, type=ProcessGraph).processids) != nodes for reply in replies):
            raise Broken("a workflow has not as many processes as were asked for")
        left, seen, latencies = [nodes * number], dict[str, None](), list[float]()
        started = time.perf_counter()
        await asyncio.gather(*(_work(site, each, url, left, seen, latencies) for each in site.executors))
        seconds = time.perf_counter() - started
        if await site.counts() != (0, 0, nodes * number):
            raise Broken(f"not all of {nodes * number} nodes succeeded: {await site.counts()}")
        await site.close()
        return Measured(nodes * number, seconds, latencies)

    return run


WORKLOADS = (
    Workload("submit, 1 client", "submits", _submit(1, 600)),
    Workload("submit, 8 clients", "submits", _submit(8, 2000)),
    Workload("submit, 32 clients", "submits", _submit(32, 3000)),
    Workload("assign+close, 1 executor", "cycles", _cycle(1, 300)),
    Workload("assign+close, 8 executors", "cycles", _cycle(8, 1000)),
    Workload("assign+close, 32 executors", "cycles", _cycle(32, 1000)),
    Workload("submit to assigned, 8 parked", "dispatches", _dispatch(8, 60), by_latency=True),
    Workload("getprocess, 8 clients", "reads", _read(8, 3000, listing=False)),
    Workload("getprocesses(100), 8 clients", "reads", _read(8, 300, listing=True)),
    Workload("workflows of 5 nodes, 8 executors", "nodes", _workflows(5, 20, 8)),
    Workload("workflows of 50 nodes, 8 executors", "nodes", _workflows(50, 2, 8)),
)
"""Everything that is measured at a server, in the order of the table."""
