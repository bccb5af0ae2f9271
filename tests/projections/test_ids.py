"""Ids say which colony they belong to (architecture, Ids know their home)."""

from __future__ import annotations

import hashlib

import pytest
from colonyledger.wire import AddFunction, AssignProcess, GetFunctions, GetProcess, RemoveFunction

from projections.ids import TAG_DIGITS, is_identity, tag_of
from tests.projections.world import World, function


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("a1" * 32, True),
        ("0" * 64, True),
        ("A1" * 32, False),
        ("a" * 63, False),
        ("a" * 65, False),
        ("g" * 64, False),
        ("", False),
        ("a" * 64 + "\n", False),
        ("１" * 64, False),
    ],
)
def test_identity(text: str, fits: bool) -> None:
    assert is_identity(text) is fits


def test_tag_is_the_start_of_the_hash_of_the_name() -> None:
    assert tag_of("dev") == hashlib.sha3_256(b"dev").hexdigest()[:8]
    assert tag_of("dëv") != tag_of("dev")


def test_every_id_starts_with_the_tag_of_its_colony(world: World) -> None:
    edge = world.executor("edge1")
    graph = world.workflow({"a": [], "b": ["a"]})
    ids = [graph.processgraphid, *graph.processids, world.submit().processid]
    ids.append(world.call(edge, AddFunction(fun=function("edge1"))).functionid)
    assert len(set(ids)) == 5
    assert all(is_identity(each) and each[:TAG_DIGITS] == tag_of("dev") for each in ids)


def test_equal_requests_get_different_ids(world: World) -> None:
    assert len({world.submit().processid for _ in range(50)}) == 50


def test_ids_of_one_colony_say_nothing_in_another(world: World) -> None:
    world.colony("other")
    process = world.submit(colony="other")
    assert process.processid.startswith(tag_of("other"))
    assert world.call(world.user, GetProcess(processid=process.processid)) == process


def test_function_ids_chosen_by_two_colonies_do_not_disturb_each_other(world: World) -> None:
    """A chosen id cannot put another colony's function out of reach (processes.md section 9.3)."""
    world.colony("other")
    mine, theirs = world.executor("edge1"), world.executor("edge2", colony="other")
    fun = function("edge1", functionid="echo-v1")
    world.call(mine, AddFunction(fun=fun))
    fun = function("edge2", functionid="echo-v1", colonyname="other")
    world.append(world.record(theirs, AddFunction(fun=fun)))
    world.call(mine, RemoveFunction(functionid="echo-v1"))
    assert world.call(world.user, GetFunctions(colonyname="dev")) == []


def test_a_chosen_function_id_hides_no_process(world: World) -> None:
    world.colony("other")
    theirs = world.executor("edge2", colony="other")
    process = world.submit()
    fun = function("edge2", functionid=process.processid, colonyname="other")
    world.call(theirs, AddFunction(fun=fun))
    assert world.get(process) == process
    world.call(theirs, RemoveFunction(functionid=process.processid))
    assert world.get(process) == process
    edge = world.executor("edge1")
    assert world.call(edge, AssignProcess(colonyname="dev", timeout=-1)).processid == process.processid
