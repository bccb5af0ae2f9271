"""Connections to `/pubsub`: what is refused, limits, membership, records (logs-channels-realtime.md section 3.1)."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from colonyledger.wire import (
    GetColonies,
    Message,
    RejectExecutor,
    RemoveColony,
    RemoveExecutor,
    RemoveUser,
    RequestEnvelope,
    SubscribeChannel,
    SubscribeProcess,
    SubscribeProcesses,
    encode,
    signed,
)
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from services.realtime import RealtimeLimits
from tests.services.realtime.conftest import PATIENCE, Node, Start, identity, request

ALICE, OWNER = identity("alice"), identity("owner")

WATCH = SubscribeProcesses(executortype="edge", state=0, timeout=60, colonyname="dev")


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 (what holds has no event of its own)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("frame", ["", "{", "[]", '"x"', '{"payloadtype":1}', b"\x00\xff"])
async def test_a_frame_that_is_no_request_ends_the_connection(node: Node, frame: str | bytes) -> None:
    async with node.subscriber() as subscriber:
        await subscriber.connection.send(frame)
        status, text = await subscriber.refusal()
        assert status == 400
        assert text.startswith("The request is not an RPC envelope: ")
        assert await subscriber.closed() == 1008


async def test_what_comes_after_such_a_frame_is_not_looked_at(node: Node) -> None:
    async with node.subscriber() as subscriber:
        for frame in ("{", "[", request("nonsensemsg", {}, ALICE)):
            await subscriber.connection.send(frame)
        assert (await subscriber.refusal())[0] == 400
        assert await subscriber.closed() == 1008


@pytest.mark.parametrize("signature", ["", "zz", "00" * 64, "00" * 65, "ff" * 65])
async def test_a_bad_signature_ends_the_connection(node: Node, signature: str) -> None:
    async with node.subscriber() as subscriber:
        payload = b64encode(encode(WATCH)).decode()
        await subscriber.connection.send(
            encode(RequestEnvelope("subscribeprocessesmsg", payload, signature)).decode()
        )
        assert (await subscriber.refusal())[0] == 403
        assert await subscriber.closed() == 1008


@pytest.mark.parametrize("message", [GetColonies(), SubscribeProcess()])
async def test_other_types_are_refused_and_the_connection_stays(node: Node, message: Message[Any]) -> None:
    async with node.subscriber() as subscriber:
        await subscriber.ask(identity("server"), message)
        status, text = await subscriber.refusal()
        assert status == 403
        assert text in ("invalid rpcMsg.PayloadType: getcoloniesmsg", "Invalid process with Id ")
        await subscriber.settled()


async def test_of_a_long_type_only_the_start_is_shown(node: Node) -> None:
    async with node.subscriber() as subscriber:
        await subscriber.connection.send(request("x" * 10_000, {}, ALICE))
        assert await subscriber.refusal() == (403, f"invalid rpcMsg.PayloadType: {'x' * 64}")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"msgtype": "subscribeprocessmsg"},
        {"msgtype": "subscribeprocessesmsg", "state": "0"},
        {"msgtype": "subscribeprocessesmsg", "timeout": 1.5},
        [],
        7,
    ],
)
async def test_a_request_that_cannot_be_understood(node: Node, body: object) -> None:
    async with node.subscriber() as subscriber:
        await subscriber.connection.send(request("subscribeprocessesmsg", body, ALICE))
        status, text = await subscriber.refusal()
        assert status == 400
        assert text.startswith("Failed to subscribe to processes, ")
        await subscriber.settled()


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        ("stranger", None),
        ("server", None),
        ("neighbour", None),
        ("owner", (403, "Access denied, not a member of Colony with name <dev>")),
        ("edge1", (403, "Access denied, not a member of Colony with name <dev>")),
    ],
)
async def test_who_may_not_subscribe(node: Node, who: str, refusal: tuple[int, str] | None) -> None:
    process = await node.submit()
    await node.executor("edge1")
    await node.call(OWNER, RejectExecutor(colonyname="dev", executorname="edge1"))
    invalid = (403, f"Invalid process with Id {process.processid}")
    denied = (403, "Access denied, not a member of Colony with name <dev>")
    async with node.subscriber() as subscriber:
        await subscriber.ask(identity(who), SubscribeProcess(processid=process.processid, timeout=60))
        assert await subscriber.refusal() == (refusal or invalid)
        await subscriber.ask(identity(who), WATCH)
        assert await subscriber.refusal() == denied
        await subscriber.settled()


async def test_it_answers_in_the_kind_of_frame_that_it_is_asked_in(node: Node) -> None:
    async with node.subscriber() as subscriber:
        for frame in (signed(WATCH, OWNER), signed(WATCH, OWNER).decode()):
            await subscriber.connection.send(frame)
            assert type(await subscriber.connection.recv()) is type(frame)


async def test_pings_are_answered_while_subscribed(node: Node) -> None:
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, WATCH)
        async with asyncio.timeout(PATIENCE):
            await (await subscriber.connection.ping())


async def test_a_client_that_hangs_up_leaves_nothing_behind(node: Node) -> None:
    process = await node.submit(channels=["chat"])
    async with node.subscriber() as subscriber:
        for message in (
            WATCH,
            SubscribeProcess(processid=process.processid, state=2, timeout=60),
            SubscribeChannel(processid=process.processid, name="chat"),
        ):
            await subscriber.ask(ALICE, message)
        await subscriber.settled()
        assert (node.pubsub.connections, node.pubsub.subscriptions) == (1, 3)
        subscriber.connection.transport.abort()
        await eventually(lambda: node.pubsub.connections == 0)
        assert node.pubsub.subscriptions == 0
        await node.submit()


Leave = Callable[[Node], Coroutine[Any, Any, object]]

LEAVING: dict[str, tuple[str, Leave]] = {
    "user removed": (
        "alice",
        lambda node: node.call(OWNER, RemoveUser(colonyname="dev", name="alice")),
    ),
    "executor rejected": (
        "edge1",
        lambda node: node.call(OWNER, RejectExecutor(colonyname="dev", executorname="edge1")),
    ),
    "executor removed": (
        "edge1",
        lambda node: node.call(OWNER, RemoveExecutor(colonyname="dev", executorname="edge1")),
    ),
    "colony removed": (
        "alice",
        lambda node: node.call(identity("server"), RemoveColony(colonyname="dev")),
    ),
}


@pytest.mark.parametrize("how", LEAVING)
async def test_who_is_no_member_any_more_hears_nothing_more(node: Node, how: str) -> None:
    who, leave = LEAVING[how]
    edge = await node.executor("edge1")
    await node.submit(channels=["chat"])
    process = await node.assign(edge)
    messages: list[Message[Any]] = [
        WATCH,
        SubscribeProcess(processid=process.processid, state=2, timeout=60),
        SubscribeChannel(processid=process.processid, name="chat", timeout=60),
    ]
    async with node.subscriber() as stays:
        await stays.ask(identity("neighbour"), SubscribeProcesses(executortype="edge", timeout=60))
        await stays.settled()
        async with node.subscriber() as subscriber:
            for message in messages:
                await subscriber.ask(identity(who), message)
            await subscriber.settled()
            await leave(node)
            refusals = [await subscriber.refusal() for _ in messages]
            assert {status for status, _ in refusals} <= {403, 404}
            assert await subscriber.closed() == 1000
        await node.submit("edge", who="neighbour")
        assert (await stays.process()).initiatorname == "neighbour"
    await eventually(lambda: node.pubsub.connections == 0)


async def test_a_key_with_two_roles_stays_as_long_as_one_of_them(node: Node) -> None:
    await node.user("edge1")
    edge = await node.executor("edge1")
    async with node.subscriber() as subscriber:
        await subscriber.ask(edge, WATCH)
        await subscriber.settled()
        await node.call(OWNER, RejectExecutor(colonyname="dev", executorname="edge1"))
        await node.submit()
        assert (await subscriber.process()).state == 0


async def test_subscriptions_are_on_record(node: Node) -> None:
    stranger = identity("stranger")
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, WATCH)
        await subscriber.ask(stranger, WATCH)
        await subscriber.refusal()
        await subscriber.settled()
    records = []
    async with asyncio.timeout(PATIENCE):
        async for events in node.reads.follow(0):
            records += [(event.record.payloadtype, event.record.identity) for event in events]
            if len(records) == 3:
                break
    watching = "subscribeprocessesmsg"
    assert records == [(watching, ALICE.id), (watching, stranger.id), ("nonsensemsg", stranger.id)]


async def test_subscribing_is_a_sign_of_life(node: Node) -> None:
    edge = await node.executor("edge1")
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, WATCH)
        await subscriber.ask(edge, WATCH)
        await subscriber.settled()
    assert node.heard == ["edge1"]


async def test_requests_are_counted(node: Node) -> None:
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, WATCH)
        await subscriber.ask(OWNER, WATCH)
        await subscriber.refusal()
        await subscriber.settled()
    counted = node.metrics.text().decode()
    for status in (200, 403):
        name = f'colonyledger_rpcs_total{{payloadtype="subscribeprocessesmsg",status="{status}"}}'
        assert f"{name} 1.0" in counted
    assert 'colonyledger_rpcs_total{payloadtype="unknown",status="403"} 1.0' in counted


async def test_one_connection_too_many(start: Start) -> None:
    node = await start(RealtimeLimits(max_connections=1))
    async with node.subscriber() as subscriber:
        await subscriber.settled()
        with pytest.raises(InvalidStatus) as refused:
            await connect(node.url, proxy=None)
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["Retry-After"] == "1"
        await subscriber.settled()
    await eventually(lambda: node.pubsub.connections == 0)
    async with node.subscriber() as subscriber:
        await subscriber.settled()


async def test_one_subscription_too_many(start: Start) -> None:
    node = await start(RealtimeLimits(max_subscriptions=2))
    async with node.subscriber() as subscriber:
        for _ in range(3):
            await subscriber.ask(ALICE, WATCH)
        assert await subscriber.refusal() == (429, "A connection has at most 2 subscriptions")
        await node.submit()
        for _ in range(2):
            assert (await subscriber.process()).state == 0


@pytest.mark.parametrize(
    "limits", [RealtimeLimits(max_buffered_frames=20), RealtimeLimits(max_buffered_bytes=2_000_000)]
)
async def test_a_client_that_does_not_read_is_disconnected(start: Start, limits: RealtimeLimits) -> None:
    node = await start(limits)
    large = ["x" * 200_000]
    async with node.subscriber(receive_buffer=4096) as slow, node.subscriber() as quick:
        for subscriber in (slow, quick):
            await subscriber.ask(ALICE, WATCH)
            await subscriber.settled()
        for _ in range(60):
            await node.submit(args=large)
            assert (await quick.process()).state == 0
        assert node.pubsub.subscriptions == 1
        told = 0
        while True:
            frame = await slow.frame()
            if frame.error:
                break
            told += 1
        assert told < 60
        assert await slow.closed() == 1013


async def test_a_process_larger_than_the_buffer_is_sent_all_the_same(start: Start) -> None:
    node = await start(RealtimeLimits(max_buffered_bytes=1000))
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, WATCH)
        await subscriber.settled()
        await node.submit(args=["x" * 10_000])
        assert (await subscriber.process()).spec.args == ["x" * 10_000]


async def test_a_connection_without_subscriptions_is_closed(start: Start) -> None:
    node = await start(RealtimeLimits(idle_seconds=0.3))
    async with node.subscriber() as idle, node.subscriber() as busy:
        await busy.ask(ALICE, WATCH)
        assert await idle.closed() == 1000
        await busy.settled()


async def test_a_client_that_does_not_say_goodbye_is_given_up(start: Start) -> None:
    node = await start(RealtimeLimits(drain_seconds=0.2))
    async with node.subscriber(receive_buffer=4096) as slow:
        await slow.ask(ALICE, SubscribeProcesses(executortype="edge", timeout=2, colonyname="dev"))
        await slow.settled()
        for _ in range(30):
            await node.submit(args=["x" * 200_000])
        await eventually(lambda: node.pubsub.connections == 0)
        assert node.pubsub.subscriptions == 0


async def test_requests_of_one_client_do_not_mix(node: Node) -> None:
    """Two identities on one connection: what the one loses, the other keeps."""
    bob = await node.user("bob")
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, WATCH)
        await subscriber.ask(bob, WATCH)
        await subscriber.settled()
        await node.call(OWNER, RemoveUser(colonyname="dev", name="bob"))
        assert await subscriber.refusal() == (403, "Access denied, not a member of Colony with name <dev>")
        process = await node.submit()
        assert (await subscriber.process()).processid == process.processid
        await subscriber.settled()
