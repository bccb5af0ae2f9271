"""Channels of a process, and who may watch processes (logs-channels-realtime.md sections 2 and 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddChild,
    AddUser,
    CancelProcess,
    CancelProcessGraph,
    ChannelAppend,
    ChannelEntry,
    ChannelRead,
    Conditions,
    Empty,
    FunctionSpec,
    Message,
    Process,
    RejectExecutor,
    RemoveColony,
    RemoveExecutor,
    RemoveProcess,
    SubscribeChannel,
    User,
    encode,
    instant,
    payloadtype_of,
)

from projections import channel, channels
from projections.digest import state_digest
from projections.event import MessageAppended, Refusal
from projections.fold import answer
from projections.registry import REGISTRY, Kind
from projections.turn import View
from tests.projections.world import START, World, identity, refold

NOT_FOUND = (404, "Channel not found")


def append(world: World, who: Identity, process: Process, text: str = "hello", **more: Any) -> Empty:
    name = more.pop("name", "chat")
    message = ChannelAppend(processid=process.processid, name=name, payload=text.encode(), **more)
    return world.call(who, message)


def read(
    world: World, who: Identity, process: Process, name: str = "chat", afterseq: int = 0, limit: int = 0
) -> list[ChannelEntry]:
    message = ChannelRead(processid=process.processid, name=name, afterseq=afterseq, limit=limit)
    return world.call(who, message)


def texts(entries: list[ChannelEntry]) -> list[str]:
    return [(entry.payload or b"").decode() for entry in entries]


def subscribe(world: World, who: Identity, message: Message[Any]) -> Any:
    """What a subscription would watch.

    Raises:
        Refusal: the caller may not.
    """
    return answer([View(world.state, who.id)], REGISTRY[payloadtype_of(message)], message)


def refusal_of(world: World, who: Identity, message: Message[Any]) -> tuple[int, str]:
    with pytest.raises(Refusal) as refused:
        subscribe(world, who, message)
    return refused.value.status, refused.value.message


@pytest.fixture
def chat(world: World, edge: Identity) -> Process:
    """A process with the channels "chat" and "progress" that "edge" runs."""
    world.submit(channels=["chat", "progress"])
    return world.assign(edge)


def test_a_message_is_kept_as_it_was_sent(world: World, edge: Identity, chat: Process) -> None:
    world.advance(1)
    assert append(world, world.user, chat, sequence=7) == Empty()
    told = world.outcome.facts
    world.advance(1)
    append(world, edge, chat, "hi", sequence=-3, inreplyto=7, payloadtype="end")
    first, second = read(world, world.user, chat)
    assert first == ChannelEntry(
        sequence=7,
        timestamp=instant(START + 1_000_000_000),
        senderid=world.user.id,
        payload=b"hello",
        type="data",
    )
    assert second == ChannelEntry(
        sequence=-3,
        inreplyto=7,
        timestamp=instant(START + 2_000_000_000),
        senderid=edge.id,
        payload=b"hi",
        type="end",
    )
    assert told == [
        MessageAppended("dev", world.state.colonies["dev"].processes.by_id[chat.processid], "chat", 0, first)
    ]


def test_the_json_of_a_message(world: World, chat: Process) -> None:
    append(world, world.user, chat, sequence=2, inreplyto=1)
    world.call(world.user, ChannelAppend(processid=chat.processid, name="chat"))
    reply = world.reply(world.user, ChannelRead(processid=chat.processid, name="chat"))
    sender = world.user.id
    assert encode(reply).decode() == (
        '[{"sequence":2,"inreplyto":1,"timestamp":"2023-11-14T22:13:20Z",'
        f'"senderid":"{sender}","payload":"aGVsbG8=","type":"data"}},'
        '{"sequence":0,"timestamp":"2023-11-14T22:13:20Z",'
        f'"senderid":"{sender}","payload":null,"type":"data"}}]'
    )


@pytest.mark.parametrize(
    ("payload", "kept"),
    [("aGk=", b"hi"), ([104, 105], b"hi"), ([], b""), ("", b""), (None, None), ([0, 255], b"\x00\xff")],
)
def test_payloads_come_as_base64_or_as_numbers(
    world: World, chat: Process, payload: object, kept: bytes | None
) -> None:
    body = {"processid": chat.processid, "name": "chat", "payload": payload}
    assert world.send(world.user, "channelappendmsg", body).refusal is None
    assert [entry.payload for entry in read(world, world.user, chat)] == [kept]


@pytest.mark.parametrize("payload", ["aGk", "!!", [256], [-1], [1.5], ["a"], [None], [[1]], True, 1, {}])
def test_payloads_that_are_none(world: World, chat: Process, payload: object) -> None:
    body = {"processid": chat.processid, "name": "chat", "payload": payload}
    refusal = world.send(world.user, "channelappendmsg", body).refusal
    assert refusal is not None
    assert refusal.status == 400
    assert refusal.message.startswith("Failed to append to channel, invalid JSON: ")
    assert read(world, world.user, chat) == []


def test_messages_stay_in_the_order_of_arrival(world: World, edge: Identity, chat: Process) -> None:
    for who, sequence in ((world.user, 3), (edge, 9), (world.user, 1), (edge, 2)):
        append(world, who, chat, str(sequence), sequence=sequence)
    assert texts(read(world, edge, chat)) == ["3", "9", "1", "2"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({}, "abcd"),
        ({"afterseq": 1}, "bcd"),
        ({"afterseq": -5}, "abcd"),
        ({"afterseq": 4}, ""),
        ({"afterseq": 2**62}, ""),
        ({"limit": 2}, "ab"),
        ({"limit": -1}, "abcd"),
        ({"afterseq": 2, "limit": 1}, "c"),
        ({"afterseq": 2**62, "limit": 2**62}, ""),
    ],
)
def test_reading_by_position(world: World, chat: Process, where: dict[str, int], found: str) -> None:
    for letter in "abcd":
        append(world, world.user, chat, letter)
    for _ in range(2):
        assert "".join(texts(read(world, world.user, chat, "chat", **where))) == found


def test_channels_of_one_process_are_apart(world: World, chat: Process) -> None:
    append(world, world.user, chat, "here", name="progress")
    assert read(world, world.user, chat, "chat") == []
    assert texts(read(world, world.user, chat, "progress")) == ["here"]


def test_the_initiator_may_write_before_anybody_has_the_process(world: World, edge: Identity) -> None:
    process = world.submit(channels=["chat"])
    append(world, world.user, process, "early")
    assert world.refused(edge, ChannelRead(processid=process.processid, name="chat")) == (
        403,
        "Not authorized to read from channel",
    )
    assert world.assign(edge).processid == process.processid
    assert texts(read(world, edge, process)) == ["early"]


def test_the_spec_is_echoed(world: World) -> None:
    assert world.submit(channels=["b", "a", "b"]).spec.channels == ["b", "a", "b"]


def test_a_name_that_is_declared_twice_is_one_channel(world: World) -> None:
    process = world.submit(channels=["a", "", "a", "né"])
    for name in ("a", "", "né"):
        append(world, world.user, process, name=name)
        assert len(read(world, world.user, process, name)) == 1


def test_the_101st_channel_is_not_made(world: World) -> None:
    process = world.submit(channels=[str(number) for number in [*range(100), 0, 100]])
    append(world, world.user, process, name="99")
    message = ChannelAppend(processid=process.processid, name="100")
    assert world.refused(world.user, message) == NOT_FOUND


def test_processes_of_workflows_have_channels(world: World, edge: Identity) -> None:
    graph = world.workflow({"a": [], "b": ["a"]}, channels=["chat"])
    for name, process in world.members(graph).items():
        append(world, world.user, process, name)
        assert texts(read(world, world.user, process)) == [name]
    parent = world.assign(edge)
    spec = FunctionSpec(
        nodename="c", funcname="c", conditions=Conditions("dev", executortype="edge"), channels=["chat"]
    )
    child = world.call(
        edge, AddChild(processgraphid=graph.processgraphid, parentprocessid=parent.processid, spec=spec)
    )
    append(world, edge, child, "from who added it")
    assert texts(read(world, edge, child)) == ["from who added it"]


def requests(process: Process, name: str = "chat") -> list[tuple[str, Message[Any]]]:
    """All that can be done with a channel, with the words of its refusals."""
    processid = process.processid
    return [
        ("write to", ChannelAppend(processid=processid, name=name)),
        ("read from", ChannelRead(processid=processid, name=name)),
        ("subscribe to", SubscribeChannel(processid=processid, name=name)),
    ]


def told(world: World, who: Identity, message: Message[Any]) -> tuple[int, str]:
    if REGISTRY[payloadtype_of(message)].kind is Kind.SUBSCRIPTION:
        return refusal_of(world, who, message)
    return world.refused(who, message)


def everything_is_refused(world: World, who: Identity, process: Process, refusal: tuple[int, str]) -> None:
    for doing, message in requests(process):
        assert told(world, who, message) == (refusal[0], refusal[1].format(doing=doing))


NOT_A_PARTY = (403, "Not authorized to {doing} channel")
NO_PROCESS = (404, "Process not found")
NO_MEMBER = (403, "Access denied, not a member of Colony with name <dev>")


def another_user(world: World) -> Identity:
    world.call(world.owner, AddUser(user=User("dev", identity("bob").id, "bob")))
    return identity("bob")


def rejected(world: World) -> Identity:
    world.call(world.owner, RejectExecutor(colonyname="dev", executorname="edge1"))
    return identity("edge1")


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (another_user, NOT_A_PARTY),
        (lambda world: world.executor("edge2"), NOT_A_PARTY),
        (rejected, NO_MEMBER),
        (lambda world: world.owner, NO_MEMBER),
        (lambda world: world.server, NO_PROCESS),
        (lambda _: identity("stranger"), NO_PROCESS),
    ],
)
def test_who_may_not_use_a_channel(
    world: World, chat: Process, who: Callable[[World], Identity], refusal: tuple[int, str]
) -> None:
    everything_is_refused(world, who(world), chat, refusal)


def test_what_is_not_there(world: World, edge: Identity, chat: Process) -> None:
    for who in (world.user, edge):
        for _, message in requests(chat, "other"):
            assert told(world, who, message) == NOT_FOUND
        everything_is_refused(world, who, world.submit(), NOT_FOUND)
        everything_is_refused(world, who, Process("0" * 64, "", "", FunctionSpec()), NO_PROCESS)


def test_a_process_put_back_is_not_its_executor_s_any_more(world: World, edge: Identity) -> None:
    world.submit(channels=["chat"], maxexectime=10, maxretries=1)
    process = world.assign(edge)
    append(world, edge, process, "first")
    world.tick(11)
    everything_is_refused(world, edge, process, NOT_A_PARTY)
    other = world.executor("edge2")
    world.assign(other)
    everything_is_refused(world, edge, process, NOT_A_PARTY)
    append(world, other, process, "second")
    assert texts(read(world, world.user, process)) == ["first", "second"]


def removal(world: World, edge: Identity, process: Process) -> None:
    world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="edge1"))
    world.call(world.user, RemoveProcess(processid=process.processid))


ENDS: dict[str, Callable[[World, Identity, Process], object]] = {
    "success": lambda world, edge, process: world.close(edge, process, 1),
    "failure": lambda world, edge, process: world.fail(edge, process, "no"),
    "cancel": lambda world, _, process: world.call(world.user, CancelProcess(processid=process.processid)),
    "timeout": lambda world, *_: world.tick(11),
    "removal": removal,
}


@pytest.mark.parametrize("end", ENDS)
def test_channels_end_with_their_process(world: World, edge: Identity, end: str) -> None:
    world.submit(channels=["chat"], maxexectime=10)
    process = world.assign(edge)
    append(world, world.user, process)
    kept = world.state.colonies["dev"].processes.by_id[process.processid]
    ENDS[end](world, edge, process)
    if end == "removal":
        everything_is_refused(world, world.user, process, NO_PROCESS)
    else:
        assert kept.channels is None
        for who in (world.user, edge):
            everything_is_refused(world, who, process, NOT_FOUND)


def test_channels_end_when_waiting_or_a_workflow_ends(world: World) -> None:
    waiting = world.submit(channels=["chat"], maxwaittime=10)
    world.tick(11)
    everything_is_refused(world, world.user, waiting, NOT_FOUND)
    graph = world.workflow({"a": [], "b": ["a"]}, channels=["chat"])
    members = world.members(graph).values()
    world.call(world.user, CancelProcessGraph(processgraphid=graph.processgraphid))
    for process in members:
        everything_is_refused(world, world.user, process, NOT_FOUND)


def test_channels_end_with_their_colony(world: World, chat: Process) -> None:
    world.call(world.server, RemoveColony(colonyname="dev"))
    everything_is_refused(world, world.user, chat, NO_PROCESS)


def test_the_largest_message(world: World, chat: Process) -> None:
    largest = b"x" * (10 * 1024 * 1024 - 4)  # the type "data" counts
    world.call(world.user, ChannelAppend(processid=chat.processid, name="chat", payload=largest))
    larger = ChannelAppend(processid=chat.processid, name="chat", payload=largest + b"x")
    assert world.refused(world.user, larger) == (413, "message payload exceeds maximum size")
    assert [entry.payload for entry in read(world, world.user, chat)] == [largest]


def test_size_is_looked_at_before_the_caller(
    world: World, other: Identity, chat: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "MAX_MESSAGE_BYTES", 8)
    message = ChannelAppend(processid=chat.processid, name="chat", payload=b"12345")
    assert world.refused(other, message)[0] == 413


def test_too_many_messages_in_too_short_a_time(world: World, edge: Identity, chat: Process) -> None:
    for number in range(500):
        append(world, (world.user, edge)[number % 2], chat, name=("chat", "progress")[number % 2])
    message = ChannelAppend(processid=chat.processid, name="chat", nonce="n")
    too_many = (429, "rate limit exceeded")
    assert world.refused(world.user, message) == too_many
    world.advance(0.0099)
    assert world.refused(edge, message) == too_many
    world.advance(0.0001)
    assert world.call(world.user, message) == Empty()
    assert world.refused(world.user, ChannelAppend(processid=chat.processid, name="chat")) == too_many
    world.advance(100)
    for _ in range(500):
        append(world, world.user, chat)
    assert world.refused(world.user, ChannelAppend(processid=chat.processid, name="chat")) == too_many


def test_another_process_has_a_rate_of_its_own(world: World, chat: Process) -> None:
    for _ in range(500):
        append(world, world.user, chat)
    append(world, world.user, world.submit(channels=["chat"]))


def test_a_full_channel(world: World, chat: Process) -> None:
    message = ChannelAppend(processid=chat.processid, name="chat", payload=b"x")
    record = world.record(world.user, message)
    for _ in range(10_000):
        world.advance(0.01)
        assert world.append(record).refusal is None
    world.advance(10)
    assert world.refused(world.user, message) == (409, "channel log is full")
    append(world, world.user, chat, name="progress")
    assert len(read(world, world.user, chat)) == 10_000


def test_all_channels_of_a_process_hold_so_much(
    world: World, chat: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "MAX_CHANNEL_BYTES", 20)
    append(world, world.user, chat, "123456")
    append(world, world.user, chat, "123456", name="progress")
    message = ChannelAppend(processid=chat.processid, name="chat", payload=b"")
    assert world.refused(world.user, message) == (409, "channel log is full")


def test_a_reply_holds_so_much(world: World, chat: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in ("1234", "12345", "123456789012345"):
        append(world, world.user, chat, text)
    monkeypatch.setattr(channel, "MAX_CHANNEL_REPLY_BYTES", 16)
    assert texts(read(world, world.user, chat)) == ["1234"]
    monkeypatch.setattr(channel, "MAX_CHANNEL_REPLY_BYTES", 17)
    assert texts(read(world, world.user, chat)) == ["1234", "12345"]
    assert texts(read(world, world.user, chat, afterseq=2)) == ["123456789012345"]


def test_the_same_signed_message_is_appended_once(world: World, chat: Process) -> None:
    record = world.record(world.user, ChannelAppend(processid=chat.processid, name="chat", nonce="once"))
    for _ in range(2):
        assert world.append(record).refusal is None
    assert len(read(world, world.user, chat)) == 1


def test_a_replay_and_the_digest_hold_the_messages(world: World, chat: Process) -> None:
    before = state_digest(world.state)
    append(world, world.user, chat)
    assert state_digest(world.state) == state_digest(refold(world.events)) != before


def test_a_subscription_is_given_the_living_channel(world: World, edge: Identity, chat: Process) -> None:
    for who in (world.user, edge):
        process, entries = subscribe(world, who, SubscribeChannel(processid=chat.processid, name="chat"))
        assert process.record.processid == chat.processid
        append(world, who, chat)
        assert entries == read(world, who, chat)


def test_subscriptions_cannot_be_recorded(world: World, chat: Process) -> None:
    for name in ("subscribechannelmsg", "subscribeprocessmsg", "subscribeprocessesmsg"):
        refusal = world.send(world.user, name, {"processid": chat.processid, "name": "chat"}).refusal
        assert refusal is not None
        assert (refusal.status, refusal.message) == (403, f"invalid rpcMsg.PayloadType: {name}")
