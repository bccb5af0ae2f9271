"""RPCs with a nonce are applied once (architecture, Evidence and proofs)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.record import Record
from colonyledger.wire import (
    AddUser,
    AssignProcess,
    CloseFailed,
    CloseSuccessful,
    Conditions,
    FunctionSpec,
    Message,
    PauseAssignments,
    Process,
    RemoveProcess,
    RemoveUser,
    SubmitFunctionSpec,
    User,
    decode,
    encode,
)

from projections import nonces
from projections.digest import state_digest
from projections.event import Outcome, Refusal
from projections.system import Undelivered
from tests.projections.world import World, essence, refold

SPEC = FunctionSpec(funcname="echo", conditions=Conditions("dev", executortype="edge"))
DAY = 86_400


def submission(nonce: str, label: str = "") -> SubmitFunctionSpec:
    conditions = Conditions("dev", executortype="edge")
    return SubmitFunctionSpec(
        spec=FunctionSpec(funcname="echo", conditions=conditions, label=label), nonce=nonce
    )


def refusal(outcome: Outcome) -> tuple[int, str]:
    assert outcome.refusal is not None
    return outcome.refusal.status, outcome.refusal.message


def json(outcome: Outcome) -> bytes:
    assert outcome.refusal is None
    return encode(outcome.reply)


def done(world: World, who: Identity, message: Message[Any]) -> Record:
    """Do an RPC and give the record, to repeat it."""
    record = world.record(who, message)
    world.append(record)
    return record


def test_a_repeat_gets_the_same_reply_and_has_no_effect(world: World, edge: Identity) -> None:
    record = world.record(world.user, submission("n1"))
    first = json(world.append(record))
    before = essence(world.state)
    for _ in range(3):
        world.advance(1)
        repeated = world.append(record)
        assert json(repeated) == first
        assert list(repeated.facts) == []
    assert essence(world.state) == before
    world.assign(edge)
    assert json(world.append(record)) == first
    assert world.statistics().waitingprocesses == 0


def test_without_a_nonce_the_same_bytes_have_their_effect_twice(world: World) -> None:
    record = done(world, world.user, submission(""))
    world.append(record)
    assert world.statistics().waitingprocesses == 2


def test_a_refusal_is_repeated_too(world: World) -> None:
    removing = world.record(world.owner, RemoveUser(colonyname="dev", name="bob", nonce="n1"))
    refused = (400, "User with name <bob> not found")
    assert refusal(world.append(removing)) == refused
    world.call(world.owner, AddUser(user=User("dev", "", "bob")))
    assert refusal(world.append(removing)) == refused
    assert world.call(world.owner, RemoveUser(colonyname="dev", name="bob", nonce="n2")) is not None


def test_a_nonce_belongs_to_one_message(world: World) -> None:
    done(world, world.user, submission("n1"))
    conflict = (409, "This nonce was already used for another message")
    assert refusal(world.append(world.record(world.user, submission("n1", "other")))) == conflict
    assert world.statistics().waitingprocesses == 1


def test_a_nonce_belongs_to_one_identity(world: World, edge: Identity) -> None:
    done(world, world.user, submission("n1"))
    assert json(world.append(world.record(edge, submission("n1", "other"))))
    assert world.statistics().waitingprocesses == 2


def test_strangers_nonces_disturb_nobody(world: World) -> None:
    stranger = World().node
    assert refusal(world.append(world.record(stranger, submission("n1"))))[0] == 403
    assert json(world.append(world.record(world.user, submission("n1"))))


@pytest.mark.parametrize(("length", "fits"), [(1, True), (128, True), (129, False)])
def test_the_length_of_a_nonce(world: World, length: int, fits: bool) -> None:
    outcome = world.append(world.record(world.user, submission("ä" * length)))
    if fits:
        assert json(outcome)
    else:
        assert refusal(outcome) == (400, "The nonce is longer than 128 characters")
        assert world.statistics().waitingprocesses == 0


def poll(nonce: str, timeout: int = -1) -> AssignProcess:
    return AssignProcess(colonyname="dev", timeout=timeout, nonce=nonce)


def test_an_empty_poll_is_judged_anew(world: World, edge: Identity) -> None:
    record = world.record(edge, poll("n1"))
    assert refusal(world.append(record))[0] == 404
    process = world.submit()
    assigned = world.append(record)
    assert decode(json(assigned), Process).processid == process.processid
    assert json(world.append(record)) == json(assigned)
    world.submit()
    assert json(world.append(record)) == json(assigned)


@pytest.mark.parametrize(("timeout", "status"), [(-1, 503), (5, 408)])
def test_a_poll_during_a_pause_is_judged_anew(
    world: World, edge: Identity, timeout: int, status: int
) -> None:
    record = world.record(edge, poll("n1", timeout))
    world.submit()
    world.call(world.owner, PauseAssignments(colonyname="dev"))
    assert refusal(world.append(record))[0] == status
    world.state.colonies["dev"].paused = False
    assert json(world.append(record))


def test_other_refusals_of_a_poll_stand(world: World, edge: Identity) -> None:
    record = world.record(edge, poll("n1", 0))
    for _ in range(2):
        assert refusal(world.append(record))[0] == 400


def test_an_undelivered_assignment_can_be_asked_for_again(world: World, edge: Identity) -> None:
    process = world.submit()
    record = done(world, edge, poll("n1"))
    world.system(Undelivered(processid=process.processid, offset=len(world.events) - 1))
    assert world.get(process).state == 0
    world.advance(1)
    again = decode(json(world.append(record)), Process)
    assert world.get(process) == again
    assert (again.processid, again.state) == (process.processid, 1)
    assert json(world.append(record)) == encode(again)


def test_an_undelivered_assignment_without_a_nonce_forgets_none(world: World, edge: Identity) -> None:
    process = world.submit()
    kept = done(world, edge, CloseFailed(processid="x", nonce="n1"))
    world.assign(edge)
    world.system(Undelivered(processid=process.processid, offset=len(world.events) - 1))
    assert refusal(world.append(kept))[0] == 500


def test_closing_again_with_the_same_message_is_safe(world: World, edge: Identity) -> None:
    process = world.submit()
    world.assign(edge)
    record = done(world, edge, CloseFailed(processid=process.processid, errors=["no"], nonce="n1"))
    assert json(world.append(record)) == b"{}"
    other = CloseSuccessful(processid=process.processid, nonce="n2")
    assert refusal(world.append(world.record(edge, other)))[0] == 400


def test_only_the_newest_replies_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nonces, "REPLIES_KEPT", 2)
    records = [done(world, world.user, submission(f"n{each}")) for each in range(3)]
    gone = (409, "This message was already applied; its reply is no longer kept")
    assert refusal(world.append(records[0])) == gone
    assert json(world.append(records[1]))
    assert json(world.append(records[2]))
    assert world.statistics().waitingprocesses == 3


def test_only_the_newest_nonces_are_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nonces, "NONCES_KEPT", 2)
    records = [done(world, world.user, submission(f"n{each}")) for each in range(3)]
    assert json(world.append(records[2]))
    assert json(world.append(records[1]))
    assert world.statistics().waitingprocesses == 3
    world.append(records[0])
    assert world.statistics().waitingprocesses == 4


def test_where_no_nonce_is_remembered_every_message_has_its_effect(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nonces, "NONCES_KEPT", 0)
    record = done(world, world.user, submission("n0"))
    world.append(record)
    assert world.statistics().waitingprocesses == 2
    assert world.state.nonces.items() == []


def test_nonces_are_forgotten_after_a_day(world: World) -> None:
    records = [done(world, world.user, submission("n0"))]
    world.advance(10)
    records.append(done(world, world.user, submission("n1")))
    world.advance(DAY - 10)
    done(world, world.user, submission("n2"))
    world.append(records[1])
    assert world.statistics().waitingprocesses == 3
    world.append(records[0])
    assert world.statistics().waitingprocesses == 4
    assert len(world.state.nonces.items()) == 3


def test_a_day_is_over_to_the_nanosecond(world: World) -> None:
    record = done(world, world.user, submission("n0"))
    world.now += DAY * 10**9 - 1
    done(world, world.user, submission("n1"))
    world.append(record)
    assert world.statistics().waitingprocesses == 2
    world.now += 1
    done(world, world.user, submission("n2"))
    world.append(record)
    assert world.statistics().waitingprocesses == 4


def test_nonces_are_part_of_the_state(world: World) -> None:
    done(world, world.user, submission("n0"))
    assert state_digest(refold(world.events)) == state_digest(world.state)


def test_a_repeat_does_not_pass_a_role_that_was_lost(world: World) -> None:
    """The reply is the first one's: what was acknowledged stays acknowledged."""
    record = done(world, world.user, submission("n0"))
    first = json(world.append(record))
    world.call(world.owner, RemoveUser(colonyname="dev", name="alice"))
    assert json(world.append(record)) == first
    with pytest.raises(Refusal):
        world.call(world.user, submission("n1"))


