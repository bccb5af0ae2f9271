"""What the client makes of servers that are away, slow or strange."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator

import pytest
from colonyledger.client import Client
from colonyledger.errors import (
    AccessDenied,
    BadReply,
    ConfigurationError,
    ConnectionFailed,
    InvalidArgument,
    NotFound,
    NotReady,
    ServerRefused,
    WaitTimedOut,
)
from colonyledger.identity import Identity
from colonyledger.retries import Retries
from colonyledger.spec import function_spec
from colonyledger.sync.client import SyncClient
from colonyledger.wire import (
    AddLog,
    AssignProcess,
    Empty,
    FunctionSpec,
    GetColonies,
    GetVersion,
    Process,
    ProcessState,
    ReplyEnvelope,
    SubmitFunctionSpec,
    Version,
    encode,
)

from tests.sdk.conftest import FaultyServer

QUICK = Retries(attempts=3, first=0.001, longest=0.002)


def process(state: ProcessState = ProcessState.SUCCESS) -> Process:
    """A process as a server would send it."""
    return Process(
        processid="p", initiatorid="i", initiatorname="n", spec=FunctionSpec(funcname="f"), state=state
    )


@pytest.fixture
async def client(faulty: FaultyServer, identity: Identity) -> AsyncIterator[Client]:
    async with Client(faulty.url, identity, colony="dev", retries=QUICK) as made:
        yield made


async def test_a_call_is_signed_and_answered(
    faulty: FaultyServer, client: Client, identity: Identity
) -> None:
    faulty.says(process())
    submitted = await client.submit(function_spec("f"))
    assert submitted.spec.funcname == "f"
    assert faulty.signers() == [identity.id]
    (message,) = faulty.messages(SubmitFunctionSpec)
    assert message.spec is not None
    assert message.spec.conditions.colonyname == "dev"


@pytest.mark.parametrize("fault", ["drop", "refuse 503", "proxy 502", "proxy 503", "half a reply"])
async def test_a_command_is_repeated_as_it_was_signed(
    faulty: FaultyServer, client: Client, fault: str
) -> None:
    match fault:
        case "drop":
            faulty.drops()
        case "refuse 503":
            faulty.refuses(503, "not ready", retry_after="0")
        case "proxy 502":
            faulty.sends(502, b"<html>Bad gateway</html>")
        case "proxy 503":
            faulty.sends(503, b"")
        case "half a reply":
            faulty.writes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", closing=True)
    faulty.says({})
    await client.add_log("p", "line")
    assert len(faulty.bodies) == 2
    assert faulty.bodies[0] == faulty.bodies[1]


async def test_every_command_has_its_own_nonce(faulty: FaultyServer, client: Client) -> None:
    faulty.says({})
    await client.add_log("p", "line")
    await client.add_log("p", "line")
    nonces = [message.nonce for message in faulty.messages(AddLog)]
    assert len(set(nonces)) == 2
    assert all(len(bytes.fromhex(nonce)) == 16 for nonce in nonces)


async def test_a_given_nonce_is_kept(faulty: FaultyServer, client: Client) -> None:
    faulty.says({})
    await client.call(AddLog(processid="p", message="line", nonce="mine"))
    assert [message.nonce for message in faulty.messages(AddLog)] == ["mine"]


async def test_a_query_has_no_nonce_and_is_repeated(faulty: FaultyServer, client: Client) -> None:
    faulty.drops()
    faulty.says([])
    assert await client.get_colonies() == []
    assert [message.nonce for message in faulty.messages(GetColonies)] == ["", ""]


async def test_repeats_are_bounded(faulty: FaultyServer, client: Client) -> None:
    faulty.drops()
    with pytest.raises(ConnectionFailed, match="broke"):
        await client.get_colonies()
    assert len(faulty.bodies) == QUICK.attempts


async def test_a_server_that_stays_unready(faulty: FaultyServer, client: Client) -> None:
    faulty.refuses(503, "Kafka is away", retry_after="7")
    with pytest.raises(NotReady, match="Kafka is away") as raised:
        await client.get_colonies()
    assert raised.value.retry_after == 7.0
    assert len(faulty.bodies) == QUICK.attempts


async def test_a_long_retry_after_is_cut_short(faulty: FaultyServer, client: Client) -> None:
    faulty.refuses(503, "not ready", retry_after="86400")
    faulty.says([])
    async with asyncio.timeout(30):
        assert await client.get_colonies() == []


@pytest.mark.parametrize("retry_after", ["Fri, 31 Dec 2100 23:59:59 GMT", "-1", "soon", "²"])
async def test_a_strange_retry_after_is_ignored(
    faulty: FaultyServer, client: Client, retry_after: str
) -> None:
    faulty.refuses(503, "not ready", retry_after=retry_after.encode().decode("latin-1"))
    with pytest.raises(NotReady) as raised:
        await client.get_colonies()
    assert raised.value.retry_after is None


async def test_nobody_listens(nowhere: str, identity: Identity) -> None:
    async with Client(nowhere, identity, retries=QUICK) as client:
        with pytest.raises(ConnectionFailed, match=f"No server answers at {nowhere}"):
            await client.get_colonies()
        assert not await client.is_healthy()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"404 page not found",
        b"<html></html>",
        b"[]",
        b"null",
        b'{"payloadtype":"x","payload":"e30="}',
        b'{"payloadtype":"x","payload":1,"error":false}',
    ],
)
async def test_something_that_is_no_colonies_server(
    faulty: FaultyServer, client: Client, body: bytes
) -> None:
    faulty.sends(200, body)
    with pytest.raises(BadReply, match="does not answer like a Colonies server"):
        await client.get_colonies()
    assert len(faulty.bodies) == 1


@pytest.mark.parametrize(
    "payload",
    ["?", "e30", "bm90IGpzb24=", b64encode(b'{"a":1}').decode(), b64encode(b'[{"name":1}]').decode()],
)
@pytest.mark.parametrize("error", [True, False])
async def test_an_envelope_with_garbage_in_it(
    faulty: FaultyServer, client: Client, payload: str, error: bool
) -> None:
    faulty.sends(200, encode(ReplyEnvelope("getcoloniesmsg", payload, error)))
    with pytest.raises(BadReply, match="answered getcoloniesmsg with something unreadable"):
        await client.get_colonies()


async def test_a_body_that_is_not_compressed_as_it_says(faulty: FaultyServer, client: Client) -> None:
    faulty.writes(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope")
    with pytest.raises(BadReply, match="answered something unreadable"):
        await client.get_colonies()
    assert len(faulty.bodies) == 1


async def test_bytes_that_are_no_http(faulty: FaultyServer, client: Client) -> None:
    faulty.writes(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    with pytest.raises(ConnectionFailed):
        await client.get_colonies()


async def test_an_empty_list_may_be_null(faulty: FaultyServer, client: Client) -> None:
    faulty.says(None)
    assert await client.get_colonies() == []


async def test_null_is_no_record(faulty: FaultyServer, client: Client) -> None:
    faulty.says(None)
    with pytest.raises(BadReply):
        await client.get_colony()


async def test_a_refusal_is_not_repeated(faulty: FaultyServer, client: Client) -> None:
    faulty.refuses(403, "Access denied, not server owner")
    with pytest.raises(AccessDenied) as raised:
        await client.get_colonies()
    assert raised.value.payloadtype == "getcoloniesmsg"
    assert len(faulty.bodies) == 1


async def test_an_error_in_a_reply_with_status_200(faulty: FaultyServer, client: Client) -> None:
    payload = b64encode(b'{"status":404,"message":"No process available for assignment"}').decode()
    faulty.sends(200, encode(ReplyEnvelope("error", payload, error=True)))
    assert await client.assign(timeout=1) is None


@pytest.mark.parametrize("status", [404, 408])
async def test_nothing_to_do(faulty: FaultyServer, client: Client, status: int) -> None:
    faulty.refuses(status, "No process available for assignment")
    assert await client.assign(timeout=1) is None
    (message,) = faulty.messages(AssignProcess)
    assert (message.colonyname, message.timeout) == ("dev", 1)


async def test_whoever_does_not_wait_for_work_does_not_wait_for_the_server(
    faulty: FaultyServer, client: Client
) -> None:
    faulty.refuses(503, "No processes available: colony assignments are paused")
    with pytest.raises(NotReady):
        await client.assign(timeout=-1)
    assert len(faulty.bodies) == 1


async def test_another_refusal_of_assign(faulty: FaultyServer, client: Client) -> None:
    faulty.refuses(500, "Failed to assign process, executor not found")
    with pytest.raises(ServerRefused, match="executor not found"):
        await client.assign(timeout=1)


async def test_a_long_poll_outlasts_the_usual_silence(faulty: FaultyServer, identity: Identity) -> None:
    found = encode(ReplyEnvelope("assignprocessmsg", b64encode(encode(process())).decode(), error=False))
    faulty.sends(200, found, delay=0.5)
    async with Client(faulty.url, identity, colony="dev", timeout=0.1, retries=Retries(1)) as client:
        with pytest.raises(ConnectionFailed, match="silent"):
            await client.get_colonies()
        assigned = await client.assign(timeout=60)
    assert assigned is not None
    assert assigned.processid == "p"


async def test_waiting_ends_with_the_process(faulty: FaultyServer, client: Client) -> None:
    faulty.says(process(ProcessState.WAITING))
    faulty.says(process(ProcessState.RUNNING))
    faulty.says(process(ProcessState.FAILED))
    assert (await client.wait("p", timeout=60)).state == ProcessState.FAILED


async def test_waiting_has_an_end(faulty: FaultyServer, client: Client) -> None:
    faulty.says(process(ProcessState.RUNNING))
    with pytest.raises(WaitTimedOut, match=r"Process p did not end within 0\.1 s"):
        await client.wait("p", timeout=0.1)


async def test_what_json_cannot_hold_is_not_sent(faulty: FaultyServer, client: Client) -> None:
    for value in (object(), "\ud800", {(1, 2): 3}):
        with pytest.raises(InvalidArgument, match="submitfuncspecmsg cannot be sent as JSON"):
            await client.submit(function_spec("f", args=[value]))
    assert faulty.bodies == []


async def test_calls_that_need_no_key(faulty: FaultyServer) -> None:
    faulty.says(Version("v1", "today"), payloadtype="versionmsg")
    async with Client(faulty.url) as client:
        assert (await client.get_version()).buildversion == "v1"
        assert b'"signature":""' in faulty.bodies[0]
        assert faulty.messages(GetVersion) == [GetVersion()]
        with pytest.raises(ConfigurationError, match="getcoloniesmsg must be signed"):
            await client.get_colonies()
    assert len(faulty.bodies) == 1


async def test_one_client_for_several_keys_and_colonies(
    faulty: FaultyServer, client: Client, identity: Identity
) -> None:
    faulty.refuses(404, "No process available for assignment")
    other = Identity.generate()
    twin = client.using(other, colony="prod")
    await client.assign(timeout=1)
    await twin.assign(timeout=1)
    await client.using(colony="test").assign(timeout=1)
    assert faulty.signers() == [identity.id, other.id, identity.id]
    colonies = [message.colonyname for message in faulty.messages(AssignProcess)]
    assert colonies == ["dev", "prod", "test"]


async def test_a_colony_must_be_named(faulty: FaultyServer, identity: Identity) -> None:
    async with Client(faulty.url, identity) as client:
        with pytest.raises(ConfigurationError, match="No colony is named"):
            await client.assign(timeout=1)
    assert faulty.bodies == []


@pytest.mark.parametrize("url", ["", "localhost:50080", "ftp://h", "http://", "http://h:port", "http://[::1"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address of a server"):
        Client(url)


async def test_health(faulty: FaultyServer, client: Client) -> None:
    faulty.sends(200, b"")
    faulty.sends(503, b"")
    assert await client.is_healthy()
    assert not await client.is_healthy()


async def test_the_sync_client_does_the_same(faulty: FaultyServer, identity: Identity) -> None:
    faulty.drops()
    faulty.refuses(503, "not ready")
    faulty.says(Empty())
    faulty.says(None)
    faulty.refuses(404, "Failed to get process, process not found")

    def calls() -> None:
        with SyncClient(faulty.url, identity, colony="dev", retries=QUICK) as client:
            client.add_log("p", "line")
            assert client.get_colonies() == []
            with pytest.raises(NotFound):
                client.get_process("p")

    await asyncio.to_thread(calls)
    assert set(faulty.signers()) == {identity.id}
    assert faulty.bodies[0] == faulty.bodies[1] == faulty.bodies[2]
    assert len(faulty.bodies) == 5


async def test_hanging_up_reaches_the_server(faulty: FaultyServer, client: Client) -> None:
    arrived = asyncio.Event()

    async def never(_writer: asyncio.StreamWriter) -> None:
        arrived.set()

    faulty.answers.append(never)
    poll = asyncio.create_task(client.assign(timeout=60))
    await arrived.wait()
    poll.cancel()
    await asyncio.wait_for(faulty.hung_up.wait(), 30)
