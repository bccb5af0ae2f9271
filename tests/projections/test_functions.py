"""Functions and their statistics (processes.md section 9, queue.md section 9)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddFunction,
    CancelProcess,
    Empty,
    Function,
    FunctionArgument,
    GetFunctions,
    Message,
    RemoveFunction,
)

from tests.projections.world import World, function, identity


def functions(world: World, executorname: str = "") -> list[Function]:
    return world.call(world.user, GetFunctions(colonyname="dev", executorname=executorname))


def only(world: World) -> Function:
    (found,) = functions(world)
    return found


def test_a_function_is_kept_as_sent_with_id_and_location(world: World) -> None:
    edge = world.executor("edge1", location="lab")
    argument = FunctionArgument("n", "int", "how many", required=True, enum=["1", "2"])
    sent = function("edge1", executortype="x", description="d", args=[argument], locationname="elsewhere")
    added = world.call(edge, AddFunction(fun=sent))
    assert len(added.functionid) == 64
    sent.functionid, sent.locationname = added.functionid, "lab"
    assert added == sent
    assert functions(world) == functions(world, "edge1") == [added]
    assert functions(world, "nobody") == []


def test_adding_again_without_an_id_refreshes_the_function(world: World, edge: Identity) -> None:
    first = world.call(edge, AddFunction(fun=function("edge1", description="old")))
    world.submit()
    world.close(edge, world.assign(edge))
    again = world.call(edge, AddFunction(fun=function("edge1", description="new")))
    assert (again.functionid, again.description, again.counter) == (first.functionid, "new", 1)
    assert functions(world) == [again]


def test_a_given_id_is_kept_and_cannot_be_given_twice(world: World, edge: Identity) -> None:
    assert world.call(edge, AddFunction(fun=function("edge1", functionid="f1"))).functionid == "f1"
    for name in ("echo", "sum"):
        status, text = world.refused(edge, AddFunction(fun=function("edge1", name, functionid="f1")))
        assert status == 500
        assert text.startswith("Failed to add function, ")
    assert world.call(edge, RemoveFunction(functionid="f1")) == Empty()
    world.call(edge, AddFunction(fun=function("edge1", functionid="f1")))


def test_two_ids_for_one_name_are_two_functions_that_count_alike(world: World, edge: Identity) -> None:
    """(executor, funcname) is not unique (processes.md section 9.1)."""
    for functionid in ("f1", "f2"):
        world.call(edge, AddFunction(fun=function("edge1", functionid=functionid)))
    world.submit()
    world.close(edge, world.assign(edge))
    assert [(each.functionid, each.counter) for each in functions(world)] == [("f1", 1), ("f2", 1)]


@pytest.mark.parametrize(
    ("caller", "message", "status", "text"),
    [
        ("edge1", AddFunction(), 400, "Failed to add function, msg.Function is nil"),
        (
            "edge1",
            AddFunction(fun=function("edge1", colonyname="nowhere")),
            403,
            "Colony with name <nowhere> does not exists",
        ),
        (
            "edge1",
            AddFunction(fun=function("x")),
            400,
            "Failed to add function, Executor with name <x> does not exist",
        ),
        (
            "edge2",
            AddFunction(fun=function("edge1")),
            403,
            "Not allowed to add a function to another executor",
        ),
        (
            "user",
            AddFunction(fun=function("edge1")),
            403,
            "Not allowed to add a function to another executor",
        ),
        ("edge1", RemoveFunction(), 400, "Failed to remove function, msg.FunctionID is empty"),
        ("edge1", RemoveFunction(functionid="x"), 404, "Failed to remove function, function does not exist"),
        (
            "edge2",
            RemoveFunction(functionid="f1"),
            403,
            "Not allowed to remove a function from another executor",
        ),
        (
            "user",
            RemoveFunction(functionid="f1"),
            403,
            "Not allowed to remove a function from another executor",
        ),
    ],
)
@pytest.mark.usefixtures("other")
def test_what_is_refused(
    world: World, edge: Identity, caller: str, message: Message[Any], status: int, text: str
) -> None:
    world.call(edge, AddFunction(fun=function("edge1", functionid="f1")))
    assert world.refused(identity(caller), message) == (status, text)


def test_functions_are_removed_one_by_one(world: World, edge: Identity) -> None:
    first, second = (world.call(edge, AddFunction(fun=function("edge1", name))) for name in ("a", "b"))
    assert world.call(edge, RemoveFunction(functionid=first.functionid)) == Empty()
    assert functions(world) == [second]
    world.call(edge, RemoveFunction(functionid=second.functionid))
    assert functions(world) == functions(world, "edge1") == []


def run(world: World, edge: Identity, waited: float, executed: float) -> None:
    world.submit(maxexectime=1000, maxretries=-1)
    world.advance(waited)
    process = world.assign(edge)
    world.advance(executed)
    world.close(edge, process)


def test_successful_runs_are_counted(world: World, edge: Identity) -> None:
    world.call(edge, AddFunction(fun=function("edge1")))
    world.call(edge, AddFunction(fun=function("edge1", "sum")))
    run(world, edge, 2, 0.5)
    run(world, edge, 4, 0.25)
    run(world, edge, 1, 3)
    counted, untouched = functions(world)
    assert counted.counter == 3
    assert (counted.minwaittime, counted.maxwaittime, counted.avgwaittime) == (1, 4, ((2 + 4) / 2 + 1) / 2)
    assert (counted.minexectime, counted.maxexectime, counted.avgexectime) == (
        0.25,
        3,
        ((0.5 + 0.25) / 2 + 3) / 2,
    )
    assert untouched.counter == 0


def test_counting_starts_from_what_the_client_sent(world: World, edge: Identity) -> None:
    sent = function("edge1", counter=7, minwaittime=1.0, maxwaittime=9.0, avgwaittime=5.0, maxexectime=-1.0)
    world.call(edge, AddFunction(fun=sent))
    run(world, edge, 3, 2)
    counted = only(world)
    assert (counted.counter, counted.minwaittime, counted.maxwaittime, counted.avgwaittime) == (8, 1, 9, 4)
    assert (counted.minexectime, counted.maxexectime, counted.avgexectime) == (2, 2, 2)


def test_waiting_counts_from_submission_also_after_a_put_back(world: World, edge: Identity) -> None:
    world.call(edge, AddFunction(fun=function("edge1")))
    world.submit(maxexectime=10, maxretries=1)
    world.assign(edge)
    world.tick(10)
    world.advance(5)
    process = world.assign(edge)
    world.advance(2)
    world.close(edge, process)
    assert (only(world).minwaittime, only(world).minexectime) == (15, 2)


def test_what_does_not_succeed_is_not_counted(world: World, edge: Identity) -> None:
    world.call(edge, AddFunction(fun=function("edge1")))
    world.submit()
    world.fail(edge, world.assign(edge), "no")
    world.submit()
    world.call(world.user, CancelProcess(processid=world.assign(edge).processid))
    world.submit(maxexectime=1)
    world.assign(edge)
    world.tick(1)
    assert only(world).counter == 0


def test_others_runs_are_not_counted(world: World, edge: Identity, other: Identity) -> None:
    world.call(edge, AddFunction(fun=function("edge1")))
    run(world, other, 1, 1)
    assert only(world).counter == 0


def test_a_second_close_is_not_counted(world: World, edge: Identity) -> None:
    world.call(edge, AddFunction(fun=function("edge1")))
    world.submit()
    process = world.assign(edge)
    for _ in range(2):
        world.close(edge, process)
    assert only(world).counter == 1


def test_of_two_functions_of_one_name_one_is_removed(world: World, edge: Identity) -> None:
    for functionid in ("f1", "f2"):
        world.call(edge, AddFunction(fun=function("edge1", functionid=functionid)))
    world.submit()
    world.close(edge, world.assign(edge))
    assert [each.counter for each in functions(world)] == [1, 1]
    world.call(edge, RemoveFunction(functionid="f1"))
    world.submit()
    world.close(edge, world.assign(edge))
    assert [(each.functionid, each.counter) for each in functions(world)] == [("f2", 2)]
