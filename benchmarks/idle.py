"""What executors cost that wait for work: processor time of the server while they do, and how soon others get theirs.

All of them are in one client program, each on a connection of its own.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec
from colonyledger.identity import Identity

from benchmarks.connection import Broken, Connection
from benchmarks.programs import cpu_seconds
from benchmarks.site import Site
from benchmarks.table import Cells

__all__ = ["Idleness", "idle_cells", "measure_idle"]

_LONG = 3600
"""How long a parked executor would wait, in seconds."""
_SUBMITS_PER_SECOND = 10
_DISPATCHES = 60
_A_MOMENT = 0.02
"""Seconds in which the server has heard what was sent to it, also that somebody hung up."""
_OTHERS = 20
"""Executors that are idle in another colony, and executors that hang up."""


class _Assigned(msgspec.Struct):
    processid: str


class Idleness(NamedTuple):
    """What was seen."""

    what: str
    figure: float
    unit: str


async def measure_idle(url: str, owner: Identity, pid: int, executors: int, seconds: float) -> list[Idleness]:
    """The server's load with so many executors parked, and the latency of a submit to a parked executor."""
    seen = [Idleness("share of a core, nothing connected", 100 * await _load(pid, seconds / 3), "%")]
    async with _parked(url, owner, executors) as (parked, _):
        name = f"share of a core, {executors:,} executors parked"
        seen.append(Idleness(name, 100 * await _load(pid, seconds), "%"))
        other = await Site(url, owner).open()
        trickle = asyncio.create_task(_trickle(other, seconds))
        seen.append(
            Idleness(f"{name}, {_SUBMITS_PER_SECOND} submits/s", 100 * await _load(pid, seconds), "%")
        )
        await trickle
        await other.close()
        seen += await _latencies(url, owner, f", {executors:,} parked elsewhere")
        if await parked.counts() != (0, 0, 0):
            raise Broken("there is work where none was submitted")
    other = await Site(url, owner).open()
    trickle = asyncio.create_task(_trickle(other, seconds))
    name = f"share of a core, {_SUBMITS_PER_SECOND} submits/s and nobody parked"
    seen.append(Idleness(name, 100 * await _load(pid, seconds), "%"))
    await trickle
    await other.close()
    seen += await _latencies(url, owner, "")
    async with _parked(url, owner, _OTHERS):
        seen += await _latencies(url, owner, f", {_OTHERS} idle in another colony")
    seen += await _latencies(url, owner, f", {_OTHERS} hung up while waiting", hung_up=_OTHERS)
    return seen


async def _load(pid: int, seconds: float) -> float:
    before, began = cpu_seconds(pid), time.perf_counter()
    await asyncio.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.perf_counter() - began)


@asynccontextmanager
async def _parked(url: str, owner: Identity, executors: int) -> AsyncIterator[tuple[Site, list[Connection]]]:
    """A colony whose executors all wait for work."""
    site = await Site(url, owner).open(executors)
    connections = [await _park(site, each) for each in site.executors]
    await asyncio.sleep(1)
    try:
        yield site, connections
    finally:
        for connection in connections:
            connection.close()
        await site.close()


async def _park(site: Site, executor: Identity) -> Connection:
    """Ask for work, and do not wait for the answer."""
    connection = await Connection.open(site.url)
    connection.converse(site.assign(executor, _LONG), lambda *_: None)
    return connection


async def _trickle(site: Site, seconds: float) -> None:
    connection = await Connection.open(site.url)
    for raw in [site.submit() for _ in range(int(seconds * _SUBMITS_PER_SECOND))]:
        began = time.perf_counter()
        await connection.call(raw)
        await asyncio.sleep(1 / _SUBMITS_PER_SECOND - (time.perf_counter() - began))
    connection.close()


async def _latencies(url: str, owner: Identity, circumstances: str, hung_up: int = 0) -> Sequence[Idleness]:
    """From the submit until the one executor that waits has the process; before each, others hang up."""
    site = await Site(url, owner).open(hung_up + 1)
    submitting, working = await Connection.open(url), await Connection.open(url)
    worker = site.executors[0]
    seconds = []
    for _ in range(_DISPATCHES):
        gone = [await _park(site, each) for each in site.executors[1:]]
        work = asyncio.create_task(working.call(site.assign(worker, _LONG)))
        raw = site.submit()
        await asyncio.sleep(_A_MOMENT)
        for connection in gone:
            connection.close()
        await asyncio.sleep(_A_MOMENT)
        began = time.perf_counter()
        submit = asyncio.create_task(submitting.call(raw))
        processid = msgspec.json.decode(await work, type=_Assigned).processid
        seconds.append(time.perf_counter() - began)
        await submit
        await working.call(site.close_process(worker, processid, [1]))
    if await site.counts() != (0, 0, _DISPATCHES):
        raise Broken(f"{_DISPATCHES} processes were run, {await site.counts()} counted")
    submitting.close()
    working.close()
    await site.close()
    seconds.sort()
    name = f"submit to assigned{circumstances}"
    return [
        Idleness(f"{name}, p50", 1000 * statistics.median(seconds), "ms"),
        Idleness(f"{name}, longest", 1000 * seconds[-1], "ms"),
    ]


def idle_cells(seen: Sequence[Idleness]) -> Cells:
    """What was seen."""
    return ["what", "figure"], [[each.what, f"{each.figure:.2f} {each.unit}"] for each in seen]
