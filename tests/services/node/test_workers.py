"""A server of several processes: it answers as one of a single process does, and outlives the death of any front."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import httpx
import pytest
from colonyledger.wire import (
    AddLog,
    Conditions,
    FunctionSpec,
    GetColony,
    GetColonyStatistics,
    GetProcesses,
    GetVersion,
    Process,
    ReplyEnvelope,
    RequestEnvelope,
    SubmitFunctionSpec,
    decode,
    encode,
    payloadtype_of,
    signed,
)
from websockets.asyncio.client import connect

from tests.conftest import StartServer
from tests.processes import children_of
from tests.servers import Server
from tests.services.site import Refused, Site, client_of, counted, error_in, eventually, reply_in

DIED = re.compile(r"front (\d) ended with code -9")
STOPPING = (503, "The server is stopping; ask again")


def fronts(server: Server) -> list[int]:
    """The processes that a server has started and that live."""
    return [pid for pid in children_of(server.process.pid) if is_alive(pid)]


def is_alive(pid: int) -> bool:
    """Whether a process runs, or has ended and nobody was told."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def until_dead(pids: list[int]) -> None:
    async def are_dead() -> bool:
        return not any(map(is_alive, pids))

    await eventually(are_dead)


@pytest.fixture
def server(start_server: StartServer) -> Server:
    """A server of three processes."""
    return start_server("--dev", "--workers", "2")


@pytest.fixture
async def site(server: Server) -> AsyncIterator[Site]:
    """A colony of the test's own."""
    async with Site(server) as site:
        yield site


def submission(site: Site, funcname: str) -> bytes:
    where = Conditions(colonyname=site.name, executortype="edge")
    spec = FunctionSpec(funcname=funcname, conditions=where)
    return signed(SubmitFunctionSpec(spec=spec, nonce=funcname), site.user)


async def test_every_process_answers_and_is_counted(site: Site) -> None:
    asked = signed(GetColony(colonyname=site.name), site.user)

    async def come_anew() -> dict[str, float]:
        async with client_of(site.server) as http:
            assert (await http.post("/api", content=asked)).status_code == 200
        lines = (await site.http.get("/metrics")).text.splitlines()
        seen = (re.match(r'colonyledger_front_requests_total\{front="(\d)"\} (\S+)', line) for line in lines)
        return {found[1]: float(found[2]) for found in seen if found}

    async def both_have_answered() -> bool:
        counts = await come_anew()
        return counts.keys() == {"0", "1"} and all(counts.values())

    assert len(fronts(site.server)) == 2
    assert await counted(site.http, "colonyledger_fronts") == 2
    await eventually(both_have_answered)


def test_the_servers_secrets_stay_with_the_owner(start_server: StartServer) -> None:
    server = start_server("--dev", "--workers", "2", LEDGER_PASSWORD="hushed", AWS_S3_SECRETKEY="hushed")
    for pid in fronts(server):
        assert b"hushed" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_one_process_is_one_process(start_server: StartServer) -> None:
    assert fronts(start_server("--dev", "--workers", "1")) == []


async def test_what_is_refused_is_refused_alike_and_counted_once(
    site: Site, start_server: StartServer
) -> None:
    alone = start_server("--dev", "--workers", "1")
    payload = decode(signed(GetColony(colonyname="x"), site.user), RequestEnvelope)
    bodies = [
        b"",
        b"{}",
        b'{"payloadtype": 1}',
        encode(RequestEnvelope(payload.payloadtype, payload.payload, "00")),
        encode(RequestEnvelope(payload.payloadtype, payload.payload, "no hex")),
        encode(RequestEnvelope("nosuchmsg", payload.payload, payload.signature)),
        encode(RequestEnvelope("", payload.payload, payload.signature)),
        encode(RequestEnvelope("ünknown" * 100, payload.payload, payload.signature)),
        encode(RequestEnvelope(payload.payloadtype, "not base64", payload.signature)),
        encode(payload),
        encode(RequestEnvelope(payload_type := payloadtype_of(GetVersion), "bnVsbA==", payload.signature)),
        encode(RequestEnvelope(payload_type, "e30=", "")),
    ]
    answers, rpcs = [], []
    for server in (site.server, alone):
        async with client_of(server) as http:
            before = await rpcs_of(http)
            answers.append([(await http.post("/api", content=body)) for body in bodies])
            rpcs.append(await rpcs_of(http) - before)
    with_fronts, without = ([(each.status_code, each.content) for each in of_one] for of_one in answers)
    assert with_fronts == without
    assert rpcs[0] == rpcs[1]
    assert rpcs[0].total() == len(bodies)
    assert rpcs[0]["unknown", "400"] > 0
    assert rpcs[0]["unknown", "403"] > 0


