"""Signs of life in batches."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from colonyledger.wire import Executor, decode

from projections.system import Heard
from services.timekeeper.heard import HeardFrom
from tests.services.unsteady import COLONY, Desk, until


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A replica over a ledger that can be held up."""
    desk = await Desk.open(tmp_path / "ledger")
    yield desk
    await desk.close()


async def batches(desk: Desk) -> list[list[str]]:
    """The executors that each `heard` event of the ledger names."""
    return [
        [heard.executorid for heard in decode(b64decode(event.record.payload), Heard).executors]
        async for events in desk.ledger.read(0)
        for event in events
        if event.record.payloadtype == "ledgerheard"
    ]


def known(desk: Desk, name: str) -> Executor:
    return desk.replica.states[0].colonies[COLONY].executors.by_name[name]


async def test_the_first_is_written_at_once_and_the_rest_together(desk: Desk) -> None:
    names = ["a", "b", "c"]
    ids = [(await desk.executor(name)).id for name in names]
    heard = HeardFrom(desk.replica, 0, desk.writer, 3600)
    heard.hear(known(desk, "a"))
    await until(lambda: known(desk, "a").lastheardfromtime.year > 1)
    for name in ("b", "a", "b", "c", "b"):
        heard.hear(known(desk, name))
    end = desk.replica.states[0].next_offset
    heard.stop()
    heard.hear(known(desk, "a"))
    await until(lambda: desk.replica.states[0].next_offset == end + 1)
    assert await batches(desk) == [[ids[0]], [ids[1], ids[0], ids[2]]]
    assert all(known(desk, name).lastheardfromtime.year > 1 for name in names)


async def test_what_the_ledger_does_not_take_is_made_up_for_by_the_next(desk: Desk) -> None:
    await desk.executor("a")
    heard = HeardFrom(desk.replica, 0, desk.writer, 0.01)
    desk.ledger.hold = True
    heard.hear(known(desk, "a"))
    await until(lambda: desk.ledger.held == 1)
    desk.ledger.refuse()
    heard.hear(known(desk, "a"))
    await until(lambda: known(desk, "a").lastheardfromtime.year > 1)
    heard.stop()
    assert len(await batches(desk)) == 1


async def test_nothing_heard_nothing_written(desk: Desk) -> None:
    end = desk.replica.states[0].next_offset
    HeardFrom(desk.replica, 0, desk.writer).stop()
    assert await desk.ledger.end(0) == end
