"""Many submitters and many executors at once: every process is assigned once, done once, and none is forgotten."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

from colonyledger.wire import GetProcesses, Process, ProcessState

from tests.services.site import NOTHING, Refused, Site, Worker, on_both_ledgers

KINDS = ("edge", "cloud")


async def submit_some(site: Site, chance: random.Random, number: int, **spec: Any) -> list[str]:
    """The ids of processes submitted one after the other, of random type and priority."""
    submitted = []
    for _ in range(number):
        kind = chance.choice(KINDS)
        process = await site.submit(kind, priority=chance.randint(-3, 3), **spec)
        submitted.append(process.processid)
    return submitted


async def work(site: Site, worker: Worker, done: list[str]) -> None:
    """Take work and do it until none comes."""
    while True:
        try:
            process = await site.assign(worker, timeout=2)
        except Refused as refusal:
            if (refusal.status, refusal.message) == NOTHING:
                return
            raise
        done.append(process.processid)
        await site.close(worker, process, worker.name)


async def states(site: Site, state: ProcessState) -> list[Process]:
    asked = GetProcesses(colonyname=site.name, count=100, state=state)
    found: list[Process] = await site.call(site.user, asked)
    return found


@on_both_ledgers
async def test_every_process_is_assigned_exactly_once(site: Site, seed: int) -> None:
    workers = [await site.executor(KINDS[number % 2]) for number in range(12)]
    done: list[list[str]] = [[] for _ in workers]
    working = [asyncio.create_task(work(site, *pair)) for pair in zip(workers, done, strict=True)]
    submitted = await asyncio.gather(
        *(submit_some(site, random.Random(seed + number), 12) for number in range(8))
    )
    await asyncio.gather(*working)
    expected = Counter(processid for some in submitted for processid in some)
    assert Counter(processid for own in done for processid in own) == expected
    finished = await states(site, ProcessState.SUCCESS)
    assert {process.processid for process in finished} == set(expected)
    by_name = {worker.name: set(own) for worker, own in zip(workers, done, strict=True)}
    for process in finished:
        assert process.processid in by_name[process.output[0]]
        assert process.retries == 0


async def hang_up_often(site: Site, worker: Worker, chance: random.Random, until: asyncio.Event) -> None:
    """Ask for work again and again, and go away at any moment."""
    while not until.is_set():
        poll = asyncio.create_task(site.assign(worker, timeout=60))
        await asyncio.wait([poll], timeout=chance.choice([0, 0.001, 0.003, 0.01, 0.02]))
        poll.cancel()
        await asyncio.gather(poll, return_exceptions=True)


async def test_executors_that_vanish_delay_the_work_but_lose_none(site: Site, seed: int) -> None:
    workers = [await site.executor(kind) for kind in KINDS * 2]
    ghosts = [await site.executor(kind) for kind in KINDS * 2]
    ended = asyncio.Event()
    haunting = asyncio.gather(
        *(
            hang_up_often(site, ghost, random.Random(seed + number), ended)
            for number, ghost in enumerate(ghosts)
        )
    )
    done: list[list[str]] = [[] for _ in workers]
    working = [asyncio.create_task(work(site, *pair)) for pair in zip(workers, done, strict=True)]
    submitted = await asyncio.gather(
        *(
            submit_some(site, random.Random(seed - number), 10, maxexectime=5, maxretries=-1)
            for number in range(4)
        )
    )
    await asyncio.gather(*working)
    ended.set()
    await haunting
    expected = {processid for some in submitted for processid in some}
    closed = Counter(processid for own in done for processid in own)
    assert set(closed) <= expected
    left = [*await states(site, ProcessState.WAITING), *await states(site, ProcessState.RUNNING)]
    assert {process.processid for process in left} == expected - set(closed)
    for process in left:
        # A ghost had it last; when its time is over it goes to whoever is there.
        again = await site.assign(workers[KINDS.index(process.spec.conditions.executortype)], timeout=60)
        closed[again.processid] += 1
    assert closed == Counter(expected)
