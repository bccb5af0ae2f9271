"""A server on a restored ledger is the one that was lost: the same state, ids, answers and deadlines."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from colonyledger.wire import GetColonies, GetStatistics, Process, ProcessState, nanoseconds

from services.archive import Archive, restore
from services.ledger import open_ledger
from services.node.dev import SERVER_OWNER
from tests.conftest import StartServer
from tests.services.archive.conftest import archived_from, events_in
from tests.services.archive.test_restoring import digests
from tests.services.site import Site, eventually

WAIT = 4
"""Seconds that a process waits at most, which are over when the server has been restored."""


@pytest.mark.parametrize(
    ("origin", "kind"),
    [("embedded", "embedded"), ("kafka", "kafka"), ("embedded", "kafka"), ("kafka", "embedded")],
)
async def test_a_server_goes_on_where_the_lost_one_ended(
    start_server: StartServer,
    new_place: Callable[[str], str],
    archive_directory: Path,
    origin: str,
    kind: str,
) -> None:
    lost, archive, restored = new_place(origin), str(archive_directory), new_place(kind)
    await (await open_ledger(lost, partitions=3)).close()
    server = await asyncio.to_thread(start_server, "--dev", "--ledger", lost)
    async with Site(server) as site:
        worker = await site.executor()
        done, running = await site.submit(maxexectime=3600), await site.submit(maxexectime=3600)
        await site.close(worker, await site.assign(worker), "result")
        assert (await site.assign(worker)).processid == running.processid
        waiting, late = await site.submit(maxwaittime=3600), await site.submit(maxwaittime=WAIT)
        await archived_from(lost, archive)
        more = await site.submit()
        known = [done, running, waiting, more]
        before = [await site.get(process) for process in known]
        colonies = await site.call(SERVER_OWNER, GetColonies())
        statistics = await site.call(SERVER_OWNER, GetStatistics())
        assert server.stop() == 0
        await archived_from(lost, archive)
        state, events = await digests(lost), await events_in(lost)
        shutil.rmtree(server.directory)
        if origin == "embedded":
            shutil.rmtree(lost)

        await restore(await Archive.open(archive), restored)
        assert await digests(restored) == state
        assert await events_in(restored) == events
        again = await asyncio.to_thread(start_server, "--dev", "--ledger", restored)
        there = site.beside(again)
        assert [await there.get(process) for process in known] == before
        assert await there.call(SERVER_OWNER, GetColonies()) == colonies
        waited = await failed(there, late)
        assert nanoseconds(waited.endtime) >= nanoseconds(late.submissiontime) + WAIT * 1_000_000_000
        assert (
            statistics.waitingprocesses >= (await there.call(SERVER_OWNER, GetStatistics())).waitingprocesses
        )
        await there.close(worker, before[1], "late result")
        assert (await there.get(running)).output == ["late result"]
        assert (await there.assign(worker)).processid == waiting.processid
        assert (await there.submit()).processid not in {process.processid for process in known}
        await there.leave()


async def failed(site: Site, process: Process) -> Process:
    """A process once its time is over."""

    async def has_failed() -> bool:
        return (await site.get(process)).state == ProcessState.FAILED

    await eventually(has_failed)
    return await site.get(process)
