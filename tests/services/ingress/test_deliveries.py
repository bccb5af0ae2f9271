"""Assignments that find nobody, that nobody knows of, and races that are lost: no process stays with a ghost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from colonyledger.wire import AssignProcess, ProcessState, RejectExecutor, RemoveExecutor

from projections.event import Refusal
from services.ledger import LedgerUnavailable
from tests.services.unsteady import COLONY, Client, Desk, answer_to, processid_in, until


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Demands over a ledger that can be held up."""
    desk = await Desk.open(tmp_path / "ledger")
    yield desk
    await desk.close()


async def payloadtypes(desk: Desk) -> list[str]:
    """What is in the ledger."""
    return [event.record.payloadtype async for batch in desk.ledger.read(0) for event in batch]


@pytest.mark.parametrize("waited", [True, False])
async def test_a_client_that_hangs_up_while_its_assignment_is_written(desk: Desk, waited: bool) -> None:
    first, second = await desk.executor("first"), await desk.executor("second")
    gone, there = Client(), Client()
    if waited:
        asked = desk.ask(first, gone)
        desk.ledger.hold = True
        submitting = asyncio.ensure_future(desk.submit())
        await asyncio.sleep(0)
        desk.ledger.release()
        desk.ledger.hold = True
        processid = await submitting
    else:
        processid = await desk.submit()
        desk.ledger.hold = True
        asked = desk.ask(first, gone)
    assert desk.ledger.held == 1
    waiting = desk.ask(second, there)
    gone.hang_up()
    desk.ledger.release()
    assert processid_in(await answer_to(waiting)) == processid
    process = desk.process(processid)
    assert process.record.assignedexecutorid == second.id
    assert process.record.retries == 0
    assert asked.answer.done()
    assert (await payloadtypes(desk))[-3:] == ["assignprocessmsg", "ledgerundelivered", "assignprocessmsg"]


async def test_a_nonce_whose_assignment_was_given_back_may_be_used_again(desk: Desk) -> None:
    worker = await desk.executor("worker")
    processid = await desk.submit()
    gone = Client()
    desk.ledger.hold = True
    desk.ask(worker, gone, nonce="n1")
    gone.hang_up()
    desk.ledger.release()
    process = desk.process(processid)
    await until(lambda: process.attempt == 1 and process.record.state == ProcessState.WAITING)
    again = desk.ask(worker, Client(), nonce="n1")
    assert processid_in(await answer_to(again)) == processid


async def test_an_assignment_that_nobody_knew_of_is_given_back(desk: Desk) -> None:
    """The ledger said "unknown", the executor was told so, and then the record turned up."""
    first, second = await desk.executor("first"), await desk.executor("second")
    processid = await desk.submit()
    desk.ledger.silent = True
    asked = desk.ask(first, Client())
    desk.ledger.silent = False
    with pytest.raises(LedgerUnavailable, match="nobody knows"):
        await answer_to(asked)
    again = desk.ask(second, Client())
    assert processid_in(await answer_to(again)) == processid
    assert desk.process(processid).record.assignedexecutorid == second.id


async def test_a_request_that_went_on_over_another_connection_is_answered_there(desk: Desk) -> None:
    worker = await desk.executor("worker")
    processid = await desk.submit()
    desk.ledger.hold = True
    gone = Client()
    first = desk.ask(worker, gone, nonce="n1")
    answer = first.answer
    gone.hang_up()
    again = desk.ask(worker, Client(), nonce="n1")
    assert again is first
    desk.ledger.release()
    refusal = (await answer).refusal
    assert refusal is not None
    assert refusal.status == 409
    assert processid_in(await answer_to(again)) == processid
    assert desk.process(processid).record.state == ProcessState.RUNNING


