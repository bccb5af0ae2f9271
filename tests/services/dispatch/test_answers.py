"""Requests that come through Kafka are answered as over HTTP."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from typing import Any
from uuid import uuid4

import pytest
from colonyledger.identity import Identity, digest_of
from colonyledger.kafka.protocol import MAX_REQUEST_BYTES
from colonyledger.wire import (
    AddColony,
    CloseSuccessful,
    Colony,
    Conditions,
    FunctionSpec,
    GetColonies,
    GetExecutors,
    GetProcess,
    GetProcesses,
    GetUsers,
    GetVersion,
    Message,
    RemoveProcess,
    SubmitFunctionSpec,
    encode,
    signed,
)

from projections import fold  # noqa: F401 (fills the registry)
from projections.registry import REGISTRY, Kind
from services.node.dev import SERVER_OWNER
from tests.services.dispatch.mailbox import Answer, Mailbox
from tests.services.site import Site, counted, eventually

STRANGER = Identity.generate()
SERVED = [name for name, rpc in REGISTRY.items() if rpc.kind in (Kind.COMMAND, Kind.QUERY)]


def inner(content: dict[str, Any], who: Identity, payloadtype: str | None = None) -> bytes:
    """A request whose message is any JSON."""
    payload = b64encode(encode(content)).decode()
    kind = content["msgtype"] if payloadtype is None else payloadtype
    return encode({"payloadtype": kind, "payload": payload, "signature": who.sign(payload.encode())})


async def as_over_http(site: Site, mailbox: Mailbox, body: bytes, who: Identity) -> Answer:
    """The answer over Kafka; over HTTP the same bytes get the same one."""
    answer = await mailbox.answer(await mailbox.put(body))
    over_http = await site.post(body)
    assert (answer.status, answer.body) == (over_http.status_code, over_http.content)
    assert answer.headers.get("retry-after") == over_http.headers.get("retry-after")
    assert (answer.topic, answer.key) == (mailbox.topics.replies, who.id)
    assert answer.headers["digest"] == digest_of(json.loads(body)["payload"].encode()).hex()
    return answer


@pytest.mark.parametrize("payloadtype", SERVED)
async def test_every_rpc_that_says_nothing(site: Site, mailbox: Mailbox, payloadtype: str) -> None:
    for who in (STRANGER, site.user):
        content = {"msgtype": payloadtype, "nonce": uuid4().hex}
        await as_over_http(site, mailbox, inner(content, who), who)


async def test_what_members_do(site: Site, mailbox: Mailbox) -> None:
    worker = await site.executor()
    process = await site.submit()
    where = Conditions(site.name, executortype="edge")
    spec = FunctionSpec(funcname="echo", args=["ü", {"a": [1.5, None]}], conditions=where)
    table: list[tuple[Identity, Message[Any], int]] = [
        (SERVER_OWNER, AddColony(colony=Colony(STRANGER.id, uuid4().hex), nonce="n1"), 200),
        (STRANGER, AddColony(colony=Colony(STRANGER.id, uuid4().hex), nonce="n2"), 403),
        (SERVER_OWNER, AddColony(colony=Colony(STRANGER.id, site.name), nonce="n3"), 400),
        (site.user, GetVersion(), 200),
        (site.user, SubmitFunctionSpec(spec=spec, nonce="n4"), 200),
        (STRANGER, SubmitFunctionSpec(spec=spec, nonce="n5"), 403),
        (worker.identity, CloseSuccessful(processid=process.processid, nonce="n6"), 403),
        (site.user, RemoveProcess(processid="0" * 64, nonce="n7"), 500),
        (site.user, GetProcess(processid=process.processid), 200),
        (STRANGER, GetProcess(processid=process.processid), 404),
        (site.user, GetExecutors(colonyname=site.name), 200),
        (site.user, GetProcesses(colonyname=site.name, count=10, state=0), 200),
        (worker.identity, GetUsers(colonyname=site.name), 200),
        (SERVER_OWNER, GetColonies(), 200),
    ]
    answers = [await as_over_http(site, mailbox, signed(message, who), who) for who, message, _ in table]
    assert [answer.status for answer in answers] == [status for _, _, status in table]


@pytest.mark.parametrize(
    ("content", "payloadtype"),
    [
        ({"msgtype": "nosuchmsg"}, None),
        ({"msgtype": "subscribeprocessesmsg"}, None),
        ({"msgtype": "ledgertick"}, None),
        ({"msgtype": "getcoloniesmsg"}, "getusersmsg"),
        ({"msgtype": "submitfuncspecmsg", "nonce": "n" * 1000, "spec": {}}, None),
        ({"msgtype": "submitfuncspecmsg", "nonce": 5}, None),
        ({"msgtype": "submitfuncspecmsg", "nonce": "n", "spec": "none"}, None),
        ({"msgtype": "assignprocessmsg", "nonce": "n", "timeout": "soon"}, None),
    ],
)
async def test_malformed_messages(
    site: Site, mailbox: Mailbox, content: dict[str, Any], payloadtype: str | None
) -> None:
    answer = await as_over_http(site, mailbox, inner(content, site.user, payloadtype), site.user)
    assert answer.status >= 400


async def test_a_command_without_a_nonce(site: Site, mailbox: Mailbox) -> None:
    answer = await mailbox.ask(SERVER_OWNER, AddColony(colony=Colony(STRANGER.id, uuid4().hex)))
    assert answer.error == (400, "A command over Kafka needs a nonce: Kafka may deliver it twice")


async def test_garbage_is_skipped_and_counted(site: Site, mailbox: Mailbox) -> None:
    good = json.loads(signed(GetColonies(), SERVER_OWNER))
    garbage = [
        b"",
        b"{",
        b"null",
        b"\xff\x00",
        b"x" * MAX_REQUEST_BYTES,
        b"[" * 1_000_000,
        encode({"payloadtype": "getcoloniesmsg", "payload": good["payload"]}),
        encode(good | {"signature": "zz" * 65}),
        encode(good | {"signature": "00" * 65}),
    ]
    before = await counted(site.http, "colonyledger_requests_skipped_total")
    names = [await mailbox.put(body) for body in garbage]

    async def all_skipped() -> bool:
        return await counted(site.http, "colonyledger_requests_skipped_total") == before + len(garbage)

    await eventually(all_skipped)
    assert (await mailbox.ask(SERVER_OWNER, GetColonies())).status == 200
    assert [answer for name in names for answer in mailbox.all_to(name)] == []


async def test_answers_go_to_who_signed(site: Site, mailbox: Mailbox) -> None:
    """What the sender claims by the record's key counts for nothing."""
    name = await mailbox.put(signed(GetColonies(), STRANGER), key=SERVER_OWNER.id)
    answer = await mailbox.answer(name)
    assert (answer.key, answer.status) == (STRANGER.id, 403)


