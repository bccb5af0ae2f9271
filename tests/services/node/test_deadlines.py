"""Deadlines and signs of life of a server that nobody calls (protocol: queue.md section 7)."""

from __future__ import annotations

import asyncio
import time

import httpx
from colonyledger.wire import (
    SECOND,
    CloseSuccessful,
    Executor,
    GetExecutor,
    ProcessState,
    nanoseconds,
)

from tests.conftest import StartServer
from tests.servers import Server
from tests.services.site import Site, Worker, eventually


async def test_what_takes_too_long_goes_to_whoever_waits(dev_server: Server) -> None:
    async with Site(dev_server) as site:
        slow, waiting = await site.executor(), await site.executor()
        process = await site.submit(maxexectime=1, maxretries=1)
        await site.assign(slow)
        parked = await site.park(waiting)
        again = await parked
        assert (again.processid, again.retries) == (process.processid, 1)
        late = CloseSuccessful(processid=process.processid)
        assert await site.refused(slow.identity, late) == (
            403,
            "Failed to close process as successful, not allowed to close process as successful",
        )

        async def has_failed() -> bool:
            return (await site.get(process)).state == ProcessState.FAILED

        await eventually(has_failed)
        failed = await site.get(process)
        assert (failed.errors, failed.retries) == (["Maximum execution time limit exceeded"], 1)
        assert await site.refused(waiting.identity, late) == (
            400,
            "Tried to set failed process as successful",
        )


async def test_what_waits_too_long_fails_and_the_ledger_comes_to_rest(start_server: StartServer) -> None:
    server = start_server("--dev")
    async with Site(server) as site:
        for _ in range(20):
            process = await site.submit(maxwaittime=1)
        before = await site.folded()

        async def has_failed() -> bool:
            return (await site.get(process)).state == ProcessState.FAILED

        await eventually(has_failed)
        failed = await site.get(process)
        assert failed.errors == ["Maximum waiting time limit exceeded"]
        deadline = nanoseconds(failed.submissiontime) + SECOND
        assert deadline <= nanoseconds(failed.endtime)
        ticks = await site.folded() - before
        assert 1 <= ticks <= 20, "one tick may serve several deadlines, and no deadline needs two"
        await site.get(process)
        assert await site.folded() - before == ticks


async def test_deadlines_that_pass_while_the_server_is_away(start_server: StartServer) -> None:
    server = start_server("--dev")
    async with Site(server) as site:
        slow, other = await site.executor(), await site.executor()
        running = await site.submit(maxexectime=1, maxretries=5)
        await site.assign(slow)
        waiting = await site.submit("nobody", maxwaittime=1)
        assert server.stop() == 0
        await asyncio.sleep(max(nanoseconds(waiting.waitdeadline) - time.time_ns(), 0) / SECOND)
        server.start()
        site.http.base_url = httpx.URL(server.url)
        again = await site.assign(other, timeout=60)
        assert (again.processid, again.retries) == (running.processid, 1)

        async def has_failed() -> bool:
            return (await site.get(waiting)).state == ProcessState.FAILED

        await eventually(has_failed)


async def heard(site: Site, worker: Worker) -> int:
    """When an executor was heard from, in nanoseconds since 1970."""
    asked = GetExecutor(colonyname=site.name, executorname=worker.name)
    executor: Executor = await site.call(site.user, asked)
    return nanoseconds(executor.lastheardfromtime)


async def test_a_poll_that_finds_nothing_is_a_sign_of_life(start_server: StartServer) -> None:
    server = start_server("--dev")
    async with Site(server) as site:
        worker, silent = await site.executor(), await site.executor()
        never = await heard(site, silent)
        started = time.time_ns()
        assert await site.nothing_for(worker)

        async def was_heard() -> bool:
            return await heard(site, worker) >= started

        await eventually(was_heard)
        records = await site.folded()
        first = await heard(site, worker)
        # The next ones wait for their turn, at the latest until the server stops.
        for _ in range(5):
            assert await site.nothing_for(worker)
        assert await site.folded() == records
        last = time.time_ns()
        assert server.stop() == 0
        server.start()
        site.http.base_url = httpx.URL(server.url)
        assert first < await heard(site, worker) <= last
        assert await site.folded() == records + 1
        assert await heard(site, silent) == never


async def test_queries_and_waiting_are_signs_of_life_too(start_server: StartServer) -> None:
    server = start_server("--dev", COLONIES_STALE_EXECUTOR_DURATION="6")
    async with Site(server) as site:
        asking, waiting, silent = [await site.executor() for _ in range(3)]
        await site.call(asking.identity, GetExecutor(colonyname=site.name, executorname=asking.name))
        await site.park(waiting)
        for worker in (asking, waiting):

            async def was_heard() -> bool:
                return await heard(site, worker) > 0  # noqa: B023 (awaited in this turn)

            await eventually(was_heard)
        assert await heard(site, silent) < 0, "nobody has heard from it"