async def test_a_lost_race_puts_the_demand_back_at_its_place(desk: Desk) -> None:
    """Somebody who does not wait takes the process that the oldest demand was on its way to."""
    workers = [await desk.executor(name) for name in ("quick", "oldest", "second")]
    oldest, second = (desk.ask(worker, Client()) for worker in workers[1:])
    desk.ledger.hold = True
    submitting = asyncio.ensure_future(desk.submit())
    await asyncio.sleep(0)
    quick = desk.execute(workers[0], AssignProcess(colonyname=COLONY, timeout=-1))
    desk.ledger.release()
    taken = await submitting
    assert processid_in(await quick) == taken
    await until(lambda: desk.demands.parked == 2)
    assert not oldest.answer.done()
    assert not second.answer.done()
    processid = await desk.submit()
    assert processid_in(await answer_to(oldest)) == processid
    assert not second.answer.done()


async def test_a_lost_race_after_the_end_of_the_time(desk: Desk) -> None:
    """The time is over while the request is on its way: nobody may wait for ever then."""
    quick, slow = await desk.executor("quick"), await desk.executor("slow")
    asked = desk.ask(slow, Client(), timeout=1)
    desk.ledger.hold = True
    submitting = asyncio.ensure_future(desk.submit())
    await asyncio.sleep(0)
    taking = desk.execute(quick, AssignProcess(colonyname=COLONY, timeout=-1))
    desk.ledger.release()
    desk.ledger.hold = True
    await submitting
    await taking
    await until(lambda: asked.is_over)
    assert not asked.answer.done()
    desk.ledger.release()
    refusal = (await answer_to(asked)).refusal
    assert refusal is not None
    assert refusal.status == 404
    assert desk.demands.parked == 0


@pytest.mark.parametrize("message", [RejectExecutor, RemoveExecutor])
async def test_who_loses_its_rights_on_the_way_leaves_the_process_to_the_next(
    desk: Desk, message: type[RejectExecutor | RemoveExecutor]
) -> None:
    """The dismissal is in the ledger between the submit and the request that the submit has woken."""
    first, second = await desk.executor("first"), await desk.executor("second")
    asked, waiting = desk.ask(first, Client()), desk.ask(second, Client())
    desk.ledger.hold = True
    submitting = asyncio.ensure_future(desk.submit())
    await asyncio.sleep(0)
    dismissal = desk.execute(desk.owner, message(colonyname=COLONY, executorname="first"))
    desk.ledger.release()
    assert (await dismissal).refusal is None
    refusal = (await answer_to(asked)).refusal
    assert refusal is not None
    assert refusal.status == 403
    assert processid_in(await answer_to(waiting)) == await submitting


async def test_when_the_ledger_fails_the_others_are_served_later(desk: Desk) -> None:
    first, second = await desk.executor("first"), await desk.executor("second")
    asked, waiting = desk.ask(first, Client()), desk.ask(second, Client())
    desk.ledger.hold = True
    submitting = asyncio.ensure_future(desk.submit())
    await asyncio.sleep(0)
    desk.ledger.release()
    desk.ledger.hold = True
    processid = await submitting
    await until(lambda: desk.ledger.held == 1)
    desk.ledger.refuse()
    with pytest.raises(LedgerUnavailable):
        await answer_to(asked)
    assert processid_in(await answer_to(waiting)) == processid


async def test_the_time_begins_anew_on_another_connection(desk: Desk) -> None:
    worker = await desk.executor("worker")
    first = desk.ask(worker, Client(), timeout=3600, nonce="n1")
    before = first.expiry
    desk.ask(worker, Client(), timeout=3600, nonce="n1")
    assert before is not None
    assert before.cancelled()
    assert first.expiry is not None
    assert desk.demands.parked == 1


async def test_after_the_end_nobody_is_parked(desk: Desk) -> None:
    worker = await desk.executor("worker")
    parked = desk.ask(worker, Client())
    desk.demands.close()
    late = desk.ask(worker, Client())
    for demand in (parked, late):
        refusal = (await answer_to(demand)).refusal
        assert refusal is not None
        assert (refusal.status, refusal.message) == (503, "The server is stopping; ask again")
    assert desk.demands.parked == 0


async def test_a_limit_of_nobody(tmp_path: Path) -> None:
    desk = await Desk.open(tmp_path / "ledger", limit=0)
    worker = await desk.executor("worker")
    with pytest.raises(Refusal, match="0 executors are waiting"):
        desk.ask(worker, Client())
    await desk.close()
