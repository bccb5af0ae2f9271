"""A ledger ends and goes on in one with more partitions: nothing is lost, nothing happens twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest
from colonyledger.identity import Identity
from colonyledger.record import Record, RecordKind
from colonyledger.wire import (
    AddCron,
    AddLog,
    AddUser,
    CloseSuccessful,
    GetColonies,
    GetProcess,
    GetStatistics,
    NewCron,
    SubmitFunctionSpec,
    User,
    WorkflowSpec,
    encode,
    json_text,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.digest import state_digest
from projections.epochs import Closed, Epoch, is_told
from projections.event import Change, Event, Outcome, ProcessChanged, Refusal
from projections.fold import answer, apply
from projections.ids import home_of, tag_of
from projections.image import ColonyHead, Part, StateLoader, dump
from projections.messages import read_message
from projections.registry import REGISTRY
from projections.state import State
from projections.system import Checkpointed, Heard, Tick
from projections.turn import View
from tests.golden.tour import tour
from tests.projections.invariants import check
from tests.projections.workload import Workload, history
from tests.projections.world import World, node, refold

COLONIES = ("dev", "other", "gamma", "c")
"""Their homes among eight partitions: 0, 3, 6, 2."""
GONE_ON = "This ledger is closed and goes on as ledger-2: ask a server of that one"
FEW = settings(max_examples=40, deadline=None)


def close(world: World) -> None:
    world.system(Closed(successor="ledger-2"))


def copy(events: Iterable[Event], partition: int) -> list[Event]:
    """What a partition of the next ledger begins with."""
    return [Event(partition, each.offset, each.time, copied(each.record, each.partition)) for each in events]


def copied(record: Record, partition: int) -> Record:
    """A record of a partition, in the next ledger."""
    return record if record.origin >= 0 else msgspec.structs.replace(record, origin=partition)


def goes_on(world: World, partition: int, partitions: int) -> World:
    """The world of a partition of the next ledger."""
    new = World()
    new.partition, new.now = partition, world.now
    new.events = copy(world.events, partition)
    new.state = refold(new.events)
    assert state_digest(new.state) == state_digest(world.state)
    new.system(Epoch(partitions=partitions, former="ledger"))
    check(new.state)
    return new


def images(state: State) -> dict[str, bytes]:
    """All that is kept of each colony, by its name."""
    kept: dict[str, list[Part]] = {}
    name = ""
    for part in dump(state):
        if isinstance(part, ColonyHead):
            name = msgspec.json.decode(part.record)["name"]
        if name and type(part).__name__ not in ("TimerRun", "NonceRun", "End"):
            kept.setdefault(name, []).append(part)
    return {name: msgspec.msgpack.encode(parts) for name, parts in kept.items()}


def peopled() -> World:
    """Colonies with work that waits, runs and is closed, deadlines, a cron and a file or two."""
    world = World()
    for name in COLONIES:
        world.colony(name)
        edge = world.executor(f"{name}-edge", colony=name)
        done, running = (world.submit(colony=name), world.submit(colony=name, maxexectime=60, maxretries=1))
        world.close(edge, world.assign(edge, name), "out")
        assert world.assign(edge, name).processid == running.processid
        world.call(edge, AddLog(processid=running.processid, message=done.processid))
        world.submit(colony=name, maxwaittime=50)
        world.workflow({"a": [], "b": ["a"]}, colony=name)
        clockwork = json_text(WorkflowSpec(name, [node("tick")]))
        cron = NewCron(colonyname=name, name="every", interval=40, workflowspec=clockwork)
        world.call(world.user, AddCron(cron=cron))
    return world


def test_a_closed_partition_refuses_everything_and_stays_as_it_is(world: World, edge: Identity) -> None:
    waiting = world.submit(maxwaittime=10)
    close(world)
    before, clock = state_digest(world.state), world.state.clock
    world.advance(60)
    message = SubmitFunctionSpec(spec=waiting.spec, nonce="again")
    for _ in range(2):
        with pytest.raises(Refusal) as refused:
            world.reply(world.user, message)
        assert (refused.value.status, refused.value.message) == (503, GONE_ON)
    for event in (Tick(), Heard(), Checkpointed(offset=1), Closed(successor="elsewhere")):
        outcome = world.system(event)
        assert outcome.refusal is not None
        assert (outcome.refusal.message, outcome.facts) == (GONE_ON, [])
    assert (world.state.clock, world.state.checkpoint) == (clock, None)
    assert world.state.next_offset == len(world.events)
    world.state.next_offset -= 6
    assert state_digest(world.state) == before
    assert world.get(waiting).state == 0
    assert world.state.timers.earliest is not None


def test_a_state_says_that_it_is_closed(world: World) -> None:
    open_digest = state_digest(refold(world.events))
    close(world)
    ticked = World()
    ticked.colony()
    ticked.tick()
    assert state_digest(world.state) not in (open_digest, state_digest(ticked.state))
    loader = StateLoader()
    for part in dump(world.state):
        loader.take(part)
    assert loader.finish().successor == "ledger-2"


def test_an_image_from_before_there_were_epochs_is_open(world: World) -> None:
    head, *rest = (msgspec.msgpack.encode(part) for part in dump(world.state))
    loader = StateLoader()
    for part in (msgspec.msgpack.encode(msgspec.msgpack.decode(head)[:-1]), *rest):
        loader.take(msgspec.msgpack.decode(part, type=Part))
    assert loader.finish().successor is None


@pytest.mark.parametrize("partitions", [2, 3, 4, 8])
def test_every_colony_goes_on_in_its_home_alone(partitions: int) -> None:
    world = peopled()
    before = images(world.state)
    close(world)
    found: dict[str, bytes] = {}
    for partition in range(partitions):
        new = goes_on(world, partition, partitions)
        kept = images(new.state)
        assert list(kept) == [each for each in COLONIES if home_of(tag_of(each), partitions) == partition]
        found |= kept
        assert new.state.server_id == world.server.id
        assert new.state.settings == world.state.settings
    assert found == before


def test_what_is_of_the_whole_server_is_counted_once() -> None:
    world = peopled()
    counted = answer_all([world], GetStatistics())
    close(world)
    worlds = [goes_on(world, partition, 4) for partition in range(4)]
    assert answer_all(worlds, GetStatistics()) == counted
    assert sorted(each.name for each in answer_all(worlds, GetColonies())) == sorted(COLONIES)


def answer_all(worlds: Sequence[World], message: Any) -> Any:
    views = [View(each.state, each.server.id, each.now) for each in worlds]
    rpc = next(each for each in REGISTRY.values() if each.message is type(message))
    return answer(views, rpc, message)


def test_deadlines_and_crons_that_came_meanwhile_happen_at_home_only() -> None:
    world = peopled()
    close(world)
    world.advance(70)
    told: list[str] = []
    for partition in range(8):
        outcome = goes_on(world, partition, 8).outcome
        told += [
            fact.colony
            for fact in outcome.facts
            if isinstance(fact, ProcessChanged) and fact.change is Change.PUT_BACK
        ]
        told += [
            fact.colony
            for fact in outcome.facts
            if isinstance(fact, ProcessChanged)
            and fact.change is Change.SUBMITTED
            and fact.process.funcname == "tick"
        ]
    assert sorted(told) == sorted(COLONIES * 2)


def test_work_goes_on_where_it_was() -> None:
    world = peopled()
    edge = world.executor("new-edge", colony="gamma")
    running = world.assign(edge, "gamma")
    close(world)
    new = goes_on(world, 6, 8)
    assert new.call(new.user, GetProcess(processid=running.processid)).state == 1
    new.call(edge, CloseSuccessful(processid=running.processid, output=["there"]))
    assert new.get(running).output == ["there"]
    fresh = new.submit(colony="gamma")
    assert new.get(fresh).state == 0
    elsewhere = goes_on(world, 2, 8)
    assert elsewhere.refused(world.user, GetProcess(processid=running.processid))[0] == 404


def test_an_epoch_keeps_nonces(world: World) -> None:
    message = AddUser(user=User("dev", "", "", "", ""), nonce="n")
    record = world.record(world.owner, message)
    first = world.append(record)
    close(world)
    again = goes_on(world, 0, 2).append(copied(record, 0))
    assert (first.refusal is None) == (again.refusal is None)
    assert encode(str(first.refusal)) == encode(str(again.refusal))


def test_an_epoch_of_an_epoch_comes_to_the_same() -> None:
    world = peopled()
    before = images(world.state)
    close(world)
    found: dict[str, bytes] = {}
    for partition in range(4):
        second = goes_on(world, partition, 4)
        close(second)
        for part in (partition, partition + 4):
            found |= images(goes_on(second, part, 8).state)
    assert found == before


def test_an_epoch_means_nothing_where_nothing_was_closed(world: World) -> None:
    before = images(world.state)
    outcome = world.system(Epoch(partitions=4))
    assert (outcome.refusal, outcome.facts, images(world.state)) == (None, [], before)


def test_only_an_epoch_that_can_be_opens_a_partition(world: World) -> None:
    close(world)
    wrong = [
        world.record(world.node, Epoch(partitions=0), RecordKind.SYSTEM),
        world.record(world.server, Epoch(partitions=4), RecordKind.RPC),
        world.signed(world.node, "ledgerepoch", b"!!", RecordKind.SYSTEM),
    ]
    for record in wrong:
        outcome = world.append(record)
        assert outcome.refusal is not None
        assert outcome.refusal.message == GONE_ON
    assert world.state.successor == "ledger-2"


def test_a_copy_has_the_ids_of_the_first_place() -> None:
    events = tour()
    first = state_digest(refold(events))
    assert state_digest(refold(copy(events, 3))) == first
    assert state_digest(refold(copy(copy(events, 3), 7))) == first
    moved = [Event(3, each.offset, each.time, each.record) for each in events]
    assert state_digest(refold(moved)) != first


@FEW
@given(st.integers(0, 10**6), st.sampled_from([2, 3, 4, 8]))
def test_a_random_history_goes_on_in_its_home(seed: int, partitions: int) -> None:
    """In partition 0 of each ledger, so that records after the epoch name the same ids: what concerns "dev" is alike."""
    workload = Workload(seed)
    workload.run(60)
    close(workload.world)
    at = len(workload.world.events)
    workload.world.system(Epoch(partitions=1))
    events = workload.run(60)
    home = home_of(tag_of("dev"), partitions)
    state, whole = State(), State()
    for event in events:
        expected = apply(whole, event)
        if event.offset < at:
            outcome = apply(state, copy([event], home)[0])
            assert said(outcome) == said(expected)
        elif event.offset == at:
            world = World()
            record = world.record(world.node, Epoch(partitions=partitions), RecordKind.SYSTEM)
            apply(state, Event(home, event.offset, event.time, record))
        elif home == 0:
            outcome = apply(state, event)
            if not concerns(event, "other"):
                assert told(outcome, "dev") == told(expected, "dev")
        if event.offset == at:
            assert images(state).get("dev") == images(whole).get("dev")
    if home == 0:
        assert images(state).get("dev") == images(whole).get("dev")
    check(state)


def said(outcome: Outcome) -> bytes:
    assert not outcome.failures
    return encode([outcome.reply, str(outcome.refusal), len(outcome.facts)])


def told(outcome: Outcome, colony: str) -> list[str]:
    return [type(fact).__name__ for fact in outcome.facts if fact.colony == colony]


def concerns(event: Event, colony: str) -> bool:
    rpc = REGISTRY.get(event.record.payloadtype)
    try:
        message = None if rpc is None else read_message(rpc, event.record.payload)
    except Refusal:
        return False
    return rpc is not None and message is not None and rpc.home(message) == colony


@FEW
@given(st.integers(0, 10**6), st.sampled_from([(2, 4), (3, 6), (1, 8), (4, 4)]))
def test_what_is_derived_is_told_once(seed: int, epochs: tuple[int, int]) -> None:
    """Of two epochs, one after the other: from one partition to some, from those to more."""
    few, many = epochs
    first = history(seed, 60)
    expected = sorted(every(first, 1))
    second = {partition: copy(first, partition) for partition in range(few)}
    assert sorted(each for events in second.values() for each in every(events, few)) == expected
    for partition, events in second.items():
        world, start = World(), len(events)
        world.colony(at_home(partition, few))
        world.executor("edge", colony=at_home(partition, few))
        events += [Event(partition, start + each.offset, each.time, each.record) for each in world.events]
    expected = sorted(each for events in second.values() for each in every(events, few))
    third = {partition: copy(second[partition % few], partition) for partition in range(many)}
    assert sorted(each for events in third.values() for each in every(events, many)) == expected


def at_home(partition: int, partitions: int) -> str:
    """The name of a colony with this home."""
    names = (f"colony-{number}" for number in range(1000))
    return next(name for name in names if home_of(tag_of(name), partitions) == partition)


def every(events: Sequence[Event], partitions: int) -> list[tuple[int, int, str]]:
    """What is told of records and facts: the first partition, the offset, and what."""
    state, found = State(), []
    for event in events:
        record = event.record
        where = event.partition if record.origin < 0 else record.origin
        outcome = apply(state, event)
        if is_told(event, "", partitions):
            found.append((where, event.offset, record.payloadtype))
        found += [
            (where, event.offset, type(fact).__name__)
            for fact in outcome.facts
            if is_told(event, fact.colony, partitions)
        ]
    return found
