"""The running fold: whoever waits is told, whatever becomes of the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import AddColony, AddUser, Colony, GetColonies, GetProcess, User, payloadtype_of

from projections.event import Event, Outcome
from projections.fold import apply
from projections.registry import REGISTRY
from projections.state import State
from projections.system import Tick
from services.ledger import CodecError, EmbeddedLedger, EmbeddedOptions, LedgerUnavailable
from services.replica import NotServed, Replica, SystemWriter
from services.replica import replica as module
from tests.services.unsteady import COLONY, Client, Desk, UnsteadyLedger, until


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A replica over a ledger that can be held up."""
    desk = await Desk.open(tmp_path / "ledger")
    yield desk
    await desk.close()


def user(name: str) -> AddUser:
    return AddUser(user=User(COLONY, Identity.generate().id, name, "", ""))


async def test_an_answer_comes_when_the_record_is_durable_and_folded(desk: Desk) -> None:
    desk.ledger.hold = True
    answer = desk.execute(desk.owner, user("bob"))
    await asyncio.sleep(0)
    assert not answer.done()
    assert "bob" not in desk.replica.states[0].colonies[COLONY].users.by_name
    desk.ledger.release()
    assert (await answer).offset == desk.replica.states[0].next_offset - 1
    assert "bob" in desk.replica.states[0].colonies[COLONY].users.by_name


async def test_an_append_that_fails_is_unknown_and_its_record_an_orphan(desk: Desk) -> None:
    orphans: list[str] = []
    desk.replica.orphan_listeners.append(lambda event, _: orphans.append(event.record.payloadtype))
    desk.ledger.silent = True
    with pytest.raises(LedgerUnavailable, match="nobody knows"):
        await desk.execute(desk.owner, user("bob"))
    desk.ledger.silent = False
    await desk.call(desk.owner, user("carol"))
    assert "bob" in desk.replica.states[0].colonies[COLONY].users.by_name
    assert orphans == ["addusermsg"]


async def test_a_record_that_the_ledger_does_not_take(desk: Desk) -> None:
    signed_by = Identity.generate()
    large = AddColony(colony=Colony(signed_by.id, "x" * 70_000_000))
    with pytest.raises(CodecError, match="bytes"):
        await desk.execute(signed_by, large)
    await desk.call(desk.owner, user("bob"))


async def test_a_listener_that_fails_does_not_stop_the_fold(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: Event, outcome: Outcome) -> None:
        raise RuntimeError("a bug")

    heard: list[int] = []
    desk.replica.listeners.append(fail)
    desk.replica.listeners.append(lambda event, _: heard.append(event.offset))
    await desk.call(desk.owner, user("bob"))
    await desk.call(desk.owner, user("carol"))
    assert heard == [heard[0], heard[0] + 1]
    assert caplog.text.count("RuntimeError: a bug") == 2
    assert desk.replica.broken is None


