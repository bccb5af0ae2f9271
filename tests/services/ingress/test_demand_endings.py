"""How waiting ends without work: hang-ups, lost rights, limits, the end of the server."""

from __future__ import annotations

import asyncio
import signal

import httpx
import pytest
from colonyledger.wire import (
    ApproveExecutor,
    AssignProcess,
    PauseAssignments,
    Process,
    ProcessState,
    RejectExecutor,
    RemoveColony,
    RemoveExecutor,
    ResumeAssignments,
    signed,
)

from services.node.dev import SERVER_OWNER
from tests.conftest import StartServer
from tests.servers import Server
from tests.services.site import NOTHING, Refused, Site, Worker, error_in, on_both_ledgers


def denied(site: Site) -> tuple[int, str]:
    return 403, f"Access denied, not a member of Colony with name <{site.name}>"


async def end_of(poll: asyncio.Task[Process]) -> tuple[int, str]:
    """With what a parked request was refused."""
    with pytest.raises(Refused) as refused:
        await poll
    return refused.value.status, refused.value.message


HANG_UPS = 30


@on_both_ledgers
async def test_a_client_that_hangs_up_leaves_nothing_behind(site: Site) -> None:
    worker, other = await site.executor(), await site.executor()
    second = await site.park(other)
    before = await site.folded()
    for _ in range(HANG_UPS):
        await site.hang_up(await site.park(worker))
    # The server has signs of life and its ticks to record meanwhile, whoever hangs up.
    assert await site.folded() - before < HANG_UPS, "hanging up was recorded"
    process = await site.submit()
    assert (await second).processid == process.processid


async def test_hang_ups_of_many(site: Site) -> None:
    worker = await site.executor()
    empty = await site.parked()
    polls = [asyncio.create_task(site.assign(worker, timeout=3600)) for _ in range(50)]
    await site.until_parked(empty + 50)
    for poll in polls:
        poll.cancel()
    await asyncio.gather(*polls, return_exceptions=True)
    await site.until_parked(empty)
    process = await site.submit()
    assert (await site.assign(worker)).processid == process.processid