async def rpcs_of(http: httpx.AsyncClient) -> Counter[tuple[str, str]]:
    """How many RPCs a server has answered, by payload type and status."""
    lines = (await http.get("/metrics")).text.splitlines()
    seen = (
        re.match(r'colonyledger_rpcs_total\{payloadtype="(.*?)",status="(\d+)"\} (\d+)', line)
        for line in lines
    )
    return Counter({(found[1], found[2]): int(found[3]) for found in seen if found})


async def test_what_is_no_plain_rpc_goes_on_to_the_owner(site: Site) -> None:
    worker = await site.executor()
    await site.submit()
    process = await site.assign(worker)
    large = "x" * 300_000
    await site.call(worker.identity, AddLog(processid=process.processid, message=large))

    async def in_parts() -> AsyncIterator[bytes]:
        body = submission(site, "in parts")
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    assert reply_in(await site.http.post("/api", content=in_parts()), Process).spec.funcname == "in parts"
    foreign = await site.http.post(
        "/api", content=submission(site, "page"), headers={"Origin": "http://page"}
    )
    assert foreign.headers["access-control-allow-origin"] == "*"
    assert (await site.http.get("/nothing")).status_code == 404
    assert (await site.http.get("/pubsub")).status_code == 400
    async with connect(f"{site.server.url.replace('http', 'ws')}/pubsub") as websocket:
        await websocket.send(b"{}")
        assert decode(await websocket.recv(decode=False), ReplyEnvelope).error


async def test_a_large_answer_and_a_large_page(site: Site) -> None:
    for number in range(20):
        await site.submit(args=["x" * 50_000, str(number)])
    asked = signed(GetProcesses(colonyname=site.name, count=100, state=0), site.user)
    answers = await asyncio.gather(*(site.post(asked) for _ in range(5)))
    assert {len(reply_in(answer, list[Process])) for answer in answers} == {20}


async def test_too_much_work_is_refused_and_counted(start_server: StartServer) -> None:
    server = start_server("--dev", "--workers", "2", LEDGER_MAX_REQUESTS_IN_WORK="1")
    async with Site(server) as site:
        bodies = [submission(site, str(number)) for number in range(200)]
        answers = await asyncio.gather(*map(site.post, bodies))
        refused = [answer for answer in answers if answer.status_code == 503]
        assert {answer.status_code for answer in answers} == {200, 503}
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert await counted(site.http, "colonyledger_overloaded_total") == len(refused)
        assert await counted(site.http, "colonyledger_requests_in_work") == 0
        await site.submit()


async def test_executors_that_wait_and_those_that_hang_up(start_server: StartServer) -> None:
    """Also that waiting is no load, of front or owner."""
    server = start_server("--dev", "--workers", "2", LEDGER_MAX_REQUESTS_IN_WORK="1")
    async with Site(server) as site:
        leaver, stayer = await site.executor(), await site.executor()
        left, stayed = await site.park(leaver), await site.park(stayer)
        await site.hang_up(left)
        process = await site.submit()
        assert (await stayed).processid == process.processid
        assert await site.nothing_for(leaver)


async def test_the_death_of_a_front_hangs_up_for_its_clients(site: Site) -> None:
    polls = [await site.park(await site.executor()) for _ in range(10)]
    (doomed, _) = fronts(site.server)
    os.kill(doomed, signal.SIGKILL)
    site.server.wait_for(DIED)

    async def they_are_gone() -> bool:
        lost = sum(poll.done() for poll in polls)
        return await parked(site.server) == len(polls) - lost

    await eventually(they_are_gone)

    async def it_is_replaced() -> bool:
        return len(fronts(site.server)) == 2

    await eventually(it_is_replaced)
    assert all(isinstance(poll.exception(), httpx.TransportError) for poll in polls if poll.done())
    stayed = [poll for poll in polls if not poll.done()]
    given = [(await site.submit()).processid for _ in stayed]
    assert sorted([(await poll).processid for poll in stayed]) == sorted(given)


async def parked(server: Server) -> float:
    """How many executors wait, asked over a new connection."""
    async with client_of(server) as http:
        return await counted(http, "colonyledger_parked_demands")


