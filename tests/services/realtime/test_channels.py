"""Subscriptions to channels (logs-channels-realtime.md section 3.5)."""

from __future__ import annotations

import asyncio
from base64 import b64decode

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    CancelProcess,
    ChannelAppend,
    Process,
    RemoveExecutor,
    RemoveProcess,
    SubscribeChannel,
    SubscribeProcess,
)

from projections import channel
from services.realtime import RealtimeLimits
from tests.services.realtime.conftest import Node, Start, identity

ALICE, OWNER = identity("alice"), identity("owner")


def to_chat(process: Process, after: int = 0, timeout: int = 60, name: str = "chat") -> SubscribeChannel:
    return SubscribeChannel(processid=process.processid, name=name, afterseq=after, timeout=timeout)


@pytest.fixture
async def edge(node: Node) -> Identity:
    """An approved executor of type "edge"."""
    return await node.executor("edge1")


@pytest.fixture
async def chat(node: Node, edge: Identity) -> Process:
    """A process with the channels "chat" and "other" that "edge" runs."""
    await node.submit(channels=["chat", "other"])
    return await node.assign(edge)


@pytest.mark.parametrize(
    ("after", "first"),
    [(0, ["one", "two"]), (-3, ["one", "two"]), (1, ["two"]), (2, None), (9, None)],
)
async def test_what_is_there_comes_together_and_each_new_message_alone(
    node: Node, edge: Identity, chat: Process, after: int, first: list[str] | None
) -> None:
    await node.say(ALICE, chat, "one")
    await node.say(edge, chat, "two")
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_chat(chat, after))
        if first is not None:
            assert await subscriber.texts() == first
        await subscriber.settled()
        await node.say(edge, chat, "elsewhere", name="other")
        await node.say(ALICE, chat, "three")
        await node.say(edge, chat, "four")
        assert await subscriber.texts() == ["three"]
        assert await subscriber.texts() == ["four"]


async def test_messages_are_whole(node: Node, edge: Identity, chat: Process) -> None:
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_chat(chat))
        sent = ChannelAppend(
            processid=chat.processid,
            name="chat",
            sequence=3,
            inreplyto=2,
            payload=b"\x00\xff",
            payloadtype="end",
        )
        await node.call(edge, sent)
        (entry,) = await subscriber.entries()
        assert (entry.sequence, entry.inreplyto, entry.payload, entry.type) == (3, 2, b"\x00\xff", "end")
        assert (entry.senderid, entry.error) == (edge.id, "")


async def test_a_large_backlog_comes_in_several_frames(
    node: Node, chat: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in "abcde":
        await node.say(ALICE, chat, text)
    monkeypatch.setattr(channel, "MAX_CHANNEL_REPLY_BYTES", 2 * len("adata"))
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_chat(chat))
        assert [await subscriber.texts() for _ in range(3)] == [["a", "b"], ["c", "d"], ["e"]]


async def test_nothing_is_missed_or_comes_twice(node: Node, edge: Identity, chat: Process) -> None:
    count = 200

    async def talk() -> None:
        for number in range(count):
            await node.say((ALICE, edge)[number % 2], chat, str(number))

    async with node.subscriber() as subscriber:
        talking = asyncio.create_task(talk())
        await subscriber.ask(ALICE, to_chat(chat))
        heard: list[str] = []
        while len(heard) < count:
            heard += await subscriber.texts()
        await talking
        await subscriber.settled()
        assert heard == [str(number) for number in range(count)]


async def test_at_its_timeout_the_connection_stays(node: Node, chat: Process) -> None:
    await node.say(ALICE, chat, "one")
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_chat(chat, timeout=1))
        assert await subscriber.texts() == ["one"]
        frame = await subscriber.frame()
        assert (frame.payloadtype, frame.payload) == ("subscribechannelmsg", "W10=")
        await node.say(ALICE, chat, "two")
        await subscriber.ask(ALICE, to_chat(chat, after=1))
        assert await subscriber.texts() == ["two"]


async def test_a_negative_timeout_gives_what_is_there(node: Node, chat: Process) -> None:
    await node.say(ALICE, chat, "one")
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_chat(chat, timeout=-1))
        assert await subscriber.texts() == ["one"]
        assert await subscriber.entries() == []
        await subscriber.settled()


async def test_no_timeout_is_not_at_once(node: Node, chat: Process) -> None:
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_chat(chat, timeout=0))
        await subscriber.settled()
        await node.say(ALICE, chat, "one")
        assert await subscriber.texts() == ["one"]


