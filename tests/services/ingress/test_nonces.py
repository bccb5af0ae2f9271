"""Requests with a nonce, sent more than once (architecture, Evidence): one effect, one reply, as signed."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddUser,
    AssignProcess,
    CancelProcess,
    ChangeUserId,
    CloseSuccessful,
    Conditions,
    FunctionSpec,
    GetProcesses,
    Process,
    RemoveProcess,
    SubmitFunctionSpec,
    User,
    signed,
)

from tests.conftest import StartServer
from tests.services.site import NOTHING, Refused, Site, error_in, on_both_ledgers


def submission(site: Site, nonce: str, funcname: str = "echo") -> SubmitFunctionSpec:
    spec = FunctionSpec(funcname=funcname, conditions=Conditions(site.name, executortype="edge"))
    return SubmitFunctionSpec(spec=spec, nonce=nonce)


async def waiting(site: Site) -> int:
    processes: list[Process] = await site.call(
        site.user, GetProcesses(colonyname=site.name, count=100, state=0)
    )
    return len(processes)


def same(answers: list[httpx.Response]) -> bool:
    return len({(answer.status_code, answer.content) for answer in answers}) == 1


@on_both_ledgers
async def test_one_after_the_other(site: Site) -> None:
    body = signed(submission(site, "n1"), site.user)
    answers = [await site.post(body) for _ in range(3)]
    assert same(answers)
    assert answers[0].status_code == 200
    assert await waiting(site) == 1


@on_both_ledgers
async def test_at_the_same_time(site: Site) -> None:
    body = signed(submission(site, "n1"), site.user)
    assert same(await asyncio.gather(*(site.post(body) for _ in range(20))))
    assert await waiting(site) == 1


async def test_a_repeat_of_what_was_done_before_is_not_recorded_again(site: Site) -> None:
    body = signed(submission(site, "n1"), site.user)
    await site.post(body)
    before = await site.folded()
    await site.post(body)
    assert await site.folded() == before


async def test_without_a_nonce_every_one_counts(site: Site) -> None:
    body = signed(submission(site, ""), site.user)
    answers = [await site.post(body) for _ in range(3)]
    assert not same(answers)
    assert await waiting(site) == 3


async def test_a_nonce_stands_for_one_message_of_one_identity(site: Site) -> None:
    await site.call(site.user, submission(site, "n1"))
    assert await site.refused(site.user, submission(site, "n1", "other")) == (
        409,
        "This nonce was already used for another message",
    )
    other = Identity.generate()
    await site.call(site.owner, AddUser(user=User(site.name, other.id, "bob", "", "")))
    await site.call(other, submission(site, "n1"))
    assert await waiting(site) == 2


async def test_a_nonce_that_is_too_long(site: Site) -> None:
    status, _ = await site.refused(site.user, submission(site, "n" * 129))
    assert status == 400
    await site.call(site.user, submission(site, "n" * 128))
    assert await waiting(site) == 1


async def test_a_refusal_is_repeated_too(site: Site) -> None:
    process = await site.submit()
    await site.call(site.user, CancelProcess(processid=process.processid))
    body = signed(CancelProcess(processid=process.processid, nonce="n1"), site.user)
    answers = [await site.post(body) for _ in range(2)]
    assert same(answers)
    assert error_in(answers[0])[0] == 400


async def test_a_repeat_after_its_object_or_its_caller_is_gone(site: Site) -> None:
    """What the first one did must not make the repeat fail."""
    process = await site.submit()
    body = signed(RemoveProcess(processid=process.processid, nonce="n1"), site.user)
    assert same([await site.post(body) for _ in range(2)])
    renamed = Identity.generate()
    body = signed(ChangeUserId(colonyname=site.name, userid=renamed.id, nonce="n2"), site.user)
    answers = [await site.post(body) for _ in range(2)]
    assert same(answers)
    assert answers[0].status_code == 200


async def test_an_assignment_is_given_once(site: Site) -> None:
    worker = await site.executor()
    await site.submit()
    await site.submit()
    body = signed(AssignProcess(colonyname=site.name, timeout=-1, nonce="n1"), worker.identity)
    assert same([await site.post(body) for _ in range(2)])
    assert await waiting(site) == 1


async def test_an_empty_poll_may_be_repeated(site: Site) -> None:
    worker = await site.executor()
    body = signed(AssignProcess(colonyname=site.name, timeout=-1, nonce="n1"), worker.identity)
    assert error_in(await site.post(body)) == NOTHING
    await site.submit()
    assert (await site.post(body)).status_code == 200


async def test_a_parked_request_that_comes_again_goes_on_over_the_new_connection(site: Site) -> None:
    worker = await site.executor()
    asked = AssignProcess(colonyname=site.name, timeout=3600, nonce="n1")
    before = await site.parked()
    first = asyncio.create_task(site.call(worker.identity, asked))
    await site.until_parked(before + 1)
    other_worker = await site.executor()
    second_in_line = await site.park(other_worker)
    again = asyncio.create_task(site.refused(worker.identity, asked))
    with pytest.raises(Refused, match=r"409.*The same request came again"):
        await first
    assert await site.parked() == before + 2
    # It has kept its place in the line.
    newest = asyncio.create_task(site.call(worker.identity, asked))
    assert (await again)[0] == 409
    process = await site.submit()
    assert (await newest).processid == process.processid
    assert not second_in_line.done()
    assert await site.refused(
        worker.identity, AssignProcess(colonyname=site.name, timeout=60, nonce="n1")
    ) == (409, "This nonce was already used for another message")


async def test_after_a_restart_of_the_server(start_server: StartServer) -> None:
    server = start_server("--dev")
    async with Site(server) as site:
        worker = await site.executor()
        process = await site.submit()
        await site.assign(worker)
        bodies = [
            signed(submission(site, "n1"), site.user),
            signed(CloseSuccessful(processid=process.processid, output=[1], nonce="n2"), worker.identity),
            signed(CancelProcess(processid=process.processid, nonce="n3"), site.user),
        ]
        before = [await site.post(body) for body in bodies]
        assert [answer.status_code for answer in before] == [200, 200, 400]
        assert server.stop() == 0
        server.start()
        site.http.base_url = httpx.URL(server.url)
        folded = await site.folded()
        for body, answer in zip(bodies, before, strict=True):
            assert same([answer, await site.post(body)])
        assert await site.folded() == folded
        assert await waiting(site) == 1
