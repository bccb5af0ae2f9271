"""One event in, the state changed, an outcome out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddColony,
    Colony,
    Empty,
    GetColonies,
    GetColony,
    Message,
    PauseAssignments,
    decode,
    encode,
)

from projections.digest import state_digest
from projections.event import AssignmentsResumed, Event, Refusal
from projections.fold import answer, apply, replayed
from projections.messages import read_message
from projections.nonces import Applied
from projections.registry import REGISTRY
from projections.state import State
from projections.timers import TIMERS
from projections.turn import Turn, View
from tests.projections.world import World, essence, refold


def test_clock_and_offset_follow_the_events(world: World) -> None:
    for seconds in (0, 3, -5, 1):
        latest = world.state.clock
        world.tick(seconds)
        assert world.state.clock == max(latest, world.now)
        assert world.state.next_offset == len(world.events)


@pytest.mark.parametrize(
    "payloadtype", ["", "nosuchmsg", "getcolonymsg", "versionmsg", "getnodemsg", "error"]
)
def test_what_is_no_command_is_refused(world: World, payloadtype: str) -> None:
    """Queries are recorded elsewhere; the text is that of envelope.md section 5."""
    before = essence(world.state)
    refusal = world.send(world.user, payloadtype, {"colonyname": "dev"}).refusal
    assert refusal is not None
    assert (refusal.status, refusal.message) == (403, f"invalid rpcMsg.PayloadType: {payloadtype}")
    assert essence(world.state) == before
    assert world.state.next_offset == len(world.events)


def test_a_message_that_is_decoded_already_is_folded_alike(world: World, edge: Identity) -> None:
    world.submit(env={"A": "1"})
    world.close(edge, world.assign(edge), 1)
    world.workflow({"a": [], "b": ["a"]})
    state = State()
    for event in world.events:
        message = decoded(event)
        before = encode(message)
        apply(state, Event(event.partition, event.offset, event.time, event.record, message))
        assert encode(message) == before
    assert state_digest(state) == state_digest(world.state)


def decoded(event: Event) -> Message[object]:
    return read_message(REGISTRY[event.record.payloadtype], event.record.payload)


def test_a_decoded_message_is_taken_as_it_is(world: World) -> None:
    """The payload is not read again: the node that decoded it is the one that folds it."""
    record = world.record(world.server, AddColony(colony=Colony(world.owner.id, "x")))
    message = AddColony(colony=Colony(world.owner.id, "y"))
    outcome = apply(world.state, Event(0, len(world.events), world.now, record, message))
    assert outcome.reply == Colony(world.owner.id, "y")


def test_a_query_about_the_whole_server_is_answered_from_all_partitions(world: World) -> None:
    second = World()
    second.colony("far")
    rpc = REGISTRY["getcoloniesmsg"]
    views = [View(each.state, world.server.id) for each in (world, second)]
    names = [colony.name for colony in answer(views, rpc, GetColonies())]
    assert names == ["dev", "far"]
    with pytest.raises(Refusal, match="Access denied, not server owner"):
        answer([View(world.state, world.owner.id)], rpc, GetColonies())


def test_a_query_about_a_colony_is_answered_from_its_partition(world: World) -> None:
    asked = GetColony(colonyname="dev")
    assert answer([View(world.state, world.user.id)], REGISTRY["getcolonymsg"], asked).name == "dev"


def test_what_was_kept_of_an_rpc_is_given_again() -> None:
    assert encode(replayed(Applied(0, b"", 200, b'{"a":1}'))) == b'{"a":1}'
    with pytest.raises(Refusal) as refused:
        replayed(Applied(0, b"", 409, b'{"status":409,"message":"no"}'))
    assert (refused.value.status, refused.value.message, refused.value.passing) == (409, "no", False)


def test_a_refusal_keeps_what_the_timers_did(world: World) -> None:
    process = world.submit(maxwaittime=5)
    world.advance(5)
    outcome = world.append(world.record(world.user, PauseAssignments(colonyname="dev")))
    assert outcome.refusal is not None
    assert len(outcome.facts) == 1
    assert world.get(process).state == 3


def test_the_reply_is_the_record_as_it_is_on_the_wire(world: World) -> None:
    outcome = world.append(world.record(world.owner, PauseAssignments(colonyname="dev")))
    assert outcome.reply == Empty()
    assert encode(outcome.reply) == b"{}"
    assert decode(b"{}", Empty) == Empty()


def test_two_folds_of_one_log_agree(world: World, edge: Identity) -> None:
    for _ in range(5):
        world.submit(maxwaittime=3, maxexectime=2, maxretries=1)
    world.assign(edge)
    world.tick(2)
    assert state_digest(refold(world.events)) == state_digest(world.state)
    assert essence(refold(world.events)) == essence(world.state)


# -- errors of the server's own ----------------------------------------------------------------------------


def broken(error: BaseException) -> Callable[..., None]:
    """A rule that changes something, and then cannot go on."""

    def rule(turn: Turn, *_: object) -> None:
        turn.tell(AssignmentsResumed("dev"))
        raise error

    return rule


def break_rule(monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException) -> None:
    monkeypatch.setitem(REGISTRY, name, REGISTRY[name]._replace(rule=broken(error)))


@pytest.mark.parametrize("nonce", ["", "n1"])
def test_an_error_of_the_server_s_own_does_not_stop_the_log(
    world: World, monkeypatch: pytest.MonkeyPatch, nonce: str
) -> None:
    error = ZeroDivisionError("broken")
    pausing = PauseAssignments(colonyname="dev", nonce=nonce)
    record = world.record(world.owner, pausing)
    with monkeypatch.context() as patch:
        break_rule(patch, "pauseassignmentsmsg", error)
        outcome = apply(world.state, Event(0, len(world.events), world.now, record))
    assert (outcome.reply, list(outcome.failures)) == (None, [error])
    assert outcome.refusal is not None
    assert outcome.refusal.status == 500
    assert "broken" not in outcome.refusal.message
    assert list(outcome.facts) == [AssignmentsResumed("dev")]
    assert world.state.next_offset == len(world.events) + 1
    assert apply(world.state, Event(0, len(world.events) + 1, world.now, record)).refusal is None


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), KeyboardInterrupt()])
def test_what_may_be_the_machine_s_fault_stops_the_fold(
    world: World, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    break_rule(monkeypatch, "pauseassignmentsmsg", error)
    with pytest.raises(type(error)):
        world.append(world.record(world.owner, PauseAssignments(colonyname="dev")))


def test_a_timer_that_fails_stops_neither_the_others_nor_the_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [world.submit(maxwaittime=5) for _ in range(3)]
    fire, error = TIMERS["waiting"].fire, ZeroDivisionError("broken")
    calls: list[object] = []

    def sometimes(turn: Turn, subject: object) -> None:
        calls.append(subject)
        if len(calls) == 2:
            raise error
        fire(turn, subject)

    monkeypatch.setitem(TIMERS, "waiting", TIMERS["waiting"]._replace(fire=sometimes))
    world.advance(5)
    record = world.record(world.owner, PauseAssignments(colonyname="dev"))
    outcome = apply(world.state, Event(0, len(world.events), world.now, record))
    assert (outcome.refusal, list(outcome.failures)) == (None, [error])
    assert [world.get(each).state for each in made] == [3, 0, 3]


def test_a_timer_that_meets_the_machine_s_limits_stops_the_fold(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TIMERS, "waiting", TIMERS["waiting"]._replace(fire=broken(MemoryError())))
    world.submit(maxwaittime=5)
    with pytest.raises(MemoryError):
        world.tick(5)