class Unread:
    """An executor that has sent its request on a connection of its own, and does not read the answer."""

    def __init__(self, site: Site, worker: Worker, writer: asyncio.StreamWriter) -> None:
        self.site = site
        self.worker = worker
        self._writer = writer

    @classmethod
    async def ask(cls, site: Site, worker: Worker) -> Unread:
        """Send it."""
        _, writer = await asyncio.open_connection(site.server.host, site.server.port)
        body = signed(AssignProcess(colonyname=site.name, timeout=3600), worker.identity)
        writer.write(b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        return cls(site, worker, writer)

    def vanish(self) -> None:
        """Hang up at once."""
        self._writer.transport.abort()


@on_both_ledgers
async def test_no_process_is_lost_to_an_executor_that_vanishes(site: Site) -> None:
    """It vanishes at the moment of the submit, many times. What it was given comes back, if only by its deadline."""
    next_in_line = await site.executor()
    for _ in range(20):
        before = await site.parked()
        gone = await Unread.ask(site, await site.executor())
        await site.until_parked(before + 1)
        submitting = asyncio.create_task(site.submit(maxexectime=1, maxretries=1))
        await asyncio.sleep(0)
        gone.vanish()
        process = await submitting
        assigned = await site.assign(next_in_line, timeout=60)
        assert assigned.processid == process.processid
        await site.close(next_in_line, assigned)


async def test_an_executor_that_is_removed_waits_no_longer(site: Site) -> None:
    worker, other = await site.executor(), await site.executor()
    polls = [await site.park(worker), await site.park(worker)]
    staying = await site.park(other)
    await site.call(site.owner, RemoveExecutor(colonyname=site.name, executorname=worker.name))
    assert [await end_of(poll) for poll in polls] == [denied(site)] * 2
    process = await site.submit()
    assert (await staying).processid == process.processid


async def test_an_executor_that_is_rejected_waits_no_longer(site: Site) -> None:
    worker = await site.executor()
    parked = await site.park(worker)
    await site.call(site.owner, RejectExecutor(colonyname=site.name, executorname=worker.name))
    assert await end_of(parked) == denied(site)
    assert await site.refused(worker.identity, AssignProcess(colonyname=site.name, timeout=9)) == denied(site)
    await site.call(site.owner, ApproveExecutor(colonyname=site.name, executorname=worker.name))
    parked = await site.park(worker)
    process = await site.submit()
    assert (await parked).processid == process.processid


async def test_a_rejection_at_the_moment_of_a_submit_leaves_the_process_to_others(site: Site) -> None:
    """Whether the fold sees the rejection before the assignment or after it: nobody is left waiting for nothing."""
    for _ in range(10):
        first, second = await site.executor(), await site.executor()
        polls = [await site.park(first), await site.park(second)]
        rejection = RejectExecutor(colonyname=site.name, executorname=first.name)
        process, _ = await asyncio.gather(site.submit(), site.call(site.owner, rejection))
        (given,) = await asyncio.gather(polls[0], return_exceptions=True)
        if isinstance(given, Refused):
            assert given.status == 403
            given = await polls[1]
        else:
            await site.hang_up(polls[1])
        assert not isinstance(given, BaseException)
        assert given.processid == process.processid


async def test_a_colony_that_is_removed(site: Site) -> None:
    empty = await site.parked()
    polls = [await site.park(await site.executor(kind)) for kind in ("edge", "other")]
    await site.call(site.owner, PauseAssignments(colonyname=site.name))
    await site.call(SERVER_OWNER, RemoveColony(colonyname=site.name))
    assert [await end_of(poll) for poll in polls] == [denied(site)] * 2
    assert await site.parked() == empty


async def test_the_limit(start_server: StartServer) -> None:
    server = start_server("--dev", LEDGER_MAX_PARKED_DEMANDS="2")
    async with Site(server) as site:
        worker = await site.executor()
        first, _ = await site.park(worker), await site.park(worker)
        body = signed(AssignProcess(colonyname=site.name, timeout=9), worker.identity)
        answer = await site.post(body)
        assert error_in(answer) == (429, "2 executors are waiting for work at this server already")
        assert answer.headers["retry-after"] == "1"
        assert await site.nothing_for(worker), "who does not wait is no matter of the limit"
        await site.submit("other")
        assert (await site.assign(await site.executor("other"), timeout=9)).state == ProcessState.RUNNING
        await site.submit()
        await first
        await site.park(worker)
        await end_the_server(server, site)


async def end_the_server(server: Server, site: Site) -> None:
    """SIGTERM sends parked executors away, with a word when to come back, and the exit code is 0."""
    worker = await site.executor("ending")
    body = signed(AssignProcess(colonyname=site.name, timeout=3600), worker.identity)
    server.send_signal(signal.SIGTERM)
    try:
        answer = await site.post(body)
    except httpx.TransportError:
        answer = None
    if answer is not None:
        assert error_in(answer)[0] in (429, 503)
    assert await asyncio.to_thread(server.wait) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_end_of_the_server(start_server: StartServer, number: signal.Signals) -> None:
    server = start_server("--dev")
    async with Site(server) as site:
        workers = [await site.executor(kind) for kind in ("edge", "other")]
        bodies = [
            signed(AssignProcess(colonyname=site.name, timeout=3600), worker.identity)
            for worker in workers * 5
        ]
        polls = [asyncio.create_task(site.post(body)) for body in bodies]
        await site.until_parked(10)
        process = await site.submit("paused")
        server.send_signal(number)
        for answer in await asyncio.gather(*polls):
            assert error_in(answer) == (503, "The server is stopping; ask again")
            assert answer.headers["retry-after"] == "1"
        assert await asyncio.to_thread(server.wait) == 0
        assert [line for line in server.lines if "ERROR" in line or "Traceback" in line] == []
        server.start()
        site.http.base_url = httpx.URL(server.url)
        assert (await site.get(process)).state == ProcessState.WAITING


async def test_nobody_is_forgotten_when_pauses_ends_and_hang_ups_mix(site: Site) -> None:
    worker = await site.executor()
    await site.call(site.owner, PauseAssignments(colonyname=site.name))
    polls = [await site.park(worker) for _ in range(6)]
    processes = [await site.submit() for _ in range(2)]
    for poll in polls[:3]:
        await site.hang_up(poll)
    await site.call(site.owner, ResumeAssignments(colonyname=site.name))
    given = await asyncio.gather(*polls[3:5])
    assert {process.processid for process in given} == {process.processid for process in processes}
    assert not polls[5].done()
    assert await site.refused(worker.identity, AssignProcess(colonyname=site.name, timeout=-1)) == NOTHING