@pytest.mark.parametrize("end", ["close", "cancel"])
async def test_when_the_process_ends_the_rest_is_sent_and_the_connection_closed(
    node: Node, edge: Identity, chat: Process, end: str
) -> None:
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_chat(chat))
        await subscriber.ask(ALICE, to_chat(chat, name="other"))
        await subscriber.settled()
        for number in range(3):
            await node.say(edge, chat, str(number))
        if end == "close":
            await node.close(edge, chat)
        else:
            await node.call(ALICE, CancelProcess(processid=chat.processid))
        frames = sorted([await subscriber.texts() for _ in range(5)])
        assert frames == [[], [], ["0"], ["1"], ["2"]]
        assert await subscriber.closed() == 1000


async def test_when_a_waiting_process_is_removed(node: Node) -> None:
    process = await node.submit(channels=["chat"])
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, to_chat(process))
        await subscriber.settled()
        await node.call(ALICE, RemoveProcess(processid=process.processid))
        assert await subscriber.entries() == []
        assert await subscriber.closed() == 1000


async def test_other_subscriptions_keep_the_connection_open(
    node: Node, edge: Identity, chat: Process
) -> None:
    async with node.subscriber() as subscriber:
        await subscriber.ask(ALICE, SubscribeProcess(processid=chat.processid, state=2, timeout=60))
        await subscriber.ask(ALICE, to_chat(chat))
        await subscriber.settled()
        await node.close(edge, chat)
        assert {(await subscriber.frame()).payloadtype for _ in range(2)} == {
            "subscribeprocessmsg",
            "subscribechannelmsg",
        }
        await subscriber.settled()


async def test_who_loses_the_process_loses_the_channel(node: Node, edge: Identity, chat: Process) -> None:
    async with node.subscriber() as executor, node.subscriber() as initiator:
        await executor.ask(edge, to_chat(chat))
        await executor.settled()
        await initiator.ask(ALICE, to_chat(chat))
        await initiator.settled()
        await node.call(OWNER, RemoveExecutor(colonyname="dev", executorname="edge1"))
        assert (await executor.refusal())[0] == 403
        assert await executor.closed() == 1000
        other = await node.executor("edge2")
        await node.assign(other)
        await node.say(other, chat, "hello")
        assert await initiator.texts() == ["hello"]


async def test_what_cannot_be_subscribed_to(node: Node, chat: Process) -> None:
    bob = await node.user("bob")
    other = await node.executor("edge2")
    plain = await node.submit()
    unknown = Process("0" * 64, "", "", chat.spec)
    async with node.subscriber() as subscriber:
        for who, message, refusal in (
            (ALICE, to_chat(unknown), (404, "Process not found")),
            (identity("stranger"), to_chat(chat), (404, "Process not found")),
            (identity("neighbour"), to_chat(chat), (404, "Process not found")),
            (OWNER, to_chat(chat), (403, "Access denied, not a member of Colony with name <dev>")),
            (ALICE, to_chat(chat, name="nowhere"), (404, "Channel not found")),
            (ALICE, to_chat(plain), (404, "Channel not found")),
            (bob, to_chat(chat), (403, "Not authorized to subscribe to channel")),
            (other, to_chat(chat), (403, "Not authorized to subscribe to channel")),
        ):
            await subscriber.ask(who, message)
            assert await subscriber.refusal() == refusal
        await subscriber.settled()


async def test_a_client_that_does_not_read_is_told_what_it_lost(start: Start) -> None:
    node = await start(RealtimeLimits(drain_seconds=1.4))
    edge = await node.executor("edge1")
    await node.submit(channels=["chat"])
    chat = await node.assign(edge)
    text = "x" * 1_000_000
    async with node.subscriber(receive_buffer=4096) as slow, node.subscriber() as quick:
        await slow.ask(ALICE, to_chat(chat))
        await slow.settled()
        for _ in range(30):
            await node.say(edge, chat, text)
        await node.close(edge, chat)
        await quick.ask(ALICE, SubscribeProcess(processid=chat.processid, state=2, timeout=2))
        assert (await quick.process()).state == 2
        assert await quick.closed() == 1000  # by then the slow one was given up
        for _ in range(30):
            frame = await slow.frame()
            content = b64decode(frame.payload)
            if b'"error":' in content:
                break
        assert content == (
            b'[{"sequence":0,"timestamp":"0001-01-01T00:00:00Z","senderid":"","payload":null,'
            b'"error":"subscriber disconnected: buffer full"}]'
        )
        assert await slow.closed() == 1000
