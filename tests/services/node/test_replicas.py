"""Nodes that share the partitions of one ledger: whoever asks any of them is answered, wherever his colony is."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from uuid import uuid4

import httpx
import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddAttribute,
    AddColony,
    AddFunction,
    AddLog,
    AssignProcess,
    Attribute,
    ChangeServerId,
    ChannelAppend,
    ChannelRead,
    CloseSuccessful,
    Colony,
    Function,
    GetAttribute,
    GetCluster,
    GetColonies,
    GetFunctions,
    GetLogs,
    GetStatistics,
    Process,
    ProcessState,
    RemoveFunction,
    RemoveProcess,
    ReplyEnvelope,
    SubscribeProcess,
    SubscribeProcesses,
    decode,
    signed,
)
from websockets.asyncio.client import ClientConnection, connect

from services.ingress.forwarding import NOT_SERVED
from services.ingress.heads import MARK
from services.node.dev import SERVER_OWNER
from tests.conftest import StartServer
from tests.kafka_broker import KafkaBroker
from tests.servers import Server
from tests.services.dispatch.mailbox import Mailbox
from tests.services.shares import (
    PARTITIONS,
    colonies,
    fair_ports,
    make_ledger,
    name_in,
    partition_of,
    served_by,
    until_parked,
    until_shared,
)
from tests.services.site import NOTHING, Site, counted, error_in, eventually

NODES = 3


@pytest.fixture(params=[(1, 2), (2, 1)], ids=["1 node each, 2 processes", "2 nodes each, 1 process"])
async def servers(
    request: pytest.FixtureRequest, start_server: StartServer, kafka_broker: KafkaBroker
) -> list[Server]:
    """Nodes that were started together and have shared the partitions, each held by one or two of them."""
    url = await make_ledger(kafka_broker)
    replicas, workers = request.param
    flags = ("--dev", "--ledger", url, "--replicas", str(replicas), "--workers", str(workers))
    ports = [("--port", str(port)) for port in fair_ports(NODES, replicas)]
    first = await asyncio.to_thread(start_server, *flags, *ports[0])
    others = (asyncio.to_thread(start_server, *flags, *port) for port in ports[1:])
    started = [first, *await asyncio.gather(*others)]
    await until_shared(started, replicas)
    return started


async def test_every_node_answers_for_every_partition(servers: list[Server]) -> None:
    async with colonies(servers) as sites:
        await asyncio.gather(*(work_through(beside) for beside in sites))
        names = sorted(site.name for site, *_ in sites)
        for site in sites[0]:
            found = [colony.name for colony in await site.call(SERVER_OWNER, GetColonies())]
            assert sorted(set(found)) == sorted(found)
            assert set(names) <= set(found)
            counts = await site.call(SERVER_OWNER, GetStatistics())
            assert (counts.colonies, counts.successfulprocesses) == (len(found), PARTITIONS)
            assert len((await site.call(SERVER_OWNER, GetCluster())).nodes) == NODES
    forwarded = 0.0
    for server in servers:
        async with httpx.AsyncClient(base_url=server.url) as http:
            forwarded += await counted(http, "colonyledger_rpcs_forwarded_total")
            assert await counted(http, "colonyledger_rpcs_not_forwarded_total") == 0
    assert forwarded > 0


async def work_through(beside: list[Site]) -> None:
    """One process from its submission to its end, each step through another node and seen through all."""
    first, second, third = beside
    worker = await first.executor()
    chosen = f"function-{uuid4().hex}"
    function = Function(chosen, worker.name, "edge", first.name, "echo")
    await second.call(worker.identity, AddFunction(fun=function))
    process = await third.submit(channels=["talk"])
    for site in beside:
        assert (await site.get(process)).state == ProcessState.WAITING
    assert (await second.assign(worker)).processid == process.processid
    mine = Attribute(targetid=process.processid, key="found", value="42")
    attribute = await third.call(worker.identity, AddAttribute(attribute=mine))
    await first.call(worker.identity, AddLog(processid=process.processid, message="begun"))
    said = ChannelAppend(processid=process.processid, name="talk", sequence=1, payload=b"hello")
    await second.call(worker.identity, said)
    for site in beside:
        seen = await site.call(site.user, GetAttribute(attributeid=attribute.attributeid))
        assert seen.value == "42"
        asked = GetLogs(colonyname=site.name, processid=process.processid, count=10)
        assert [line.message for line in await site.call(site.user, asked)] == ["begun"]
        heard = await site.call(site.user, ChannelRead(processid=process.processid, name="talk"))
        assert [entry.payload for entry in heard] == [b"hello"]
        unknown = await site.refused(site.user, GetAttribute(attributeid="0" * 64))
        assert unknown == (400, "Attribute does not exists")
    await third.close(worker, process, "done")
    for site in beside:
        assert (await site.get(process)).state == ProcessState.SUCCESS
        assert await site.refused(worker.identity, site.poll()) == NOTHING
    await first.call(worker.identity, RemoveFunction(functionid=chosen))
    for site in beside:
        assert await site.call(site.user, GetFunctions(colonyname=site.name)) == []
        assert (await site.refused(worker.identity, RemoveFunction(functionid=chosen)))[0] == 404


async def test_executors_wait_at_nodes_that_do_not_hold_their_colony(servers: list[Server]) -> None:
    async with colonies(servers) as sites:
        for beside in sites:
            workers = [await beside[0].executor() for _ in servers]
            polls = [
                asyncio.create_task(site.assign(worker, timeout=60))
                for site, worker in zip(beside, workers, strict=True)
            ]
            await until_parked(servers, NODES)
            processes = [await beside[0].submit() for _ in polls]
            assigned = [await poll for poll in polls]
            assert {each.processid for each in assigned} == {each.processid for each in processes}
            for worker, process in zip(workers, assigned, strict=True):
                assert process.assignedexecutorid == worker.identity.id
                await beside[1].close(worker, process)


async def test_an_executor_that_hangs_up_leaves_nothing_behind(servers: list[Server]) -> None:
    async with colonies(servers) as sites:
        for site in [site for beside in sites for site in beside]:
            worker = await site.executor()
            poll = asyncio.create_task(site.assign(worker, timeout=60))
            await until_parked(servers, 1)
            poll.cancel()
            await until_parked(servers, 0)
            process = await site.submit()
            assert (await site.get(process)).state == ProcessState.WAITING
            await site.call(site.user, RemoveProcess(processid=process.processid))


async def test_subscriptions_to_what_other_nodes_hold(servers: list[Server]) -> None:
    async with colonies(servers) as sites:
        for beside in sites:
            worker = await beside[0].executor()
            process = await beside[0].submit()
            success = ProcessState.SUCCESS
            one = SubscribeProcess(processid=process.processid, state=success, timeout=60)
            each = SubscribeProcesses(
                executortype="edge", state=ProcessState.RUNNING, timeout=60, colonyname=beside[0].name
            )
            nameless = SubscribeProcesses(executortype="edge", state=ProcessState.WAITING, timeout=60)
            sockets = [await connect(f"{site.server.url.replace('http', 'ws')}/pubsub") for site in beside]
            for site, socket in zip(beside, sockets, strict=True):
                stranger = signed(one, Identity.generate()).decode()
                await socket.send(stranger)
                assert (await told(socket)).error
                await socket.send(signed(nameless, Identity.generate()).decode())
                assert (await told(socket)).error
                await socket.send(signed(nameless, site.user).decode())
                await socket.send(signed(one, site.user).decode())
                await socket.send(signed(each, site.user).decode())
            await until_subscribed(servers, 3 * NODES)
            waiting = await beside[0].submit()
            for socket in sockets:
                assert decode(payload(await told(socket)), Process).processid == waiting.processid
            await beside[0].assign(worker)
            for socket in sockets:
                assert decode(payload(await told(socket)), Process).state == ProcessState.RUNNING
            await beside[0].close(worker, process)
            for socket in sockets:
                assert decode(payload(await told(socket)), Process).state == success
                await socket.close()
            await until_subscribed(servers, 0)


async def told(socket: ClientConnection) -> ReplyEnvelope:
    """The next thing that a subscriber is told."""
    async with asyncio.timeout(60):
        frame = await socket.recv()
    return decode(frame.encode() if isinstance(frame, str) else frame, ReplyEnvelope)


def payload(envelope: ReplyEnvelope) -> bytes:
    """What is in an envelope that is no error."""
    assert not envelope.error
    return b64decode(envelope.payload)


async def until_subscribed(servers: list[Server], number: int) -> None:
    """Wait until there are so many subscriptions at the nodes that know of what happens."""

    async def are_subscribed() -> bool:
        subscriptions = 0.0
        for server in servers:
            async with httpx.AsyncClient(base_url=server.url) as http:
                subscriptions += await counted(http, "colonyledger_subscriptions")
                subscriptions -= await counted(http, "colonyledger_subscriptions_relayed")
        return subscriptions == number

    await eventually(are_subscribed)


async def test_what_was_forwarded_is_not_forwarded_again(servers: list[Server]) -> None:
    async with colonies(servers) as sites:
        served = {server.url: await served_by(server) for server in servers}
        kept = sent_away = 0
        for site in [site for beside in sites for site in beside]:
            body = signed(GetColonies(), SERVER_OWNER)
            process = signed(GetFunctions(colonyname=site.name), site.user)
            mark = {MARK.decode(): "1"}
            answer = await site.http.post("/api", content=process, headers=mark)
            if partition_of(site.name) in served[site.server.url]:
                kept += 1
                assert answer.status_code == 200
            else:
                sent_away += 1
                assert error_in(answer)[0] == 503
                assert answer.headers["retry-after"] == "1"
                assert answer.content == NOT_SERVED.body
            everything = {MARK.decode(): "1; " + ",".join(map(str, range(PARTITIONS)))}
            assert (await site.http.post("/api", content=body, headers=everything)).status_code == 503
            nonsense = {MARK.decode(): "1; -1, x, 99999999999, 77"}
            assert (await site.http.post("/api", content=body, headers=nonsense)).status_code == 503
        assert kept
        assert sent_away


@pytest.mark.parametrize("nonce", ["", "n1"])
async def test_a_new_owner_owns_every_partition(servers: list[Server], nonce: str) -> None:
    heir = Identity.generate()
    sites = [Site(server) for server in servers]
    for site in sites:
        assert (await site.refused(heir, ChangeServerId(serverid=heir.id)))[0] == 403
    await sites[0].call(SERVER_OWNER, ChangeServerId(serverid=heir.id, nonce=nonce))
    for number, site in enumerate(sites):
        assert (await site.refused(SERVER_OWNER, GetColonies()))[0] == 403
        for partition in range(PARTITIONS):
            colony = Colony(Identity.generate().id, name_in(partition))
            assert (await site.refused(SERVER_OWNER, AddColony(colony=colony)))[0] == 403
            await site.call(heir, AddColony(colony=colony))
        found: list[Colony] = await site.call(heir, GetColonies())
        assert len(found) == PARTITIONS * (number + 1) + 1
        await site.leave()


async def test_executors_on_kafka_reach_every_partition(
    servers: list[Server], kafka_broker: KafkaBroker
) -> None:
    """Whichever node reads their requests: it forwards them as others."""
    ledger = servers[0].flags[2].rpartition("/")[2]
    async with Mailbox(kafka_broker.bootstrap, ledger) as mailbox, colonies(servers) as sites:
        for site, *_ in sites:
            worker = await site.executor()
            for turn in range(2):
                asked = AssignProcess(colonyname=site.name, timeout=60, nonce=f"{turn}")
                name = await mailbox.put(signed(asked, worker.identity))
                process = await site.submit()
                answer = await mailbox.answer(name)
                assert (answer.topic, answer.status) == (mailbox.topics.assignments, 200)
                assert answer.process.processid == process.processid
                closing = CloseSuccessful(processid=process.processid, nonce=f"close-{turn}")
                assert (await mailbox.ask(worker.identity, closing)).status == 200
                assert (await site.get(process)).state == ProcessState.SUCCESS