async def test_a_fold_that_fails_ends_everything_with_a_word(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect in a rule: nothing after that record may be believed, and nobody may wait for ever."""

    def defect(state: State, event: Event) -> Outcome:
        if event.record.payloadtype == "addusermsg":
            raise ZeroDivisionError
        return apply(state, event)

    monkeypatch.setattr(module, "apply", defect)
    offset = desk.replica.states[0].next_offset
    answers = [desk.execute(desk.owner, user(name)) for name in ("bob", "carol")]
    for answer in answers:
        with pytest.raises(LedgerUnavailable, match=f"stopped at offset {offset}"):
            await answer
    assert desk.replica.fault == desk.replica.broken
    with pytest.raises(LedgerUnavailable, match=f"stopped at offset {offset}"):
        await desk.execute(desk.owner, user("dave"))
    assert await desk.ledger.end(0) == offset + 2, "what cannot be folded is not appended"


async def test_whoever_waits_at_the_end_is_told(tmp_path: Path) -> None:
    desk = await Desk.open(tmp_path / "ledger")
    desk.ledger.hold = True
    answer = desk.execute(desk.owner, user("bob"))
    await desk.replica.stop()
    with pytest.raises(LedgerUnavailable, match="the server is stopping"):
        await answer
    desk.ledger.refuse()
    await desk.close()


async def test_a_client_that_does_not_wait_for_its_answer(desk: Desk) -> None:
    answer = desk.execute(desk.owner, user("bob"))
    answer.cancel()
    orphans: list[Any] = []
    desk.replica.orphan_listeners.append(lambda event, _: orphans.append(event))
    await desk.call(desk.owner, user("carol"))
    assert "bob" in desk.replica.states[0].colonies[COLONY].users.by_name
    assert orphans == []


async def test_damage_is_found_on_the_way(tmp_path: Path) -> None:
    """In a segment that is not the last, only the fold meets it."""
    options = EmbeddedOptions(segment_bytes=4096)
    ledger = await UnsteadyLedger.open(tmp_path, options=options)
    assert isinstance(ledger, UnsteadyLedger)
    desk = Desk(ledger, 0)
    await desk.replica.start()
    for _ in range(30):
        await desk.execute(desk.owner, user("bob"))
    await desk.close()
    first = min((tmp_path / "0").glob("*.segment"))
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    damaged = await EmbeddedLedger.open(tmp_path, options=options)
    replica = Replica(damaged, "run")
    await replica.start()
    await replica.caught_up()
    assert replica.broken is not None
    folded, end = replica.progress
    assert folded < end == 30
    assert f"partition 0, offset {folded}:" in replica.broken
    await replica.stop()
    await damaged.close()


async def test_ids_and_names_lead_to_their_partitions(tmp_path: Path) -> None:
    ledger = await EmbeddedLedger.open(tmp_path, partitions=4)
    replica = Replica(ledger, "run")
    add = REGISTRY[payloadtype_of(AddColony)]
    homes = {
        replica.partition_of(add, AddColony(colony=Colony("", f"colony-{number}"))) for number in range(40)
    }
    assert homes == {0, 1, 2, 3}
    get = REGISTRY[payloadtype_of(GetProcess)]
    assert [replica.partition_of(get, GetProcess(processid=f"{tag:08x}{'0' * 56}")) for tag in range(4)] == [
        0,
        1,
        2,
        3,
    ]
    for nonsense in ("", "x", "-1", "zzzzzzzz", "\x00" * 8, "é" * 64):
        assert replica.partition_of(get, GetProcess(processid=nonsense)) in range(4)
    assert replica.partition_of(REGISTRY[payloadtype_of(GetColonies)], GetColonies()) is None
    await ledger.close()


async def test_a_parked_demand_is_not_harmed_by_what_others_do(desk: Desk) -> None:
    worker = await desk.executor("worker")
    parked = desk.ask(worker, Client())
    await asyncio.gather(*(desk.call(desk.owner, user(f"user-{number}")) for number in range(100)))
    assert not parked.answer.done()
    processid = await desk.submit()
    await until(parked.answer.done)
    assert desk.process(processid).record.assignedexecutorid == worker.id


async def test_a_partition_that_is_distrusted_is_left_and_the_others_go_on(tmp_path: Path) -> None:
    ledger = await EmbeddedLedger.open(tmp_path, partitions=3)
    replica = Replica(ledger, "run")
    await replica.start()
    await replica.caught_up()
    writer = SystemWriter(replica, Identity.generate())
    await asyncio.gather(*(writer.append(partition, Tick()) for partition in range(3)))
    add = REGISTRY[payloadtype_of(AddColony)]
    colonies = [AddColony(colony=Colony("", f"colony-{number}")) for number in range(40)]
    homes = [replica.partition_of(add, colony) for colony in colonies]
    waiting = writer.append(1, Tick())
    replica.distrust(1, "it is not what others fold")
    with pytest.raises(LedgerUnavailable, match="not what others fold"):
        await waiting
    assert (replica.fault, dict(replica.distrusted)) == (None, {1: "it is not what others fold"})
    assert [replica.partition_of(add, colony) for colony in colonies] == homes
    assert set(homes) == {0, 1, 2}
    assert (sorted(replica.served), sorted(replica.not_served)) == ([0, 2], [1])
    for partition in (0, 2):
        assert replica.state_served(partition) is replica.states[partition]
    with pytest.raises(NotServed, match="does not serve partition 1 any more: it is not") as missing:
        replica.state_served(1)
    assert missing.value.partition == 1
    end = await ledger.end(1)
    with pytest.raises(NotServed, match="not what others fold"):
        await writer.append(1, Tick())
    assert await ledger.end(1) == end, "what cannot be folded is not appended"
    for partition in (0, 2):
        assert (await writer.append(partition, Tick())).offset == 1
        await replica.catch_up(partition)
    replica.distrust(1, "more is known now")
    assert replica.distrusted[1] == "more is known now"
    for partition in (0, 2):
        replica.distrust(partition, f"partition {partition} is not either")
    assert replica.fault == replica.broken == "partition 2 is not either"
    await replica.stop()
    await ledger.close()


async def test_a_replica_has_caught_up_without_what_it_distrusts(tmp_path: Path) -> None:
    ledger = await EmbeddedLedger.open(tmp_path, partitions=2)
    first = Replica(ledger, "run")
    await first.start()
    await asyncio.gather(*(SystemWriter(first, Identity.generate()).append(each, Tick()) for each in (0, 1)))
    await first.stop()
    second = Replica(ledger, "another run")
    await second.start()
    second.distrust(0, "it is not what others fold")
    await second.caught_up()
    assert [state.next_offset for state in second.states] == [0, 1]
    assert second.fault is None
    await second.stop()
    await ledger.close()