async def test_a_changed_payload_is_answered_to_nobody_we_know(site: Site, mailbox: Mailbox) -> None:
    body = signed(GetColonies(), SERVER_OWNER).replace(b'"payload":"ey', b'"payload":"eY')
    answer = await mailbox.answer(await mailbox.put(body))
    assert answer.key != SERVER_OWNER.id
    assert answer.status >= 400


@pytest.mark.parametrize("name", ["", "i" * 129, "ü"])
async def test_ids_that_cannot_be_repeated(site: Site, mailbox: Mailbox, name: str) -> None:
    user = Identity.generate()
    await mailbox.put(signed(GetColonies(), user), name=name)
    await mailbox.ask(user, GetColonies())

    async def both_are_there() -> bool:
        return len([answer for answer in mailbox.answers if answer.key == user.id]) == 2

    await eventually(both_are_there)
    ids = [answer.ids for answer in mailbox.answers if answer.key == user.id]
    assert sorted(map(len, ids)) == [0, 1]


async def test_too_large_for_the_servers_but_not_for_the_brokers(site: Site, mailbox: Mailbox) -> None:
    where = Conditions(site.name, executortype="edge")
    spec = FunctionSpec(funcname="echo", args=["x" * 790_000], conditions=where)
    body = signed(SubmitFunctionSpec(spec=spec, nonce="large"), site.user)
    assert len(body) > MAX_REQUEST_BYTES
    answer = await mailbox.answer(await mailbox.put(body))
    assert answer.error[0] == 413
    largest = FunctionSpec(funcname="echo", args=["x" * 790_000], conditions=where)
    largest.args = ["x" * (790_000 - (len(body) - MAX_REQUEST_BYTES))]
    body = signed(SubmitFunctionSpec(spec=largest, nonce="largest"), site.user)
    assert len(body) <= MAX_REQUEST_BYTES
    await as_over_http(site, mailbox, body, site.user)


async def test_captured_requests_have_no_second_effect(site: Site, mailbox: Mailbox) -> None:
    where = Conditions(site.name, executortype="edge")
    body = signed(
        SubmitFunctionSpec(spec=FunctionSpec(funcname="echo", conditions=where), nonce="once"), site.user
    )
    first = await mailbox.answer(await mailbox.put(body))
    again = [await mailbox.put(body, key=uuid4().hex) for _ in range(20)]
    answers = [await mailbox.answer(name) for name in again]
    assert {(answer.status, answer.body) for answer in answers} == {(200, first.body)}
    at_once = signed(
        SubmitFunctionSpec(spec=FunctionSpec(funcname="echo", conditions=where), nonce="twice"), site.user
    )
    names = await asyncio.gather(*(mailbox.put(at_once, key=uuid4().hex) for _ in range(10)))
    answers = [await mailbox.answer(name) for name in names]
    assert len({(answer.status, answer.body) for answer in answers}) == 1
    waiting = await site.call(site.user, GetProcesses(colonyname=site.name, count=100, state=0))
    assert len(waiting) == 2


async def test_a_record_with_nothing_in_it(site: Site, mailbox: Mailbox) -> None:
    name = await mailbox.put(None)
    assert (await mailbox.ask(SERVER_OWNER, GetColonies())).status == 200
    assert mailbox.all_to(name) == []