def test_a_repeated_request_keeps_its_assignment(world: World, edge: Identity) -> None:
    """One of the answers may have reached the executor, whichever of them found nobody there."""
    process = world.submit()
    record = done(world, edge, poll("n1"))
    first = len(world.events) - 1
    given = json(world.append(record))
    second = len(world.events) - 1
    for offset in (second, first):
        world.system(Undelivered(processid=process.processid, offset=offset))
        assert encode(world.get(process)) == given


def test_a_repeated_request_takes_over_no_other_assignment(world: World, edge: Identity) -> None:
    process = world.submit()
    record = done(world, edge, poll("n1"))
    world.call(edge, CloseFailed(processid=process.processid))
    other = world.submit()
    taken = world.assign(edge)
    offset = len(world.events) - 1
    assert decode(json(world.append(record)), Process).processid == process.processid
    assert taken is not None
    world.system(Undelivered(processid=other.processid, offset=offset))
    assert world.get(other).state == 0
    world.call(edge, RemoveProcess(processid=process.processid))
    assert decode(json(world.append(record)), Process).processid == process.processid


def test_a_repeated_request_leaves_a_newer_assignment_alone(world: World, edge: Identity) -> None:
    process = world.submit(maxexectime=10, maxretries=3)
    record = done(world, edge, poll("n1"))
    world.advance(11)
    world.call(edge, poll("n2"))
    offset = len(world.events) - 1
    world.append(record)
    world.system(Undelivered(processid=process.processid, offset=len(world.events) - 1))
    assert world.get(process).state == 1
    world.system(Undelivered(processid=process.processid, offset=offset))
    assert world.get(process).state == 0
