"""The digest of all the state: equal for two folds of one ledger, different when answers differ."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddAttribute,
    AddExecutorLog,
    AddFunction,
    AddUser,
    Allocations,
    Attribute,
    CancelProcess,
    CloseFailed,
    PauseAssignments,
    Project,
    RejectExecutor,
    RemoveUser,
    ReportAllocation,
    SetOutput,
    User,
)

from projections.digest import state_digest
from projections.state import Settings, State
from projections.system import Rules
from tests.projections.workload import history
from tests.projections.world import World, function, identity, refold


def prepared() -> World:
    """A world with a user, an executor that runs a process, a waiting process and a workflow."""
    world = World()
    world.colony()
    edge = world.executor("edge1")
    world.executor("edge2")
    for _ in range(2):
        world.submit()
        world.assign(edge)
    world.submit()
    world.workflow({"a": [], "b": ["a"]}, priority=1)
    return world


def running(world: World, place: int = 0) -> str:
    return world.listed(1)[place]


ALLOCATIONS = ReportAllocation(
    colonyname="dev", executorname="edge1", allocations=Allocations({"p": Project(1)})
)

CHANGES: list[Callable[[World, Identity], object]] = [
    lambda world, _: world.tick(),
    lambda world, _: world.colony("other"),
    lambda world, _: world.system(Rules(settings=Settings(reregister=True))),
    lambda world, _: world.system(Rules(version=2)),
    lambda world, _: world.call(world.owner, PauseAssignments(colonyname="dev")),
    lambda world, _: world.call(world.owner, AddUser(user=User("dev", "", "bob"))),
    lambda world, _: world.call(world.owner, RemoveUser(colonyname="dev", name="alice")),
    lambda world, _: world.call(world.owner, RejectExecutor(colonyname="dev", executorname="edge1")),
    lambda world, edge: world.call(edge, ALLOCATIONS),
    lambda world, edge: world.call(edge, AddFunction(fun=function("edge1"))),
    lambda world, edge: world.call(edge, AddExecutorLog(colonyname="dev", executorname="edge1")),
    lambda world, _: world.submit(),
    lambda world, _: world.workflow({"a": []}),
    lambda world, edge: world.assign(edge),
    lambda world, edge: world.call(edge, SetOutput(processid=running(world), output=[1])),
    lambda world, edge: world.close(edge, world.get(running(world))),
    lambda world, edge: world.fail(edge, world.get(running(world))),
    lambda world, edge: world.call(
        edge, AddAttribute(attribute=Attribute(targetid=running(world), key="k", attributetype=3))
    ),
    lambda world, _: world.call(world.user, CancelProcess(processid=world.listed(0)[-1])),
]


def test_every_change_shows() -> None:
    digests = []
    for change in CHANGES:
        world = prepared()
        change(world, identity("edge1"))
        digests.append(state_digest(world.state))
    digests.append(state_digest(prepared().state))
    assert len(set(digests)) == len(CHANGES) + 1


def test_equal_histories_have_equal_digests() -> None:
    assert state_digest(prepared().state) == state_digest(prepared().state)
    assert state_digest(State()) == state_digest(State())
    assert len(state_digest(State())) == 64


def differ(change: Callable[[World, int], object]) -> None:
    """Two worlds that are changed in two ways differ, although all that came before and the clock agree."""
    worlds = [prepared(), prepared()]
    for way, world in enumerate(worlds):
        end = world.now + 10**9
        change(world, way)
        world.now = end
        world.tick()
    assert state_digest(worlds[0].state) != state_digest(worlds[1].state)


def test_what_a_nonce_was_used_for_shows() -> None:
    def change(world: World, way: int) -> None:
        refused = CloseFailed(processid="x", errors=["a", "b"][way : way + 1], nonce="n")
        assert world.append(world.record(identity("edge1"), refused)).refusal

    differ(change)


def test_the_order_in_which_work_ended_shows() -> None:
    """Lists of finished work follow it, so answers depend on it."""

    def change(world: World, way: int) -> None:
        first, second = (world.get(each) for each in world.listed(1))
        for process in (second, first) if way else (first, second):
            world.close(identity("edge1"), process)

    differ(change)


def test_a_deadline_shows_to_the_nanosecond() -> None:
    """A close is accepted or refused by the nanosecond, so decisions depend on it."""

    def change(world: World, way: int) -> None:
        world.submit(maxexectime=10, priority=2)
        world.now += way
        world.assign(identity("edge1"))

    differ(change)


SCRIPT = """
import sys
from projections.digest import state_digest
from tests.projections.workload import history
from tests.projections.world import refold
print(state_digest(refold(history(int(sys.argv[1]), 400))))
"""


@pytest.mark.parametrize("seed", [11, 12])
def test_hash_seeds_change_nothing(seed: int) -> None:
    here = state_digest(refold(history(seed, 400)))
    for hashseed in ("0", "1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": hashseed}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(seed)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout.strip() == here, f"seed {seed}, PYTHONHASHSEED {hashseed}: {done.stderr}"
