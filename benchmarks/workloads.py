"""Submitting, working and reading. Each workload checks what the server did, and fails loudly if it was wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import cycle

import msgspec
from colonyledger.wire import GetProcess, GetProcesses

from benchmarks.connection import Broken, payload_of, request
from benchmarks.deep import deep_workloads
from benchmarks.exchanges import connected, share, work
from benchmarks.flows import flow_workloads
from benchmarks.parked import parked_workloads
from benchmarks.sides import Measured, Side
from benchmarks.site import Site
from benchmarks.workload import Effort, Goal, Workload

__all__ = ["workloads"]

_Run = Callable[[Side], Awaitable[Measured]]

_ROUND = 1000
"""Processes that wait at the begin of a round of work."""
_LISTED = 100
_READ = 200
"""Processes that are read."""


class _Submitted(msgspec.Struct, gc=False):
    processid: str


def _submit(effort: Effort, clients: int, number: int) -> _Run:
    async def run(side: Side) -> Measured:
        site = await Site(side.url, side.owner).open()
        requests = [site.submit() for _ in range(effort.number(number))]
        measured = Measured()
        async with connected(side.url, clients) as connections:
            await share(connections, [site.submit() for _ in range(clients)])
            with side.measuring(measured):
                sent = await share(connections, requests, effort.seconds)
        ids = {msgspec.json.decode(payload_of(body), type=_Submitted).processid for _, body in sent.replies}
        waiting = (await site.counts())[0]
        if len(ids) != len(sent.replies) or waiting != len(ids) + clients:
            raise Broken(f"{len(sent.replies)} and {clients} submitted, {len(ids)} ids, {waiting} wait")
        measured.operations, measured.latencies = len(ids), sent.latencies
        await site.close()
        return measured

    return run


def _cycle(effort: Effort, executors: int) -> _Run:
    """Rounds: processes are submitted, then, measured, worked off."""

    async def run(side: Side) -> Measured:
        site = await Site(side.url, side.owner).open(executors)
        measured, seen, submitted = Measured(rpcs=0), dict[str, None](), 0
        async with connected(side.url, 8) as submitters:
            while measured.seconds < effort.seconds:
                number = effort.number(_ROUND) - (submitted - len(seen))
                await share(submitters, [site.submit() for _ in range(number)])
                submitted += number
                await work(side, site, seen, measured, (effort.number(_ROUND), 4 * effort.seconds))
        measured.operations, measured.rpcs = len(seen), 2 * len(seen)
        if await site.counts() != (submitted - len(seen), 0, len(seen)):
            raise Broken(f"{submitted} submitted, {len(seen)} run, {await site.counts()} counted")
        await site.close()
        return measured

    return run


def _get(effort: Effort, clients: int) -> _Run:
    async def run(side: Side) -> Measured:
        site = await Site(side.url, side.owner).open()
        measured = Measured()
        async with connected(side.url, clients) as connections:
            made = await share(connections, [site.submit() for _ in range(_READ)])
            ids = [
                msgspec.json.decode(payload_of(body), type=_Submitted).processid for _, body in made.replies
            ]
            requests = [request(site.user, GetProcess(processid=processid)) for processid in ids]
            with side.measuring(measured):
                read = await share(connections, cycle(requests), effort.seconds)
        for number, body in read.replies:
            processid = msgspec.json.decode(payload_of(body), type=_Submitted).processid
            if processid != ids[number % _READ]:
                raise Broken(f"asked for process {ids[number % _READ]}, got {processid}")
        measured.operations, measured.latencies = len(read.replies), read.latencies
        await site.close()
        return measured

    return run


def _list(effort: Effort, clients: int) -> _Run:
    async def run(side: Side) -> Measured:
        site = await Site(side.url, side.owner).open()
        measured = Measured()
        asked = request(site.user, GetProcesses(colonyname=site.name, count=_LISTED))
        async with connected(side.url, clients) as connections:
            await share(connections, [site.submit() for _ in range(_READ)])
            with side.measuring(measured):
                read = await share(connections, cycle([asked]), effort.seconds, keeps_equal=False)
        for _, body in read.replies:
            listed = msgspec.json.decode(payload_of(body), type=list[_Submitted])
            if len({each.processid for each in listed}) != _LISTED:
                raise Broken(f"a list of {_LISTED} processes has {len(listed)}")
        measured.operations, measured.latencies = len(read.latencies), read.latencies
        await site.close()
        return measured

    return run


def workloads(effort: Effort) -> list[Workload]:
    """Everything that is measured at a server, in the order of the table."""
    return [
        Workload("submit, 1 client", "submits", _submit(effort, 1, 6000), Goal(4)),
        Workload("submit, 8 clients", "submits", _submit(effort, 8, 15_000), Goal(6)),
        Workload("submit, 32 clients", "submits", _submit(effort, 32, 15_000), Goal(8)),
        Workload("assign+close, 1 executor", "cycles", _cycle(effort, 1), Goal(5)),
        Workload("assign+close, 8 executors", "cycles", _cycle(effort, 8), Goal(10)),
        Workload("assign+close, 32 executors", "cycles", _cycle(effort, 32), Goal(10)),
        *parked_workloads(effort)[:1],
        *deep_workloads(effort),
        *flow_workloads(effort),
        Workload("getprocess, 1 client", "reads", _get(effort, 1), Goal(3)),
        Workload("getprocess, 8 clients", "reads", _get(effort, 8), Goal(4)),
        Workload("getprocesses(100), 8 clients", "reads", _list(effort, 8), Goal(15)),
        *parked_workloads(effort)[1:],
    ]
