"""Executors that are not heard from any more (members.md section 3.3, queue.md quirk Q5)."""

from __future__ import annotations

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddExecutor,
    AddExecutorLog,
    AddFunction,
    ApproveExecutor,
    ChangeExecutorId,
    Executor,
    ExecutorState,
    GetExecutor,
    GetFunctions,
    RejectExecutor,
    RemoveColony,
    RemoveExecutor,
)

from projections.event import ExecutorChanged
from projections.state import Settings
from projections.system import Heard, HeardFrom, Rules
from tests.projections.invariants import check
from tests.projections.world import World, function, identity

APPROVED, UNREGISTERED = ExecutorState.APPROVED, ExecutorState.UNREGISTERED


@pytest.fixture
def world() -> World:
    """Executors may be silent for 600 s, and then for 60 s more."""
    world = World()
    settle(world)
    world.colony()
    return world


def settle(world: World, silent: int = 600, grace: int = 60, *, reregister: bool = False) -> None:
    settings = Settings(reregister=reregister, stale_executor_seconds=silent, cleanup_seconds=grace)
    world.system(Rules(settings=settings))


def state(world: World, name: str = "edge1") -> int:
    return world.call(world.user, GetExecutor(colonyname="dev", executorname=name)).state


def call(world: World, who: Identity, name: str = "edge1") -> None:
    """Any signed call that is in the ledger."""
    world.call(who, AddExecutorLog(colonyname="dev", executorname=name, message="here"))


def test_an_executor_is_unregistered_after_its_time_and_the_grace(world: World, edge: Identity) -> None:
    call(world, edge)
    world.tick(600)
    world.tick(59)
    assert state(world) == APPROVED
    world.tick(1)
    assert state(world) == UNREGISTERED
    assert [
        fact.executor.executorname for fact in world.outcome.facts if isinstance(fact, ExecutorChanged)
    ] == ["edge1"]
    check(world.state)


def test_what_it_ran_and_registered_goes_as_when_it_is_removed(world: World, edge: Identity) -> None:
    world.call(edge, AddFunction(fun=function("edge1")))
    process = world.submit()
    world.assign(edge)
    world.tick(600)
    world.tick(60)
    assert state(world) == UNREGISTERED
    assert world.get(process).state == 0
    assert world.call(world.user, GetFunctions(colonyname="dev", executorname="edge1")) == []
    check(world.state)


@pytest.mark.parametrize("sign", ["a call", "a poll"])
@pytest.mark.parametrize("when", [599, 600, 659])
def test_any_signed_call_is_a_sign_of_life(world: World, edge: Identity, sign: str, when: int) -> None:
    call(world, edge)
    world.tick(when)
    if sign == "a call":
        call(world, edge)
    else:
        world.system(Heard(executors=(HeardFrom("dev", edge.id, world.now),)))
    world.tick(600)
    world.tick(59)
    assert state(world) == APPROVED
    world.tick(1)
    assert state(world) == UNREGISTERED


def test_a_poll_that_is_told_of_late_counts_from_when_it_was(world: World, edge: Identity) -> None:
    call(world, edge)
    world.advance(100)
    polled = world.now
    world.advance(30)
    world.system(Heard(executors=(HeardFrom("dev", edge.id, polled),)))
    world.tick(570)
    world.tick(59)
    assert state(world) == APPROVED
    world.tick(1)
    assert state(world) == UNREGISTERED


def test_the_first_sign_of_life_may_be_a_poll(world: World, edge: Identity) -> None:
    world.system(Heard(executors=(HeardFrom("dev", edge.id, world.now),)))
    world.tick(600)
    world.tick(60)
    assert state(world) == UNREGISTERED


def test_who_was_never_heard_from_is_never_stale(world: World, edge: Identity) -> None:
    world.tick(10**7)
    assert state(world) == APPROVED


def test_a_running_process_with_a_deadline_to_come_is_a_sign_of_life(world: World, edge: Identity) -> None:
    world.submit(maxexectime=5000, maxretries=0)
    world.submit(maxexectime=2000, maxretries=0)
    world.assign(edge)
    world.assign(edge)
    for _ in range(49):
        world.tick(100)
        assert state(world) == APPROVED
    world.tick(100)
    world.tick(59)
    assert state(world) == APPROVED
    world.tick(1)
    assert state(world) == UNREGISTERED


