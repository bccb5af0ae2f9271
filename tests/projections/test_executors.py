"""Executors, from registration to removal (members.md section 3)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    ZERO_TIME,
    AddExecutor,
    AddFunction,
    Allocations,
    ApproveExecutor,
    AssignProcess,
    Capabilities,
    CloseSuccessful,
    Empty,
    Executor,
    GetExecutor,
    GetExecutorById,
    GetExecutors,
    GetFunctions,
    GetProcess,
    Hardware,
    Message,
    Project,
    RejectExecutor,
    RemoveExecutor,
    ReportAllocation,
    Software,
    UpdateExecutor,
    instant,
)

from projections.event import Change, ExecutorChanged, ProcessChanged
from tests.projections.invariants import check
from tests.projections.world import START, World, function, identity

EDGE = identity("edge1").id


def listed(world: World) -> dict[str, int]:
    """The state of each executor."""
    return {each.executorname: each.state for each in world.call(world.user, GetExecutors(colonyname="dev"))}


def add(world: World, name: str, executorid: str | None = None, **fields: Any) -> Executor:
    key = identity(name).id if executorid is None else executorid
    return world.call(world.owner, AddExecutor(executor=Executor(key, "edge", name, "dev", **fields)))


def approve(world: World, name: str) -> None:
    world.call(world.owner, ApproveExecutor(colonyname="dev", executorname=name))


def remove(world: World, name: str) -> None:
    world.call(world.owner, RemoveExecutor(colonyname="dev", executorname=name))


def test_a_new_executor_is_pending_and_the_server_s_fields_are_the_server_s(world: World) -> None:
    world.advance(1.5)
    old = instant(START)
    added = add(world, "edge1", state=1, commissiontime=old, lastheardfromtime=old, requirefuncreg=True)
    expected = Executor(EDGE, "edge", "edge1", "dev", requirefuncreg=True, commissiontime=instant(world.now))
    assert added == expected
    assert added.lastheardfromtime == ZERO_TIME
    assert isinstance(world.outcome.facts[0], ExecutorChanged)


def test_what_an_executor_says_of_itself_is_kept(world: World) -> None:
    capabilities = Capabilities([Hardware("m", nodes=2, network=["10.0.0.1"])], [Software("docker")])
    allocations = Allocations({"p": Project(1, 2, 3, 4, 5, 2**63 - 1)})
    added = add(
        world,
        "edge1",
        locationname="lab",
        capabilities=capabilities,
        allocations=allocations,
        blueprintid="b",
        blueprintgen=7,
    )
    assert (added.capabilities, added.allocations) == (capabilities, allocations)
    assert (added.locationname, added.blueprintid, added.blueprintgen) == ("lab", "b", 7)
    approve(world, "edge1")
    got = world.call(world.user, GetExecutor(colonyname="dev", executorname="edge1"))
    added.state = 1
    assert got == added
    assert world.call(world.user, GetExecutorById(colonyname="dev", executorid=EDGE)) == added


def test_an_id_in_upper_case_is_the_same_key(world: World) -> None:
    assert add(world, "edge1", EDGE.upper()).executorid == EDGE


def test_executors_without_an_id_do_not_disturb_each_other(world: World) -> None:
    for name in ("a", "b"):
        assert add(world, name, "").executorid == ""
    remove(world, "a")
    add(world, "a", "")
    check(world.state)


@pytest.mark.parametrize(
    ("executor", "status", "text"),
    [
        (None, 400, "Failed to add executor, executor is nil"),
        (Executor("", "edge", "x", "nowhere"), 403, "Colony with name <nowhere> does not exists"),
        (Executor("", "edge", "x"), 403, "Empty Colony name"),
        (Executor("", "t", "edge1", "dev"), 400, "Executor with name <edge1> in Colony <dev> already exists"),
        (
            Executor(EDGE, "t", "x", "dev"),
            400,
            f"An executor with Id <{EDGE}> already exists in Colony <dev>",
        ),
        (
            Executor(EDGE.upper(), "t", "x", "dev"),
            400,
            f"An executor with Id <{EDGE}> already exists in Colony <dev>",
        ),
    ],
)
def test_an_executor_that_cannot_be_added(
    world: World, edge: Identity, executor: Executor | None, status: int, text: str
) -> None:
    assert edge.id == EDGE
    assert world.refused(world.owner, AddExecutor(executor=executor)) == (status, text)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (ApproveExecutor(colonyname="dev", executorname="x"), "Failed to approve executor, executor is nil"),
        (RejectExecutor(colonyname="dev", executorname="x"), "Failed to reject executor, executor is nil"),
        (RemoveExecutor(colonyname="dev", executorname="x"), "Failed to remove executor, executor is nil"),
    ],
)
def test_an_executor_that_is_not_there(world: World, message: Message[Empty], text: str) -> None:
    assert world.refused(world.owner, message) == (500, text)


@pytest.mark.parametrize(
    ("message", "status", "text"),
    [
        (GetExecutor(colonyname="dev", executorname="x"), 500, "Failed to get executor, executor is nil"),
        (GetExecutorById(colonyname="dev"), 404, "Failed to get executor by ID, executor is nil"),
        (
            GetExecutorById(colonyname="dev", executorid="x"),
            404,
            "Failed to get executor by ID, executor is nil",
        ),
        (GetExecutors(colonyname="nowhere"), 403, "Colony with name <nowhere> does not exists"),
    ],
)
def test_what_a_member_does_not_find(world: World, message: Message[Any], status: int, text: str) -> None:
    assert world.refused(world.user, message) == (status, text)


def test_approved_and_rejected_again_and_again(world: World, edge: Identity) -> None:
    world.submit()
    for _ in range(2):
        world.call(world.owner, RejectExecutor(colonyname="dev", executorname="edge1"))
        assert listed(world) == {"edge1": 2}
        assert world.refused(edge, AssignProcess(colonyname="dev", timeout=-1))[0] == 403
        approve(world, "edge1")
        approve(world, "edge1")
        assert listed(world) == {"edge1": 1}
    world.assign(edge)


def test_a_rejected_executor_keeps_its_process_but_cannot_close_it(world: World, edge: Identity) -> None:
    world.submit()
    process = world.assign(edge)
    world.call(world.owner, RejectExecutor(colonyname="dev", executorname="edge1"))
    assert world.get(process) == process
    refusal = world.refused(edge, CloseSuccessful(processid=process.processid))
    assert refusal == (403, "Access denied, not a member of Colony with name <dev>")


def test_a_removed_executor_gives_its_work_back(world: World, edge: Identity, other: Identity) -> None:
    for name in ("echo", "sum"):
        world.call(edge, AddFunction(fun=function("edge1", name)))
    kept = world.call(other, AddFunction(fun=function("edge2")))
    for _ in range(3):
        world.submit(maxwaittime=100, maxexectime=50)
    held = [world.assign(edge), world.assign(other), world.assign(edge)]
    world.advance(3)
    assert world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="edge1")) == Empty()

    assert listed(world) == {"edge1": 3, "edge2": 1}
    assert world.call(world.user, GetFunctions(colonyname="dev")) == [kept]
    assert world.listed(0) == [held[0].processid, held[2].processid]
    assert world.listed(1) == [held[1].processid]
    back = world.get(held[0])
    assert (back.state, back.isassigned, back.assignedexecutorid, back.retries) == (0, False, "", 0)
    assert (back.starttime, back.endtime) == (ZERO_TIME, ZERO_TIME)
    assert back.waitdeadline == instant(world.now + 100 * 10**9)
    told = [fact.change for fact in world.outcome.facts if isinstance(fact, ProcessChanged)]
    assert told == [Change.PUT_BACK, Change.READY] * 2
    world.tick(60)
    assert world.get(held[0]).retries == 0
    assert world.assign(other).processid == held[0].processid


def test_a_removed_executor_is_refused_everything(world: World, edge: Identity) -> None:
    world.submit()
    process = world.assign(edge)
    remove(world, "edge1")
    denied = (403, "Access denied, not a member of Colony with name <dev>")
    for message in (
        GetExecutor(colonyname="dev", executorname="edge1"),
        GetExecutors(colonyname="dev"),
        GetProcess(processid=process.processid),
        CloseSuccessful(processid=process.processid),
    ):
        assert world.refused(edge, message) == denied


def test_a_removed_executor_cannot_be_brought_back_but_its_name_can(world: World, edge: Identity) -> None:
    remove(world, "edge1")
    remove(world, "edge1")
    for message in (ApproveExecutor, RejectExecutor):
        assert world.refused(world.owner, message(colonyname="dev", executorname="edge1"))[0] == 400
    assert listed(world) == {"edge1": 3}
    assert add(world, "edge1", locationname="moved").locationname == "moved"
    assert listed(world) == {"edge1": 0}
    approve(world, "edge1")
    world.submit()
    world.assign(edge)


def test_the_id_of_a_removed_executor_can_be_used_under_another_name(world: World, edge: Identity) -> None:
    world.submit()
    remove(world, "edge1")
    add(world, "renamed", EDGE)
    approve(world, "renamed")
    assert world.call(edge, GetExecutorById(colonyname="dev", executorid=EDGE)).executorname == "renamed"
    world.assign(edge)
    check(world.state)
    assert world.refused(world.owner, AddExecutor(executor=Executor(EDGE, "edge", "edge1", "dev")))[0] == 400
    remove(world, "renamed")
    add(world, "edge1", EDGE)
    assert listed(world) == {"renamed": 3, "edge1": 0}
    check(world.state)


def test_a_name_in_use_can_be_taken_over_where_that_is_allowed() -> None:
    world = World(reregister=True)
    world.colony()
    edge, heir = world.executor("edge1"), identity("heir")
    world.call(edge, AddFunction(fun=function("edge1")))
    world.submit()
    process = world.assign(edge)
    world.advance(1)
    again = add(world, "edge1", heir.id, requirefuncreg=True)
    assert (again.executorid, again.state, again.requirefuncreg) == (heir.id, 0, True)
    assert again.commissiontime == instant(world.now)
    assert world.get(process).state == 0
    assert world.call(world.user, GetFunctions(colonyname="dev")) == []
    asked = AssignProcess(colonyname="dev", timeout=-1)
    assert world.refused(heir, asked)[0] == world.refused(edge, asked)[0] == 403
    approve(world, "edge1")
    assert world.assign(heir).processid == process.processid
    assert world.statistics().executors == 1
    check(world.state)


def test_an_id_in_use_is_not_taken_over(world: World, other: Identity) -> None:
    world = World(reregister=True)
    world.colony()
    world.executor("edge1")
    world.executor("edge2")
    taken = Executor(other.id, "edge", "edge1", "dev")
    assert world.refused(world.owner, AddExecutor(executor=taken))[0] == 400


def test_capabilities_and_allocations_are_replaced(world: World, edge: Identity) -> None:
    capabilities = Capabilities(software=[Software("slurm", "scheduler", "24")])
    allocations = Allocations({"p": Project(allocatedcpu=5)})
    update = UpdateExecutor(colonyname="dev", executorname="edge1", capabilities=capabilities)
    report = ReportAllocation(colonyname="dev", executorname="edge1", allocations=allocations)
    assert world.call(edge, update) == world.call(edge, report) == Empty()
    got = world.call(world.user, GetExecutor(colonyname="dev", executorname="edge1"))
    assert (got.capabilities, got.allocations, got.state) == (capabilities, allocations, 1)
    world.call(edge, UpdateExecutor(colonyname="dev", executorname="edge1"))
    got = world.call(world.user, GetExecutor(colonyname="dev", executorname="edge1"))
    assert (got.capabilities, got.allocations) == (Capabilities(), allocations)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (UpdateExecutor, "Only an executor can update its own capabilities"),
        (ReportAllocation, "Only an executor can report allocations to itself"),
    ],
)
def test_only_the_executor_itself_reports(
    world: World, edge: Identity, other: Identity, message: type[UpdateExecutor], text: str
) -> None:
    for who in (other, world.user):
        assert world.refused(who, message(colonyname="dev", executorname="edge1")) == (400, text)
    unknown = world.refused(edge, message(colonyname="dev", executorname="x"))
    assert unknown == (400, "Executor with name <x> does not exist")


def test_any_signed_call_is_a_sign_of_life(world: World, edge: Identity) -> None:
    def heard() -> object:
        asked = GetExecutor(colonyname="dev", executorname="edge1")
        return world.call(world.user, asked).lastheardfromtime

    assert heard() == ZERO_TIME
    for message in (
        UpdateExecutor(colonyname="dev", executorname="edge1"),
        AssignProcess(colonyname="dev", timeout=-1),
    ):
        world.advance(10)
        world.append(world.record(edge, message))
        assert heard() == instant(world.now)
    world.tick(10)
    assert heard() == instant(world.now - 10 * 10**9)
