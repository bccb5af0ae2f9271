"""A colony's life with everything in it that the history tells of."""

from __future__ import annotations

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddColony,
    AddExecutor,
    AddLog,
    AddUser,
    ApproveExecutor,
    AssignProcess,
    CancelProcess,
    CloseFailed,
    CloseSuccessful,
    Colony,
    Conditions,
    Executor,
    FunctionSpec,
    Process,
    RemoveExecutor,
    SubmitFunctionSpec,
    SubmitWorkflow,
    User,
    WorkflowSpec,
)

from projections.event import Refusal
from projections.system import Tick, Undelivered
from tests.projections.world import World, identity

SECRET = "swordfish of the other colony"


def tell(world: World, *, alone: bool = False) -> None:
    """Let a colony "dev" live, and beside it, unless it is alone, a colony "other" with a secret."""
    world.colony()
    edge = world.executor("edge1")
    cloud = world.executor("cloud1", "cloud")
    lucky(world, edge)
    overdue(world, edge)
    undelivered(world, edge)
    evicted(world)
    failing(world, cloud)
    world.advance(5)
    waiting = world.submit("wait", label="later")
    cancelled = world.submit("wait")
    world.call(world.user, CancelProcess(processid=cancelled.processid))
    workflow(world, cloud)
    with pytest.raises(Refusal):
        world.call(identity("nobody"), CancelProcess(processid=waiting.processid))
    with pytest.raises(Refusal):
        world.call(edge, CloseSuccessful(processid=waiting.processid))
    if not alone:
        other_colony(world)


def assign(world: World, who: Identity) -> Process:
    return world.call(who, AssignProcess(colonyname="dev", timeout=1))


def lucky(world: World, edge: Identity) -> None:
    """Waits 2 s, runs 3 s, writes two lines, succeeds."""
    world.submit("lucky", args=["it's \\ fine", 1], kwargs={"k": [1.5]}, priority=3)
    world.advance(2)
    process = assign(world, edge)
    for line in ("half", "done; 100 %"):
        world.call(edge, AddLog(processid=process.processid, message=line))
    world.advance(3)
    world.call(edge, CloseSuccessful(processid=process.processid, output=["é", {"a": None}]))


def overdue(world: World, edge: Identity) -> None:
    """Overruns twice: the first time it is put back, the second time it fails. The assignment of the
    second attempt is the record whose time ends the first."""
    process = world.submit("overdue", maxexectime=10, maxretries=1)
    world.advance(1)
    assign(world, edge)
    world.advance(30)
    again = assign(world, edge)
    assert again.processid == process.processid
    world.advance(30)
    world.system(Tick())


def undelivered(world: World, edge: Identity) -> None:
    """Given to an executor that hung up, then to it again; still running."""
    process = world.submit("undelivered")
    assign(world, edge)
    world.system(Undelivered(processid=process.processid, offset=len(world.events) - 1))
    world.advance(4)
    assign(world, edge)


def evicted(world: World) -> None:
    """Its executor is removed; it waits again."""
    doomed = world.executor("doomed", "rare")
    world.submit("evicted", "rare")
    assign(world, doomed)
    world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="doomed"))


def failing(world: World, cloud: Identity) -> None:
    """Fails, saying why; waited 7 s, ran 1.5 s."""
    process = world.submit("failing", "cloud")
    world.advance(7)
    assign(world, cloud)
    world.advance(1.5)
    world.call(cloud, CloseFailed(processid=process.processid, errors=["out of luck", "twice"]))


def workflow(world: World, cloud: Identity) -> None:
    """Two nodes; the second is ready 6 s after it was submitted and is assigned 1 s later."""
    conditions = Conditions("dev", executortype="cloud")
    first = FunctionSpec("first", "step", conditions=conditions)
    second = FunctionSpec(
        "second", "step", conditions=Conditions("dev", executortype="cloud", dependencies=["first"])
    )
    spec = WorkflowSpec(colonyname="dev", functionspecs=[first, second])
    world.call(world.user, SubmitWorkflow(spec=spec))
    process = assign(world, cloud)
    world.advance(6)
    world.call(cloud, CloseSuccessful(processid=process.processid, output=[4]))
    world.advance(1)
    assert assign(world, cloud).input == [4]


def other_colony(world: World) -> None:
    """A colony with an owner of its own, a process whose input is a secret, and a line that tells it."""
    owner, user, who = identity("other-owner"), identity("other-user"), identity("other-edge")
    world.call(world.server, AddColony(colony=Colony(owner.id, "other")))
    world.call(owner, AddUser(user=User("other", user.id, "mallory", "", "")))
    world.call(owner, AddExecutor(executor=Executor(who.id, "edge", "spy", "other")))
    world.call(owner, ApproveExecutor(colonyname="other", executorname="spy"))
    spec = FunctionSpec(funcname="secret", args=[SECRET], conditions=Conditions("other", executortype="edge"))
    process = world.call(user, SubmitFunctionSpec(spec=spec))
    world.call(who, AssignProcess(colonyname="other", timeout=1))
    world.call(who, AddLog(processid=process.processid, message=SECRET))