class Submitters:
    """People who submit one process after the other, and again what was cut off, until it is `enough`."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.enough = asyncio.Event()
        self.acknowledged: list[str] = []
        self.cut_off = 0

    async def work(self, name: str) -> None:
        async with client_of(self.site.server) as http:
            for number in count():
                await self.submit(http, submission(self.site, f"{name}-{number}"))
                if self.enough.is_set():
                    return

    async def submit(self, http: httpx.AsyncClient, body: bytes) -> None:
        while True:
            with suppress(httpx.TransportError):
                answer = await http.post("/api", content=body)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    self.acknowledged.append(reply_in(answer, Process).processid)
                    return
            self.cut_off += 1
            await asyncio.sleep(0.01)

    async def have_done(self, more: int) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.acknowledged) + more

        async def are_acknowledged() -> bool:
            return len(self.acknowledged) >= wanted

        await eventually(are_acknowledged)

    async def all_is_there_once(self) -> None:
        """What was acknowledged is in the colony, and nothing else."""
        assert self.cut_off
        assert len(set(self.acknowledged)) == len(self.acknowledged)
        statistics = await self.site.call(self.site.user, GetColonyStatistics(colonyname=self.site.name))
        assert statistics.waitingprocesses == len(self.acknowledged)


async def test_kill_9_of_fronts_under_load(site: Site) -> None:
    """Whoever was cut off asks again; what was acknowledged is there, and everything once."""
    people = Submitters(site)

    async def there_are_two() -> bool:
        return len(fronts(site.server)) == 2

    async with asyncio.TaskGroup() as tasks:
        for name in "abcdefgh":
            tasks.create_task(people.work(name))
        for doomed in (0, 1, 0, 1):
            await people.have_done(100)
            os.kill(fronts(site.server)[doomed], signal.SIGKILL)
            await eventually(there_are_two)
        people.enough.set()
    await people.all_is_there_once()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restart_under_load(start_server: StartServer, number: signal.Signals) -> None:
    server = start_server("--dev", "--workers", "2")
    server.flags = (*server.flags, "--port", str(server.port))
    async with Site(server) as site:
        people = Submitters(site)
        async with asyncio.TaskGroup() as tasks:
            for name in "abcdefgh":
                tasks.create_task(people.work(name))
            await people.have_done(100)
            server.send_signal(number)
            assert await asyncio.to_thread(server.wait) in (0, -signal.SIGKILL)
            await asyncio.to_thread(server.start)
            await people.have_done(100)
            people.enough.set()
        await people.all_is_there_once()


async def test_kill_9_of_the_owner_ends_its_fronts(start_server: StartServer) -> None:
    server = start_server("--dev", "--workers", "2")
    async with Site(server) as site:
        await site.submit()
        await site.park(await site.executor("other"))
        began, port = fronts(server), server.port
        server.kill()
        await until_dead(began)
    with socket.create_server((server.host, port)):
        pass
    server.flags = (*server.flags, "--port", str(port))
    server.start()
    assert server.port == port
    assert len(fronts(server)) == 2
    assert server.stop() == 0


async def test_a_server_that_stops_answers_first(site: Site) -> None:
    server = site.server
    began = fronts(server)
    polls = [await site.park(await site.executor()) for _ in range(8)]
    idle = await asyncio.open_connection(server.host, server.port)
    tunnel = await asyncio.open_connection(server.host, server.port)
    tunnel[1].write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert await tunnel[0].readuntil(b"}")
    for pid in began:
        # As a service manager does that ends all processes of a service: the fronts wait for their owner.
        os.kill(pid, signal.SIGTERM)
    server.send_signal(signal.SIGTERM)
    for poll in polls:
        with pytest.raises(Refused) as refused:
            await poll
        assert (refused.value.status, refused.value.message) == STOPPING
    for reader, writer in (idle, tunnel):
        assert await reader.read() == b""
        writer.close()
    assert await asyncio.to_thread(server.wait) == 0
    assert not any(map(is_alive, began))
    assert not [line for line in server.lines if "Traceback" in line or "ended with code" in line]


async def test_a_server_that_is_not_ready_says_so(start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "reads").write_text("in the way")
    server = start_server("--dev", "--workers", "2", directory=tmp_path, wait=False)
    async with client_of(server) as http:
        assert (await http.get("/health")).status_code == 503
        for body in (signed(GetVersion(), Site(server).user), b"nonsense"):
            status, said = error_in(await http.post("/api", content=body))
            assert (status, said.partition(":")[0]) == (503, "Not ready")
    began = fronts(server)
    assert server.stop() == 0
    assert not any(map(is_alive, began))


def test_a_port_that_another_server_has(server: Server, start_server: StartServer) -> None:
    """Although it would share it, and the kernel would let both have it."""
    second = start_server("--dev", "--workers", "2")
    assert second.port != server.port
    assert second.stop() == 0
    second.flags = (*second.flags, "--port", str(server.port))
    with pytest.raises(
        AssertionError, match=f"it cannot listen on 127.0.0.1:{server.port}: Address already in use"
    ):
        second.start()
    assert server.health()[0] == 200


async def test_an_address_of_the_next_generation(start_server: StartServer) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    server = start_server("--dev", "--workers", "2", "--host", "::1")
    assert server.url == f"http://[::1]:{server.port}"
    async with Site(server) as site:
        await site.submit()


@pytest.mark.embedded("two servers want the same directory")
def test_a_server_that_cannot_start(start_server: StartServer) -> None:
    first = start_server("--dev")
    with pytest.raises(AssertionError, match="already in use by process"):
        start_server("--dev", "--workers", "2", directory=first.directory)
    assert first.health()[0] == 200
