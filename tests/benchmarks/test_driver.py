"""The parts of the load driver that need no server."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator

import msgspec
import pytest
from colonyledger.identity import Identity
from colonyledger.wire import ErrorBody, GetColonies, ReplyEnvelope

from benchmarks.__main__ import arguments_of, command_of
from benchmarks.budget import Cost, beside_the_floor, budget_cells, with_rest
from benchmarks.connection import Broken, Connection, Refused, payload_of, request
from benchmarks.exchanges import Tickets, share
from benchmarks.sides import percentile
from benchmarks.site import Site
from benchmarks.workload import Effort
from benchmarks.workloads import workloads


def envelope(payload: bytes, *, error: bool = False) -> bytes:
    return msgspec.json.encode(ReplyEnvelope("x", b64encode(payload).decode(), error))


class Answering(asyncio.Protocol):
    """A server that answers with what it was given, in turn, however it was asked."""

    def __init__(self, replies: list[list[bytes]]) -> None:
        self.replies = replies

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.writelines(self.replies.pop(0))


@pytest.fixture
async def answers() -> AsyncIterator[tuple[str, list[list[bytes]]]]:
    replies: list[list[bytes]] = []
    server = await asyncio.get_running_loop().create_server(lambda: Answering(replies), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", replies


def sized(body: bytes, status: int = 200) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def test_the_payload_of_a_reply() -> None:
    assert payload_of(envelope(b"{}")) == b"{}"


def test_a_refusal_has_its_status() -> None:
    with pytest.raises(Refused, match="no such") as refused:
        payload_of(envelope(msgspec.json.encode(ErrorBody(404, "no such")), error=True))
    assert refused.value.status == 404


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"payloadtype":"x"}', b'{"payloadtype":"x","payload":"?","error":false}']
)
def test_what_is_no_reply_is_broken(body: bytes) -> None:
    with pytest.raises(Broken):
        payload_of(body)


async def test_a_conversation_goes_on_until_there_is_nothing_more_to_ask(
    answers: tuple[str, list[list[bytes]]],
) -> None:
    url, replies = answers
    replies += [[sized(b"one")], [sized(b"two", 503)]]
    connection = await Connection.open(url)
    heard: list[tuple[bytes, int]] = []

    def then(body: bytes, seconds: float) -> bytes | None:
        assert seconds > 0
        heard.append((body, connection.status))
        return b"again" if len(heard) == 1 else None

    await connection.converse(b"first", then)
    connection.close()
    assert heard == [(b"one", 200), (b"two", 503)]


async def test_chunks_are_put_together(answers: tuple[str, list[list[bytes]]]) -> None:
    url, replies = answers
    replies.append([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"])
    connection = await Connection.open(url)
    assert await connection.send(b"?") == b"abcde"
    connection.close()


async def test_an_error_in_a_conversation_reaches_who_waits_for_its_end(
    answers: tuple[str, list[list[bytes]]],
) -> None:
    url, replies = answers
    replies.append([sized(b"<html>")])
    connection = await Connection.open(url)
    with pytest.raises(Broken):
        await connection.call(b"?")
    connection.close()


async def test_requests_are_shared_and_each_reply_has_its_number(
    answers: tuple[str, list[list[bytes]]],
) -> None:
    url, replies = answers
    replies += [[sized(b"%d" % number)] for number in range(7)]
    connections = [await Connection.open(url) for _ in range(2)]
    done = await share(connections, [b"?"] * 7)
    for connection in connections:
        connection.close()
    assert sorted(number for number, _ in done.replies) == list(range(7))
    assert len(done.latencies) == 7


async def test_equal_replies_need_not_be_kept(answers: tuple[str, list[list[bytes]]]) -> None:
    url, replies = answers
    replies += [[sized(body)] for body in (b"same", b"same", b"other")]
    connection = await Connection.open(url)
    done = await share([connection], [b"?"] * 3, keeps_equal=False)
    connection.close()
    assert done.replies == [(0, b"same"), (2, b"other")]
    assert len(done.latencies) == 3


def test_a_request_is_complete() -> None:
    head, _, body = request(Identity.generate(), GetColonies()).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head


def assigned(executorid: str, state: int = 1) -> bytes:
    process = {"processid": "p", "isassigned": True, "assignedexecutorid": executorid, "state": state}
    return envelope(msgspec.json.encode(process))


def test_a_process_of_somebody_else_is_broken() -> None:
    executor = Identity.generate()
    assert Site.assigned(assigned(executor.id), executor).processid == "p"
    for wrong in (assigned("another"), assigned(executor.id, state=0)):
        with pytest.raises(Broken):
            Site.assigned(wrong, executor)


def test_there_are_no_more_tickets_than_processes_or_time() -> None:
    tickets = Tickets(2, 60)
    assert [tickets.take() for _ in range(3)] == [True, True, False]
    assert not Tickets(2, -1).take()


@pytest.mark.parametrize(("percent", "value"), [(0, 1.0), (50, 5.0), (99, 10.0), (100, 10.0)])
def test_percentiles(percent: float, value: float) -> None:
    assert percentile([float(number) for number in range(10, 0, -1)], percent) == value
    assert percentile([], percent) == 0.0


def test_workloads_are_named_once_and_those_that_must_be_flat_have_somebody_to_be_like() -> None:
    made = workloads(Effort())
    names = [workload.name for workload in made]
    assert len(set(names)) == len(names) == 18
    assert all(
        workload.goal.flat in names[: names.index(workload.name)] for workload in made if workload.goal.flat
    )


def test_what_is_none_of_the_steps_is_the_rest() -> None:
    costs = [
        Cost("recover", {"submit": 32.0}, {"submit": 30.0}, "coincurve"),
        Cost("base64", {"submit": 1.0}, {}, "in another step"),
        Cost("fold", {"submit": 10.0}, {}, ""),
    ]
    whole = {"submit": 120.0}
    rest = with_rest(costs, whole, {"submit": 4.0})[-1]
    assert rest.ours == {"submit": 78.0}
    assert beside_the_floor(costs, whole) == {"submit": 3.0}
    assert budget_cells([*costs, rest], whole)[1][0][1] == "32.0 / 30.0"


def test_others_have_names_and_processes() -> None:
    words = [
        "--against",
        "one=http://h:1",
        "--against",
        "two=http://h:2",
        "--processes",
        "two=7,8,9",
        "--no-kafka",
    ]
    one, two = arguments_of(words).others
    assert (one.name, one.url, one.pids) == ("one", "http://h:1", [])
    assert (two.name, list(two.pids), list(two.store)) == ("two", [7], [8, 9])
    assert arguments_of(["--against", "http://h:1"]).others[0].name == "other"


def test_the_command_can_be_repeated_on_another_day() -> None:
    words = ["--record", "--against", "one=http://h:50080", "--processes", "one=12,345"]
    assert command_of(words) == "make bench ARGS='--against one=http://h:50080 --processes one=PID,…'"
    assert command_of(["--record"]) == "make bench"
