"""Executors that ask for work through Kafka."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import httpx
from colonyledger.wire import (
    AssignProcess,
    CloseSuccessful,
    PauseAssignments,
    ProcessState,
    ResumeAssignments,
    signed,
)

from services.node.dev import SERVER_OWNER
from tests.services.dispatch.mailbox import Mailbox
from tests.services.site import NOTHING, Site, Worker, counted, eventually


def grant(site: Site, worker: Worker, timeout: int = 3600) -> bytes:
    """A new `assign`."""
    message = AssignProcess(colonyname=site.name, timeout=timeout, nonce=uuid4().hex)
    return signed(message, worker.identity)


async def parked(site: Site, number: float) -> None:
    """Wait until so many requests of Kafka are parked."""

    async def are_parked() -> bool:
        return await counted(site.http, "colonyledger_requests_parked") == number

    await eventually(are_parked)


async def test_what_waits_is_assigned_and_closed(site: Site, mailbox: Mailbox) -> None:
    worker = await site.executor()
    process = await site.submit()
    answer = await mailbox.answer(await mailbox.put(grant(site, worker)))
    assert (answer.topic, answer.key, answer.status) == (
        mailbox.topics.assignments,
        worker.identity.id,
        200,
    )
    assert answer.headers["processid"] == answer.process.processid == process.processid
    partition, _, offset = answer.headers["position"].partition(":")
    assert int(partition) < 64
    assert int(offset) > 0
    assert answer.process.state == ProcessState.RUNNING
    closing = CloseSuccessful(processid=process.processid, output=["done"], nonce="n1")
    assert (await mailbox.ask(worker.identity, closing)).status == 200
    assert list((await site.get(process)).output) == ["done"]


async def test_a_grant_waits_without_holding_up_anything(site: Site, mailbox: Mailbox) -> None:
    worker = await site.executor()
    name = await mailbox.put(grant(site, worker))
    await parked(site, 1)
    assert await counted(site.http, "colonyledger_requests_in_flight") == 0
    process = await site.submit()
    assert (await mailbox.answer(name)).process.processid == process.processid
    await parked(site, 0)


async def test_one_grant_one_process(site: Site, mailbox: Mailbox) -> None:
    """Several grants of one executor get different processes, and the same bytes get the same one."""
    worker = await site.executor()
    grants = [grant(site, worker) for _ in range(4)]
    names = [await mailbox.put(body) for body in grants]
    await parked(site, 4)
    again = [await mailbox.put(body, key=uuid4().hex) for body in grants]
    submitted = {(await site.submit()).processid for _ in range(6)}
    first = [(await mailbox.answer(name)).process.processid for name in names]
    assert len(set(first)) == 4
    assert set(first) <= submitted
    assert [(await mailbox.answer(name)).process.processid for name in again] == first
    later = [await mailbox.put(body) for body in grants]
    replayed = [await mailbox.answer(name) for name in later]
    assert [answer.process.processid for answer in replayed] == first
    assert {answer.topic for answer in replayed} == {mailbox.topics.assignments}
    await asyncio.gather(*(mailbox.put(grant(site, worker)) for _ in range(2)))
    rest = submitted - set(first)

    async def all_are_assigned() -> bool:
        return rest <= {answer.headers.get("processid") for answer in mailbox.answers}

    await eventually(all_are_assigned)


async def test_grants_that_end_with_nothing(site: Site, mailbox: Mailbox) -> None:
    worker = await site.executor()
    for timeout in (-1, 1):
        answer = await mailbox.answer(await mailbox.put(grant(site, worker, timeout)))
        assert (answer.topic, answer.error) == (mailbox.topics.replies, NOTHING)
    answer = await mailbox.answer(await mailbox.put(grant(site, worker, 0)))
    assert answer.status == 400
    await site.call(site.owner, PauseAssignments(colonyname=site.name))
    answer = await mailbox.answer(await mailbox.put(grant(site, worker, -1)))
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    name = await mailbox.put(grant(site, worker))
    await parked(site, 1)
    process = await site.submit()
    await site.call(site.owner, ResumeAssignments(colonyname=site.name))
    assert (await mailbox.answer(name)).process.processid == process.processid


async def test_a_withdrawn_grant_takes_nothing(site: Site, mailbox: Mailbox) -> None:
    worker = await site.executor()
    name = await mailbox.put(grant(site, worker), key=worker.identity.id)
    await parked(site, 1)
    await mailbox.put(None, name=name, key=worker.identity.id)
    answer = await mailbox.answer(name)
    assert (answer.topic, answer.error) == (mailbox.topics.replies, NOTHING)
    await parked(site, 0)
    process = await site.submit()
    assert (await site.get(process)).state == ProcessState.WAITING


async def test_who_does_not_know_the_id_cannot_withdraw(site: Site, mailbox: Mailbox) -> None:
    worker = await site.executor()
    body = grant(site, worker)
    name = await mailbox.put(body, key=worker.identity.id)
    await parked(site, 1)
    other = await mailbox.put(body, key="somebody else")
    await mailbox.put(None, name=other, key="somebody else")
    await mailbox.put(None, key=worker.identity.id)
    await mailbox.ask(SERVER_OWNER, AssignProcess(colonyname=site.name, timeout=-1, nonce=uuid4().hex))
    process = await site.submit()
    assert (await mailbox.answer(name)).process.processid == process.processid


async def test_the_same_grant_over_http_takes_the_place_of_the_first(site: Site, mailbox: Mailbox) -> None:
    worker = await site.executor()
    body = grant(site, worker)
    name = await mailbox.put(body)
    await parked(site, 1)
    over_http = asyncio.create_task(site.post(body))
    assert (await mailbox.answer(name)).status == 409
    await site.submit()
    assert (await over_http).status_code == httpx.codes.OK
