"""A server whose Kafka goes away and comes back."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from colonyledger.wire import (
    Conditions,
    FunctionSpec,
    GetProcesses,
    Process,
    ProcessState,
    SubmitFunctionSpec,
    signed,
)

from tests.conftest import StartServer
from tests.kafka_broker import KafkaBroker, running_broker
from tests.services.site import Site, error_in, eventually


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker that may be broken."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


async def health(site: Site) -> tuple[int, str]:
    answer = await site.http.get("/health")
    return answer.status_code, answer.json()["status"]


async def waiting(site: Site, kind: str) -> set[str]:
    asked = GetProcesses(colonyname=site.name, count=100, state=ProcessState.WAITING, executortype=kind)
    processes: list[Process] = await site.call(site.user, asked)
    return {process.processid for process in processes}


@pytest.mark.parametrize(("breaks", "mends"), [("kill", "start"), ("pause", "resume")])
async def test_kafka_goes_away_and_comes_back(
    start_server: StartServer, broker: KafkaBroker, breaks: str, mends: str
) -> None:
    server = start_server("--dev", "--ledger", f"kafka://{broker.bootstrap}/{uuid4().hex}")
    async with Site(server) as site:
        worker = await site.executor()
        acknowledged = {(await site.submit("other")).processid for _ in range(5)}
        parked = await site.park(worker)
        await asyncio.to_thread(broker.do, breaks)

        async def is_faulty() -> bool:
            return await health(site) == (503, "faulty")

        await eventually(is_faulty)
        reason = (await site.http.get("/health")).json()["reason"]
        assert broker.bootstrap in reason
        where = Conditions(site.name, executortype="other")
        submit = signed(
            SubmitFunctionSpec(spec=FunctionSpec(funcname="echo", conditions=where), nonce="n1"), site.user
        )
        for body in (submit, signed(GetProcesses(colonyname=site.name, count=1), site.user)):
            answer = await site.post(body)
            assert error_in(answer)[0] == 503
            assert answer.headers["retry-after"] == "1"
        assert not parked.done()
        await asyncio.to_thread(broker.do, mends)

        async def is_well() -> bool:
            return await health(site) == (200, "ready")

        await eventually(is_well)
        again = await site.post(submit)
        assert again.status_code == 200
        found = await waiting(site, "other")
        assert found >= acknowledged
        assert len(found) == len(acknowledged) + 1, "what was refused and sent again has one effect"
        process = await site.submit()
        assert (await parked).processid == process.processid
        await site.close(worker, process, "done")
        assert await asyncio.to_thread(server.stop) == 0


async def test_a_server_that_is_started_while_kafka_is_away(
    start_server: StartServer, broker: KafkaBroker
) -> None:
    server = start_server("--dev", "--ledger", f"kafka://{broker.bootstrap}/{uuid4().hex}")
    async with Site(server) as site:
        acknowledged = {(await site.submit()).processid for _ in range(5)}
        assert await asyncio.to_thread(server.stop) == 0
        await asyncio.to_thread(broker.do, "stop")
        await asyncio.to_thread(server.start, until_ready=False)
        site.http.base_url = httpx.URL(server.url)
        answer = await site.http.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "starting")
        assert broker.bootstrap in answer.json()["reason"]
        await asyncio.to_thread(broker.do, "start")
        await asyncio.to_thread(server.wait_until_ready)
        assert await waiting(site, "edge") == acknowledged


async def test_the_end_of_a_server_whose_kafka_does_not_answer(
    start_server: StartServer, broker: KafkaBroker
) -> None:
    topic = f"kafka://{broker.bootstrap}/{uuid4().hex}"
    server = start_server("--dev", "--ledger", topic, LEDGER_GRACEFUL_SECONDS="1")
    async with Site(server) as site:
        await asyncio.to_thread(broker.do, "pause")
        try:
            where = Conditions(site.name, executortype="edge")
            message = SubmitFunctionSpec(spec=FunctionSpec(funcname="echo", conditions=where))
            under_way = asyncio.create_task(site.post(signed(message, site.user)))
            await asyncio.sleep(0.1)
            server.send_signal(signal.SIGTERM)
            assert error_in(await under_way)[0] == 503
            assert await asyncio.to_thread(server.wait) == 0
            assert [line for line in server.lines if "Traceback" in line] == []
        finally:
            await asyncio.to_thread(broker.do, "resume")
