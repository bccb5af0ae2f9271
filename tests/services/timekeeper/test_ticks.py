"""Deadlines over a ledger that comes and goes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from colonyledger.wire import Conditions, FunctionSpec, ProcessState, SubmitFunctionSpec

from projections.epochs import Closed
from projections.system import Tick
from services.timekeeper.ticks import Ticker
from tests.services.unsteady import COLONY, Desk, until


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A replica over a ledger that can be held up."""
    desk = await Desk.open(tmp_path / "ledger")
    yield desk
    await desk.close()


async def short_lived(desk: Desk) -> str:
    """A process that may wait for one second."""
    spec = FunctionSpec(funcname="echo", conditions=Conditions(COLONY, executortype="edge"), maxwaittime=1)
    return (await desk.call(desk.user, SubmitFunctionSpec(spec=spec))).processid


def has_failed(desk: Desk, processid: str) -> bool:
    return desk.process(processid).record.state == ProcessState.FAILED


async def types(desk: Desk) -> list[str]:
    """What is in the ledger."""
    return [event.record.payloadtype async for batch in desk.ledger.read(0) for event in batch]


async def test_a_tick_that_the_ledger_does_not_take_is_tried_again(desk: Desk) -> None:
    ticker = Ticker(desk.replica, 0, desk.writer)
    ticker.start()
    processid = await short_lived(desk)
    desk.ledger.hold = True
    for _ in range(2):
        await until(lambda: desk.ledger.held == 1)
        desk.ledger.refuse()
        desk.ledger.hold = True
    assert not has_failed(desk, processid)
    await until(lambda: desk.ledger.held == 1)
    desk.ledger.release()
    await until(lambda: has_failed(desk, processid))
    ticker.stop()
    assert (await types(desk)).count("ledgertick") == 1


async def test_deadlines_of_one_moment_take_one_tick(desk: Desk) -> None:
    ticker = Ticker(desk.replica, 0, desk.writer)
    ticker.start()
    processes = [await short_lived(desk) for _ in range(10)]
    await until(lambda: all(has_failed(desk, processid) for processid in processes))
    ticker.stop()
    assert 1 <= (await types(desk)).count("ledgertick") <= 10


async def test_a_ticker_that_starts_late_and_one_that_is_stopped(desk: Desk) -> None:
    processid = await short_lived(desk)
    stopped, ticker = (Ticker(desk.replica, 0, desk.writer) for _ in range(2))
    stopped.start()
    stopped.stop()
    await until(lambda: desk.process(processid).waitdeadline < time.time_ns())
    assert not has_failed(desk, processid)
    assert "ledgertick" not in await types(desk)
    ticker.start()
    await until(lambda: has_failed(desk, processid))
    ticker.stop()


async def test_a_closed_partition_has_no_deadlines_and_takes_nothing(desk: Desk) -> None:
    await short_lived(desk)
    await desk.writer.append(0, Closed(successor="there"))
    before = await types(desk)
    asked: list[int] = []

    def rank() -> int:
        asked.append(0)
        return 0

    ticker = Ticker(desk.replica, 0, desk.writer, rank)
    ticker.start()
    ticker.stop()
    assert desk.replica.states[0].timers.earliest is not None
    assert not asked
    answer = await desk.writer.append(0, Tick())
    assert (answer.refusal is not None and answer.refusal.status, answer.offset) == (503, -1)
    assert await types(desk) == before
