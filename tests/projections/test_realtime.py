"""Who may watch processes, and which changes are told (logs-channels-realtime.md section 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddUser,
    Message,
    Process,
    RejectExecutor,
    RemoveProcess,
    RemoveUser,
    SubscribeProcess,
    SubscribeProcesses,
    User,
    payloadtype_of,
)

from projections.event import Change, MemberLeft, ProcessChanged, Refusal
from projections.fold import answer
from projections.realtime import can_reach, colonies_of, colony_meant, entered
from projections.registry import REGISTRY
from projections.turn import View
from tests.projections.world import World, identity

NO_MEMBER = (403, "Access denied, not a member of Colony with name <dev>")


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


def another_user(world: World) -> Identity:
    world.call(world.owner, AddUser(user=User("dev", identity("bob").id, "bob")))
    return identity("bob")


def rejected(world: World) -> Identity:
    world.call(world.owner, RejectExecutor(colonyname="dev", executorname="edge1"))
    return identity("edge1")


@pytest.fixture
def running(world: World, edge: Identity) -> Process:
    """A process that "edge" runs."""
    world.submit()
    return world.assign(edge)


def test_members_may_watch_a_process(world: World, edge: Identity, running: Process) -> None:
    for who in (world.user, edge, another_user(world)):
        watched = subscribe(world, who, SubscribeProcess(processid=running.processid, state=2))
        assert watched.record.processid == running.processid
        colony = subscribe(world, who, SubscribeProcesses(colonyname="dev", executortype="edge"))
        assert colony is world.state.colonies["dev"]


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (rejected, NO_MEMBER),
        (lambda world: world.owner, NO_MEMBER),
        (lambda world: world.server, None),
        (lambda _: identity("stranger"), None),
    ],
)
def test_who_may_not_watch(
    world: World, running: Process, who: Callable[[World], Identity], refusal: tuple[int, str] | None
) -> None:
    caller = who(world)
    invalid = (403, f"Invalid process with Id {running.processid}")
    assert refusal_of(world, caller, SubscribeProcess(processid=running.processid)) == (refusal or invalid)
    watching = SubscribeProcesses(colonyname="dev", executortype="edge")
    assert refusal_of(world, caller, watching) == NO_MEMBER


def test_what_cannot_be_watched(world: World) -> None:
    gone = SubscribeProcess(processid="ab")
    assert refusal_of(world, world.user, gone) == (403, "Invalid process with Id ab")
    nowhere = SubscribeProcesses(colonyname="x")
    assert refusal_of(world, world.user, nowhere) == (403, "Colony with name <x> does not exists")
    for state in (-1, 5):
        no_state = (400, f"There is no process state {state}; states are 0 to 4")
        process = SubscribeProcess(processid=world.submit().processid, state=state)
        assert refusal_of(world, world.user, process) == no_state
        assert refusal_of(world, world.user, SubscribeProcesses(colonyname="dev", state=state)) == no_state


def test_a_colony_that_is_not_named_is_the_caller_s(world: World, edge: Identity) -> None:
    world.colony("second")
    assert colony_meant(colonies_of([world.state], edge.id)) == "dev"
    with pytest.raises(Refusal, match="executor not found") as refused:
        colony_meant(colonies_of([world.state], world.owner.id))
    assert refused.value.status == 403
    with pytest.raises(Refusal, match="Name a colony: this key is a member of 2") as refused:
        colony_meant(colonies_of([world.state], world.user.id))
    assert refused.value.status == 400


def test_every_change_is_signalled_once(world: World, edge: Identity) -> None:
    signalled: list[tuple[int, int | None]] = []

    def note() -> None:
        facts = [fact for fact in world.outcome.facts if isinstance(fact, ProcessChanged)]
        signalled.extend((fact.process.index, entered(fact)) for fact in facts if entered(fact) is not None)

    world.workflow({"a": [], "b": ["a"], "c": ["b"]}, maxexectime=10, maxretries=1)
    note()
    first = world.assign(edge)
    note()
    world.tick(11)
    note()
    world.assign(edge)
    note()
    world.close(edge, first)
    note()
    second = world.assign(edge)
    note()
    world.fail(edge, second, "no")
    note()
    start = world.state.colonies["dev"].processes.by_id[first.processid].index
    assert [(index - start, state) for index, state in signalled] == [
        (0, 0),
        (0, 1),
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
        (1, 1),
        (1, 3),
        (2, 3),
    ]
    signalled.clear()
    world.call(world.user, RemoveProcess(processid=world.submit().processid))
    note()
    assert signalled == []
    assert world.outcome.facts[-1].change is Change.REMOVED  # type: ignore[union-attr]


def test_what_a_process_can_still_come_to(world: World, edge: Identity) -> None:
    process = world.submit()
    live = world.state.colonies["dev"].processes.by_id[process.processid]
    assert all(can_reach(live, state) for state in range(5))
    world.assign(edge)
    assert all(can_reach(live, state) for state in range(5))
    world.close(edge, process)
    assert [state for state in range(5) if can_reach(live, state)] == [2]


def test_a_user_who_is_removed_is_a_fact(world: World) -> None:
    world.call(world.owner, RemoveUser(colonyname="dev", name="alice"))
    assert world.outcome.facts == [MemberLeft("dev", world.user.id)]
