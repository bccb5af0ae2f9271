"""Ids of other colonies, and of nothing: both look the same, and change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddAttribute,
    AddLog,
    Attribute,
    CancelProcess,
    CloseFailed,
    CloseSuccessful,
    GetAttribute,
    GetLogs,
    GetProcess,
    GetProcessGraph,
    Message,
    RemoveProcess,
    SetOutput,
)

from services.ledger import open_ledger
from tests.ledgers import stored
from tests.servers import Server
from tests.services.site import Site

ABOUT: list[Callable[[str], Message[Any]]] = [
    lambda found: GetProcess(processid=found),
    lambda found: RemoveProcess(processid=found),
    lambda found: CancelProcess(processid=found),
    lambda found: CloseSuccessful(processid=found, output=["stolen"]),
    lambda found: CloseFailed(processid=found, errors=["stolen"]),
    lambda found: SetOutput(processid=found, output=["stolen"]),
    lambda found: AddAttribute(attribute=Attribute(targetid=found, key="stolen", value="x")),
    lambda found: AddLog(processid=found, message="stolen"),
    lambda found: GetAttribute(attributeid=found),
    lambda found: GetProcessGraph(processgraphid=found),
]
NONSENSE = ["", "0", "g" * 64, "-1" + "0" * 62, "a" * 1_000_000, "../..", "\x00", "é" * 64]


async def appended_by(server: Server, *signers: Identity) -> int:
    """How many records in the server's ledger somebody of these has signed."""
    ids = {who.id for who in signers}
    ledger = await open_ledger(server.ledger, read_only=True)
    try:
        return sum(event.record.identity in ids for events in await stored(ledger) for event in events)
    finally:
        await ledger.close()


@pytest.mark.parametrize("message", ABOUT, ids=lambda about: type(about("")).__name__)
async def test_a_process_of_another_colony_looks_like_none(
    server: Server, message: Callable[[str], Message[Any]]
) -> None:
    async with Site(server) as mine, Site(server) as theirs:
        waiting = await theirs.submit()
        running = await theirs.submit("other")
        holder = await theirs.executor("other")
        await theirs.assign(holder)
        before = [await theirs.get(waiting), await theirs.get(running)]
        thief = await mine.executor()
        thieves = (mine.user, mine.owner, thief.identity)
        appended = await appended_by(server, *thieves)
        unknown = await mine.refused(mine.user, message("0" * 64))
        for who in thieves:
            for found in (waiting, running):
                assert await mine.refused(who, message(found.processid)) == unknown
        for found_id in NONSENSE:
            assert await mine.refused(mine.user, message(found_id)) == unknown
        assert await appended_by(server, *thieves) == appended
        assert [await theirs.get(waiting), await theirs.get(running)] == before


async def test_logs_of_another_colony(server: Server) -> None:
    async with Site(server) as mine, Site(server) as theirs:
        process = await theirs.submit()
        asked = GetLogs(colonyname=mine.name, processid=process.processid, count=10)
        unknown = GetLogs(colonyname=mine.name, processid="0" * 64, count=10)
        assert await mine.refused(mine.user, asked) == await mine.refused(mine.user, unknown)
