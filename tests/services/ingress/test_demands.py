"""Executors that wait for work (protocol: queue.md sections 4 and 6): who gets what, and when nobody does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from colonyledger.wire import (
    AssignProcess,
    CancelProcess,
    Conditions,
    FunctionSpec,
    PauseAssignments,
    Process,
    ProcessState,
    RemoveExecutor,
    ResumeAssignments,
    SubmitWorkflow,
    WorkflowSpec,
)

from tests.servers import Server
from tests.services.site import NOTHING, Refused, Site, Worker, on_both_ledgers

PAUSED_AND_WAITED = (408, "Assignment timeout: colony assignments are paused")
PAUSED = (503, "No processes available: colony assignments are paused")


def poll(site: Site, timeout: int, **limits: str) -> AssignProcess:
    return AssignProcess(colonyname=site.name, timeout=timeout, **limits)


def waiting(*polls: asyncio.Task[Process]) -> bool:
    return not any(poll.done() for poll in polls)


@on_both_ledgers
async def test_what_is_there_is_given_at_once(site: Site) -> None:
    worker = await site.executor()
    process = await site.submit()
    for timeout in (-1, 3600):
        assigned = await site.assign(worker, timeout=timeout)
        assert assigned.processid == process.processid
        assert (assigned.state, assigned.isassigned) == (ProcessState.RUNNING, True)
        assert assigned.assignedexecutorid == worker.identity.id
        assert assigned == await site.get(process)
        process = await site.submit()


@on_both_ledgers
async def test_a_submit_ends_the_wait(site: Site) -> None:
    worker = await site.executor()
    parked = await site.park(worker)
    process = await site.submit()
    assert (await parked).processid == process.processid
    assert (await site.get(process)).assignedexecutorid == worker.identity.id


@on_both_ledgers
async def test_executors_of_one_type_are_served_in_the_order_of_their_arrival(site: Site) -> None:
    workers = [await site.executor() for _ in range(4)]
    polls = [await site.park(workers[number]) for number in (2, 0, 3, 1)]
    for served in range(4):
        process = await site.submit()
        assert (await polls[served]).processid == process.processid
        assert waiting(*polls[served + 1 :])


@on_both_ledgers
async def test_one_submit_wakes_exactly_one(site: Site) -> None:
    polls = [await site.park(await site.executor()) for _ in range(5)]
    before = await site.folded()
    await site.submit()
    await polls[0]
    assert waiting(*polls[1:])
    # The submit and one assignment: nobody else has tried.
    assert await site.folded() == before + 2


async def test_a_workflow_wakes_as_many_as_it_has_roots(site: Site) -> None:
    polls = [await site.park(await site.executor()) for _ in range(4)]
    nodes = [
        FunctionSpec(
            nodename=name,
            funcname=name,
            conditions=Conditions(executortype="edge", dependencies=list(parents)),
        )
        for name, parents in (("a", ""), ("b", ""), ("c", "ab"))
    ]
    await site.call(site.user, SubmitWorkflow(spec=WorkflowSpec(site.name, nodes)))
    given = await asyncio.gather(*polls[:2])
    assert [process.spec.nodename for process in given] == ["a", "b"]
    assert waiting(*polls[2:])


async def test_other_types_are_not_disturbed(site: Site) -> None:
    other = await site.park(await site.executor("other"))
    edge = await site.park(await site.executor())
    await site.submit()
    await edge
    assert waiting(other)


async def test_other_colonies_are_not_disturbed(server: Server) -> None:
    async with Site(server) as mine, Site(server) as theirs:
        stranger = await theirs.park(await theirs.executor())
        own = await mine.park(await mine.executor())
        process = await mine.submit()
        assert (await own).processid == process.processid
        assert waiting(stranger)


async def first_of(site: Site, workers: list[tuple[Worker, dict[str, str]]], **asked: Any) -> int:
    """Which of some waiting executors gets a process; none of those before it may."""
    polls = [await site.park(worker, limits=limits) for worker, limits in workers]
    process = await site.submit(**asked)
    await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
    (winner,) = [number for number, poll in enumerate(polls) if poll.done()]
    assert (await polls[winner]).processid == process.processid
    return winner


async def test_a_process_waits_for_the_executor_that_it_names(site: Site) -> None:
    workers = [await site.executor() for _ in range(3)]
    parked = [(worker, dict[str, str]()) for worker in workers]
    named = {"executornames": ["somebody", workers[2].name]}
    assert await first_of(site, parked, conditions=named) == 2


@pytest.mark.parametrize(("wanted", "winner"), [("", 0), ("Paris", 2), ("LONDON", 1)])
async def test_a_process_goes_to_its_place(site: Site, wanted: str, winner: int) -> None:
    workers = [await site.executor(location=place) for place in ("", "London", "paris")]
    parked = [(worker, dict[str, str]()) for worker in workers]
    assert await first_of(site, parked, conditions={"locationname": wanted}) == winner


@pytest.mark.parametrize(
    ("needs", "winner"),
    [
        ({}, 0),
        ({"cpu": "500m", "mem": "1Gi"}, 0),
        ({"cpu": "2000m"}, 1),
        ({"mem": "2Gi"}, 1),
        ({"cpu": "64000m", "mem": "1Ti"}, 2),
    ],
)
async def test_a_process_goes_where_there_is_room(site: Site, needs: dict[str, str], winner: int) -> None:
    rooms = [
        {"availablecpu": "500m", "availablemem": "1Gi"},
        {"availablecpu": "2000m", "availablemem": "2Gi"},
        {},
    ]
    parked = [(await site.executor(), room) for room in rooms]
    assert await first_of(site, parked, conditions=needs) == winner


async def test_what_nobody_present_can_run_waits(site: Site) -> None:
    parked = await site.park(await site.executor(), limits={"availablecpu": "1000m"})
    large = await site.submit(conditions={"cpu": "2000m"})
    small = await site.submit(conditions={"cpu": "1000m"})
    assert (await parked).processid == small.processid
    assert (await site.get(large)).state == ProcessState.WAITING
    assert (await site.assign(await site.executor())).processid == large.processid


@on_both_ledgers
async def test_the_end_of_the_time(site: Site) -> None:
    worker = await site.executor()
    before = await site.parked()
    assert await site.refused(worker.identity, poll(site, 1)) == NOTHING
    assert await site.parked() == before
    process = await site.submit()
    assert (await site.assign(worker)).processid == process.processid


@pytest.mark.parametrize("seconds", [2**31, 2**62])
async def test_a_time_that_never_ends(site: Site, seconds: int) -> None:
    parked = await site.park(await site.executor(), timeout=seconds)
    process = await site.submit()
    assert (await parked).processid == process.processid


async def test_requests_that_cannot_be_parked(site: Site) -> None:
    worker = await site.executor()
    assert await site.refused(worker.identity, poll(site, 0)) == (
        400,
        "Invalid timeout value, timeout cannot be zero",
    )
    assert (await site.refused(worker.identity, poll(site, 9, availablecpu="muchm")))[0] == 400
    assert await site.refused(site.user, poll(site, 9)) == (
        500,
        "Failed to assign process, executor not found",
    )
    assert (await site.refused(site.owner, poll(site, 9)))[0] == 403
    assert await site.refused(worker.identity, poll(site, 9, availablecpu="1" * 100_000)) == (
        413,
        "A request that waits for work has at most 65536 bytes",
    )


@on_both_ledgers
async def test_a_paused_colony_hands_out_nothing(site: Site) -> None:
    worker = await site.executor()
    parked = await site.park(worker)
    await site.call(site.owner, PauseAssignments(colonyname=site.name))
    process = await site.submit()
    assert await site.refused(worker.identity, poll(site, -1)) == PAUSED
    assert await site.refused(worker.identity, poll(site, 1)) == PAUSED_AND_WAITED
    late = await site.park(worker)
    assert waiting(parked, late)
    await site.call(site.owner, ResumeAssignments(colonyname=site.name))
    assert (await parked).processid == process.processid
    assert waiting(late)
    process = await site.submit()
    assert (await late).processid == process.processid


async def test_a_resume_serves_as_many_as_there_is_work_for(site: Site) -> None:
    polls = [await site.park(await site.executor()) for _ in range(4)]
    await site.call(site.owner, PauseAssignments(colonyname=site.name))
    for _ in range(3):
        await site.submit()
    await site.call(site.owner, ResumeAssignments(colonyname=site.name))
    given = await asyncio.gather(*polls[:3])
    assert len({process.processid for process in given}) == 3
    assert waiting(polls[3])


async def test_another_colony_is_not_paused(server: Server) -> None:
    async with Site(server) as paused, Site(server) as other:
        await paused.call(paused.owner, PauseAssignments(colonyname=paused.name))
        parked = await other.park(await other.executor())
        process = await other.submit()
        assert (await parked).processid == process.processid


async def test_work_that_is_cancelled_is_not_given(site: Site) -> None:
    worker = await site.executor()
    process = await site.submit()
    await site.call(site.user, CancelProcess(processid=process.processid))
    assert await site.nothing_for(worker)


async def test_the_best_comes_first(site: Site) -> None:
    worker = await site.executor()
    processes = [await site.submit(priority=priority) for priority in (0, 5, 1)]
    given = [await site.assign(worker, timeout=60) for _ in processes]
    assert [process.processid for process in given] == [processes[number].processid for number in (1, 2, 0)]


async def test_what_comes_back_goes_to_whoever_waits(site: Site) -> None:
    first, second = await site.executor(), await site.executor()
    process = await site.submit()
    await site.assign(first)
    parked = await site.park(second)
    await site.call(site.owner, RemoveExecutor(colonyname=site.name, executorname=first.name))
    again = await parked
    assert (again.processid, again.retries) == (process.processid, 0)
    with pytest.raises(Refused, match="403"):
        await site.close(first, process)
    await site.close(second, process, "done")
    assert (await site.get(process)).output == ["done"]
