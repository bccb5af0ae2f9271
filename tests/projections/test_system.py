"""Events that nodes append themselves (architecture, invariant 3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.record import RecordKind
from colonyledger.wire import (
    ZERO_TIME,
    AddFunction,
    CancelProcess,
    GetColonies,
    GetExecutor,
    Message,
    RemoveColony,
    RemoveExecutor,
    instant,
    payloadtype_of,
)

from projections.digest import state_digest
from projections.event import Change, ProcessChanged
from projections.state import Checkpoint, Settings
from projections.system import RULES_VERSION, Checkpointed, Heard, HeardFrom, Rules, Tick, Undelivered
from tests.projections.world import World, essence, function, identity

DEV = HeardFrom("dev", identity("edge1").id, 0)


def test_the_first_rules_name_the_server_owner(world: World) -> None:
    assert (world.state.rules, world.state.server_id) == (RULES_VERSION, world.server.id)
    world.system(Rules(version=7, serverid=world.owner.id, settings=Settings(reregister=True)))
    assert (world.state.rules, world.state.server_id) == (7, world.server.id)
    assert world.state.settings.reregister
    world.system(Rules())
    assert not world.state.settings.reregister
    assert world.call(world.server, GetColonies())


def test_nobody_owns_a_server_without_rules() -> None:
    world = World()
    world.state.server_id = ""
    for who in (world.server, world.owner):
        assert world.refused(who, GetColonies())[0] == 403


def test_a_tick_moves_the_clock_and_nothing_else(world: World) -> None:
    before = essence(world.state)
    outcome = world.tick(5)
    assert (outcome.reply, outcome.refusal, outcome.facts) == (None, None, [])
    assert (world.state.clock, world.state.next_offset) == (world.now, len(world.events))
    assert essence(world.state) == before


@pytest.mark.parametrize(
    "message",
    [
        Rules(serverid=identity("mallory").id),
        Tick(),
        Heard(executors=(DEV,)),
        Undelivered(processid="x"),
    ],
)
def test_only_nodes_append_them(world: World, edge: Identity, message: Message[Any]) -> None:
    assert edge.id == DEV.executorid
    before = essence(world.state)
    outcome = world.append(world.record(world.server, message, RecordKind.RPC))
    assert outcome.refusal is not None
    assert outcome.refusal.status == 403
    assert outcome.refusal.message == f"invalid rpcMsg.PayloadType: {payloadtype_of(message)}"
    assert essence(world.state) == before


def test_an_rpc_is_no_system_event(world: World) -> None:
    record = world.record(world.server, RemoveColony(colonyname="dev"), RecordKind.SYSTEM)
    outcome = world.append(record)
    assert outcome.refusal is not None
    assert outcome.refusal.status == 403
    assert "dev" in world.state.colonies


def heard(world: World) -> datetime:
    asked = GetExecutor(colonyname="dev", executorname="edge1")
    return world.call(world.user, asked).lastheardfromtime


def test_signs_of_life_move_forwards_and_not_past_the_clock(world: World, edge: Identity) -> None:
    def hear(seconds: int) -> datetime:
        world.system(Heard(executors=(HeardFrom("dev", edge.id, world.now + seconds * 10**9),)))
        return heard(world)

    assert heard(world) == ZERO_TIME
    world.advance(100)
    assert hear(-50) == instant(world.now - 50 * 10**9)
    assert hear(-60) == instant(world.now - 50 * 10**9)
    assert hear(-40) == instant(world.now - 40 * 10**9)
    assert hear(+40) == instant(world.now)


def test_signs_of_life_from_before_all_time(world: World, edge: Identity) -> None:
    world.system(Heard(executors=(HeardFrom("dev", edge.id, -(2**63)),)))
    assert heard(world) == instant(0)


def test_signs_of_life_of_somebody_unknown(world: World, edge: Identity) -> None:
    nobody = (HeardFrom("nowhere", edge.id, 1), HeardFrom("dev", world.user.id, 1), HeardFrom("dev", "", 1))
    before = essence(world.state)
    assert world.system(Heard(executors=nobody)).refusal is None
    assert essence(world.state) == before


def test_undelivered_work_goes_back_without_counting_a_retry(world: World, edge: Identity) -> None:
    first, second = world.submit(maxexectime=10), world.submit()
    world.assign(edge)
    offset = len(world.events) - 1
    world.advance(1)
    world.system(Undelivered(processid=first.processid, offset=offset))
    told = [fact.change for fact in world.outcome.facts if isinstance(fact, ProcessChanged)]
    assert told == [Change.PUT_BACK, Change.READY]
    back = world.get(first)
    assert (back.state, back.retries, back.assignedexecutorid) == (0, 0, "")
    assert world.listed(0) == [first.processid, second.processid]


@pytest.mark.parametrize(
    "why", ["closed", "cancelled", "elsewhere", "again", "wrong offset", "gone", "unknown"]
)
def test_undelivered_work_that_is_no_longer_so(
    world: World, edge: Identity, other: Identity, why: str
) -> None:
    process = world.submit()
    world.assign(edge)
    offset = len(world.events) - 1
    if why == "closed":
        world.close(edge, process)
    elif why == "cancelled":
        world.call(world.user, CancelProcess(processid=process.processid))
    elif why == "elsewhere":
        world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="edge1"))
        world.assign(other)
    elif why == "again":
        world.system(Undelivered(processid=process.processid, offset=offset))
    elif why == "wrong offset":
        offset += 1
    elif why == "gone":
        world.call(world.server, RemoveColony(colonyname="dev"))
    missing = "unknown" if why == "unknown" else process.processid
    before = essence(world.state)
    outcome = world.system(Undelivered(processid=missing, offset=offset))
    assert (outcome.refusal, outcome.facts) == (None, [])
    assert essence(world.state) == before


@pytest.mark.parametrize(
    "payload", [b"", b"!", b"e30=", b"eyJtc2d0eXBlIjoibGVkZ2VycnVsZXMiLCJ2ZXJzaW9uIjoiMSJ9"]
)
def test_a_malformed_system_event_changes_nothing(world: World, payload: bytes) -> None:
    before = essence(world.state)
    outcome = world.append(world.signed(world.node, "ledgerrules", payload, RecordKind.SYSTEM))
    assert outcome.refusal is not None
    assert outcome.refusal.status == 400
    assert essence(world.state) == before


def test_system_events_survive_a_refold(world: World, edge: Identity) -> None:
    world.call(edge, AddFunction(fun=function("edge1")))
    world.system(Heard(executors=(HeardFrom("dev", edge.id, world.now),)))
    digest = state_digest(world.state)
    world.tick()
    assert state_digest(world.state) != digest


def test_a_checkpoint_is_kept_and_changes_no_digest() -> None:
    world = World()
    world.tick(1)
    assert world.state.checkpoint is None
    before = state_digest(world.state)
    told = world.system(Checkpointed(offset=1, digest="d", rules=1))
    assert (told.refusal, list(told.facts)) == (None, [])
    assert world.state.checkpoint == Checkpoint(1, "d", 1)
    world.state.next_offset -= 1
    assert state_digest(world.state) == before