def test_a_running_process_without_a_deadline_is_none(world: World, edge: Identity) -> None:
    process = world.submit()
    world.assign(edge)
    world.tick(600)
    world.tick(60)
    assert (state(world), world.get(process).state) == (UNREGISTERED, 0)


def test_after_the_server_was_away_executors_have_the_grace_to_come_back(
    world: World, edge: Identity, other: Identity
) -> None:
    call(world, edge)
    call(world, other, "edge2")
    world.tick(100_000)
    assert (state(world), state(world, "edge2")) == (APPROVED, APPROVED)
    world.advance(30)
    call(world, edge)
    world.tick(30)
    assert (state(world), state(world, "edge2")) == (APPROVED, UNREGISTERED)


def test_without_a_grace_it_goes_at_once(world: World, edge: Identity) -> None:
    settle(world, silent=100, grace=0)
    call(world, edge)
    world.tick(99)
    assert state(world) == APPROVED
    world.tick(1)
    assert state(world) == UNREGISTERED


def test_rejected_executors_go_as_well(world: World, edge: Identity) -> None:
    call(world, edge)
    world.call(world.owner, RejectExecutor(colonyname="dev", executorname="edge1"))
    world.tick(600)
    world.tick(60)
    assert state(world) == UNREGISTERED


def test_a_removed_executor_is_not_looked_after(world: World, edge: Identity) -> None:
    call(world, edge)
    world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="edge1"))
    world.tick(600)
    world.tick(60)
    assert [fact for fact in world.outcome.facts if isinstance(fact, ExecutorChanged)] == []
    assert world.state.colonies["dev"].watches == {}


@pytest.mark.parametrize("is_heard", [True, False])
def test_an_executor_that_is_added_again_starts_anew(world: World, edge: Identity, is_heard: bool) -> None:
    settle(world, reregister=True)
    call(world, edge)
    world.advance(300)
    new = identity("edge1 again")
    world.call(world.owner, AddExecutor(executor=Executor(new.id, "edge", "edge1", "dev")))
    world.call(world.owner, ApproveExecutor(colonyname="dev", executorname="edge1"))
    if is_heard:
        call(world, new)
    world.tick(300)
    world.tick(60)
    assert state(world) == APPROVED
    world.tick(240)
    world.tick(60)
    assert state(world) == (UNREGISTERED if is_heard else APPROVED)


def test_an_executor_with_another_key_is_looked_after_still(world: World, edge: Identity) -> None:
    call(world, edge)
    world.advance(100)
    new = identity("new")
    world.call(edge, ChangeExecutorId(colonyname="dev", executorid=new.id))
    world.tick(600)
    assert state(world) == APPROVED
    world.tick(60)
    assert state(world) == UNREGISTERED


def test_nobody_is_stale_unless_the_settings_say_when() -> None:
    world = World()
    world.colony()
    edge = world.executor("edge1")
    call(world, edge)
    world.tick(10**7)
    assert state(world) == APPROVED


@pytest.mark.parametrize(("silent", "goes"), [(0, False), (10, True), (10**6, False)])
def test_changed_settings_hold_for_everybody_at_once(
    world: World, edge: Identity, silent: int, goes: bool
) -> None:
    never = world.executor("never heard")
    removed = world.executor("removed")
    call(world, edge)
    call(world, removed, "removed")
    world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="removed"))
    world.advance(500)
    settle(world, silent=silent)
    world.tick()
    world.tick(60)
    assert (state(world) == UNREGISTERED) is goes
    world.tick(1000)
    assert (state(world) == UNREGISTERED) is goes
    assert never.id
    assert state(world, "never heard") == APPROVED


def test_a_colony_that_is_gone_has_nobody_to_look_after(world: World, edge: Identity) -> None:
    call(world, edge)
    world.call(world.server, RemoveColony(colonyname="dev"))
    world.tick(600)
    world.colony()
    world.tick(60)
    assert world.outcome.refusal is None


def test_executors_of_several_colonies_are_told_apart(world: World, edge: Identity) -> None:
    world.colony("second")
    twin = world.executor("edge1", colony="second")
    call(world, edge)
    world.tick(300)
    world.call(twin, AddExecutorLog(colonyname="second", executorname="edge1", message="here"))
    world.tick(300)
    world.tick(60)
    assert state(world) == UNREGISTERED
    found = world.call(world.user, GetExecutor(colonyname="second", executorname="edge1"))
    assert found.state == APPROVED
