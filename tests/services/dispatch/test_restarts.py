"""A node that stops and starts, that is asked more than it may serve at a time, or whose answers are too large."""

from __future__ import annotations

import asyncio
from secrets import token_hex
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from colonyledger.wire import (
    AssignProcess,
    Conditions,
    FunctionSpec,
    GetColonies,
    GetProcess,
    ProcessState,
    SubmitFunctionSpec,
    signed,
)

from services.dispatch.request import read_request
from services.node.dev import SERVER_OWNER
from tests.kafka_broker import KafkaBroker
from tests.services.dispatch.conftest import StartDispatching, start
from tests.services.dispatch.mailbox import Mailbox
from tests.services.site import NOTHING, Site, Worker, counted, eventually


def grant(site: Site, worker: Worker, timeout: int = 600) -> bytes:
    """A new `assign`."""
    return signed(AssignProcess(colonyname=site.name, timeout=timeout, nonce=uuid4().hex), worker.identity)


def submission(site: Site) -> bytes:
    spec = FunctionSpec(funcname="echo", conditions=Conditions(site.name, executortype="edge"))
    return signed(SubmitFunctionSpec(spec=spec, nonce=uuid4().hex), site.user)


async def test_a_node_that_may_serve_two_at_a_time(
    start_dispatching: StartDispatching, kafka_broker: KafkaBroker, ledger_topic: str
) -> None:
    server = await asyncio.to_thread(start_dispatching, LEDGER_MAX_REQUESTS_IN_FLIGHT="2")
    async with Site(server) as site, Mailbox(kafka_broker.bootstrap, ledger_topic) as mailbox:
        worker = await site.executor()
        parked = [await mailbox.put(grant(site, worker)) for _ in range(5)]

        async def are_parked() -> bool:
            return await counted(site.http, "colonyledger_requests_parked") == len(parked)

        await eventually(are_parked)
        names = await asyncio.gather(*(mailbox.put(submission(site)) for _ in range(100)))
        assert {(await mailbox.answer(name)).status for name in names} == {200}
        assert len({(await mailbox.answer(name)).process.processid for name in parked}) == 5
        waits = [await mailbox.put(grant(site, await site.executor("other"))) for _ in range(3)]

        async def wait_again() -> bool:
            return await counted(site.http, "colonyledger_requests_parked") == 3

        await eventually(wait_again)
        assert await asyncio.to_thread(server.stop) == 0
        for name in waits:
            answer = await mailbox.answer(name)
            assert answer.error == (503, "The server is stopping; ask again")
            assert answer.headers["retry-after"] == "1"
        meanwhile = [await mailbox.put(submission(site)) for _ in range(10)]
        garbage = await mailbox.put(b"{")
        await asyncio.to_thread(start, server)
        assert {(await mailbox.answer(name)).status for name in meanwhile} == {200}
        assert mailbox.all_to(garbage) == []
        assert all(len(mailbox.all_to(name)) == 1 for name in names), "what was committed is not read again"


async def test_answers_that_are_too_large(
    start_dispatching: StartDispatching, kafka_broker: KafkaBroker, ledger_topic: str
) -> None:
    server = await asyncio.to_thread(start_dispatching)
    async with Site(server) as site, Mailbox(kafka_broker.bootstrap, ledger_topic) as mailbox:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)
        await admin.start()
        for topic in mailbox.topics[1:]:
            configs = {"max.message.bytes": "65536"}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)])
        await admin.close()
        worker = await site.executor()
        large = await site.submit(args=[token_hex(100_000)], maxexectime=600)

        async def is_refused() -> bool:
            answer = await mailbox.ask(site.user, GetProcess(processid=large.processid))
            return answer.status == 413 and "ask over HTTP" in answer.error[1]

        await eventually(is_refused)
        answer = await mailbox.answer(await mailbox.put(grant(site, worker)))
        assert (answer.topic, answer.status) == (mailbox.topics.replies, 413)
        assert (await site.get(large)).state == ProcessState.RUNNING
        assert (await mailbox.ask(SERVER_OWNER, GetColonies())).status == 200


async def test_a_grant_that_comes_too_late(site: Site) -> None:
    worker = await site.executor()
    request = read_request(grant(site, worker, timeout=5))
    assert request.refusal(age=14) is None
    late = request.refusal(age=16)
    assert late is not None
    assert (late.status, late.message) == NOTHING
    assert read_request(submission(site)).refusal(age=3600) is None
