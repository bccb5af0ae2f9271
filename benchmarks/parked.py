"""How soon executors that wait get what is submitted, alone and beside others that are idle or gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from benchmarks.connection import Broken, Connection, payload_of
from benchmarks.exchanges import Tickets, Worker, connected
from benchmarks.sides import Measured, Side
from benchmarks.site import Site
from benchmarks.workload import Effort, Goal, Shown, Workload

__all__ = ["parked_workloads"]

_Run = Callable[[Side], Awaitable[Measured]]

_PAUSE = 0.015
"""Time in which the executor that had work waits again, in seconds."""
_SETTLES = 0.5
_STALLS = 1.0
"""A dispatch that takes so many seconds was forgotten until somebody asked again."""
_POLL = 2
"""How long the executors ask the server to wait where dispatches may stall, in seconds."""
_OTHERS = 20
_LATEST = 30.0
_FOR_EVER = 10**9


class _Submitted(msgspec.Struct, gc=False):
    processid: str


async def _dispatch(
    side: Side, site: Site, connections: list[Connection], number: int, poll: int
) -> Measured:
    """Submit one process after the other while executors wait: the time until one of them has it."""
    loop = asyncio.get_running_loop()
    measured, arrived = Measured(), dict[str, float]()
    arrival: asyncio.Future[None] = loop.create_future()

    def told(processid: str) -> None:
        arrived[processid] = time.perf_counter()
        if not arrival.done():
            arrival.set_result(None)

    seen, tickets = dict[str, None](), Tickets(_FOR_EVER, _FOR_EVER)
    working = [
        Worker(site, executor, connection, tickets, seen, poll=poll, told=told).start()
        for executor, connection in zip(site.executors, connections, strict=False)
    ]
    await asyncio.sleep(_SETTLES)
    requests = [site.submit() for _ in range(number)]
    async with connected(side.url, 1) as (submitter,):
        with side.measuring(measured):
            for raw in requests:
                arrival = loop.create_future()
                began = time.perf_counter()
                reply = await submitter.send(raw)
                processid = msgspec.json.decode(payload_of(reply), type=_Submitted).processid
                if processid not in arrived:
                    await asyncio.wait_for(arrival, _LATEST)
                if set(arrived) != {processid}:
                    raise Broken(f"{processid} was submitted, {list(arrived)} assigned")
                measured.latencies.append(arrived.pop(processid) - began)
                if any(talk is not None and talk.done() and talk.exception() for talk in working):
                    raise Broken("an executor failed")
                await asyncio.sleep(_PAUSE)
    measured.operations, measured.rpcs = number, 3 * number
    measured.stalled = sum(seconds >= _STALLS for seconds in measured.latencies)
    if await site.counts() != (0, 0, number):
        raise Broken(f"{number} processes were run, {await site.counts()} counted")
    return measured


def _parked(effort: Effort, executors: int, number: int) -> _Run:
    async def run(side: Side) -> Measured:
        site = await Site(side.url, side.owner).open(executors)
        async with connected(side.url, executors) as connections:
            measured = await _dispatch(side, site, connections, effort.number(number), poll=20)
        await site.close()
        return measured

    return run


def _idle_elsewhere(effort: Effort, number: int) -> _Run:
    """Executors of the same type wait in another colony."""

    async def run(side: Side) -> Measured:
        other = await Site(side.url, side.owner).open(_OTHERS)
        site = await Site(side.url, side.owner, other.executortype).open(1)
        async with connected(side.url, _OTHERS) as idle, connected(side.url, 1) as connections:
            seen, tickets = dict[str, None](), Tickets(_FOR_EVER, _FOR_EVER)
            for executor, connection in zip(other.executors, idle, strict=True):
                Worker(other, executor, connection, tickets, seen, poll=_POLL).start()
            measured = await _dispatch(side, site, connections, effort.number(number), _POLL)
        if seen or await other.counts() != (0, 0, 0):
            raise Broken("an executor of another colony got work")
        await other.close()
        await site.close()
        return measured

    return run


def _hung_up(effort: Effort, number: int) -> _Run:
    """Executors have asked for work and hung up before one comes that stays."""

    async def run(side: Side) -> Measured:
        site = await Site(side.url, side.owner).open(_OTHERS + 1)
        for _ in range(2):
            async with connected(side.url, _OTHERS) as gone:
                for executor, connection in zip(site.executors[1:], gone, strict=True):
                    connection.converse(site.assign(executor, _POLL), lambda *_: None)
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.1)
        async with connected(side.url, 1) as connections:
            measured = await _dispatch(side, site, connections, effort.number(number), _POLL)
        await site.close()
        return measured

    return run


def parked_workloads(effort: Effort) -> list[Workload]:
    """The first one is about latency, the others about dispatches that are forgotten."""
    return [
        Workload(
            "submit to assigned, 8 parked executors",
            "dispatches",
            _parked(effort, 8, 150),
            Goal(4),
            Shown.LATENCY,
        ),
        Workload(
            f"{_OTHERS} executors idle in another colony",
            "dispatches",
            _idle_elsewhere(effort, 15),
            Goal(),
            Shown.STALLS,
            most_repeats=1,
        ),
        Workload(
            f"{_OTHERS} executors hung up while waiting",
            "dispatches",
            _hung_up(effort, 15),
            Goal(),
            Shown.STALLS,
            most_repeats=1,
        ),
    ]
