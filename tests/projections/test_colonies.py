"""Colonies (members.md section 1)."""

from __future__ import annotations

import pytest
from colonyledger.wire import (
    AddColony,
    AddFunction,
    AddUser,
    AssignProcess,
    Colony,
    Empty,
    GetAttribute,
    GetColonies,
    GetColony,
    GetColonyStatistics,
    GetProcess,
    PauseAssignments,
    RemoveColony,
    RemoveFunction,
    Statistics,
    User,
)

from projections.event import ColonyRemoved
from projections.ids import tag_of
from tests.projections.invariants import check
from tests.projections.world import World, essence, function, identity

OWNER = identity("owner").id

COLLIDING = ("colony5543", "colony7053")
"""Two names whose hashes start with the same eight digits."""


def test_a_colony_is_added(world: World) -> None:
    added = world.call(world.server, AddColony(colony=Colony(OWNER, "Lab:1")))
    assert added == Colony(OWNER, "Lab:1")
    assert world.call(world.server, GetColonies()) == [Colony(OWNER, "dev"), added]


def test_one_key_may_own_several_colonies(world: World) -> None:
    world.call(world.server, AddColony(colony=Colony(OWNER, "second")))
    world.call(world.owner, AddUser(user=User("second", world.user.id, "alice")))
    assert world.call(world.user, GetColony(colonyname="second")) == Colony(OWNER, "second")


def test_an_owner_in_upper_case_is_the_same_owner(world: World) -> None:
    assert world.call(world.server, AddColony(colony=Colony(OWNER.upper(), "upper"))).colonyid == OWNER
    world.call(world.owner, AddUser(user=User("upper", world.user.id, "alice")))


@pytest.mark.parametrize(
    ("colony", "message"),
    [
        (None, "Failed to add colony, colony is <nil>"),
        (Colony("", "x"), "Failed to add colony, invalid colony Id length"),
        (Colony("a" * 63, "x"), "Failed to add colony, invalid colony Id length"),
        (Colony("g" * 64, "x"), "Failed to add colony, invalid colony Id length"),
        (Colony(OWNER, "dev"), "A Colony with name <dev> already exists"),
        (Colony("b" * 64, "dev"), "A Colony with name <dev> already exists"),
        (Colony(OWNER, ""), "Failed to add colony, the name is empty"),
    ],
)
def test_a_colony_that_cannot_be_added(world: World, colony: Colony | None, message: str) -> None:
    assert world.refused(world.server, AddColony(colony=colony)) == (400, message)


def test_ownership_is_checked_before_the_message(world: World) -> None:
    assert world.refused(world.user, AddColony()) == (403, "Access denied, not server owner")


def test_a_member_gets_the_colony(world: World) -> None:
    assert world.call(world.user, GetColony(colonyname="dev")) == Colony(OWNER, "dev")


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_an_unknown_colony(world: World, name: str) -> None:
    unknown = (403, f"Colony with name <{name}> does not exists")
    assert world.refused(world.user, GetColony(colonyname=name)) == unknown
    removing = RemoveColony(colonyname=name)
    assert world.refused(world.server, removing) == (400, f"Colony with name <{name}> not found")


def test_without_colonies_the_list_is_empty() -> None:
    world = World()
    assert world.reply(world.server, GetColonies()) == []


def test_removing_a_colony_removes_everything_in_it(world: World) -> None:
    edge = world.executor("edge1")
    empty = World().state
    world.submit(env={"A": "1"})
    process = world.assign(edge)
    world.workflow({"a": [], "b": ["a"]})
    world.submit(maxwaittime=5)
    fun = world.call(edge, AddFunction(fun=function("edge1", functionid="chosen")))
    world.call(world.owner, PauseAssignments(colonyname="dev"))

    assert world.call(world.server, RemoveColony(colonyname="dev")) == Empty()
    assert world.outcome.facts == [ColonyRemoved("dev")]
    assert essence(world.state) == essence(empty)
    assert world.refused(edge, AssignProcess(colonyname="dev", timeout=-1))[0] == 403
    assert world.refused(world.user, GetProcess(processid=process.processid))[0] == 404
    assert world.refused(edge, RemoveFunction(functionid=fun.functionid))[0] == 404
    attribute = GetAttribute(attributeid=process.attributes[0].attributeid)
    assert world.refused(world.user, attribute)[0] == 400
    world.tick(100)
    assert essence(world.state) == essence(empty)


def test_a_removed_colony_leaves_others_alone(world: World) -> None:
    world.colony("other")
    edge = world.executor("edge1", colony="other")
    kept = world.submit(colony="other", env={"A": "1"})
    chosen = world.call(edge, AddFunction(fun=function("edge1", colonyname="other", functionid="chosen")))
    world.call(world.server, RemoveColony(colonyname="dev"))
    assert world.get(kept) == kept
    assert world.call(edge, RemoveFunction(functionid=chosen.functionid)) == Empty()
    check(world.state)


def test_a_colony_of_a_removed_one_s_name_starts_empty(world: World) -> None:
    world.submit()
    world.call(world.owner, PauseAssignments(colonyname="dev"))
    world.call(world.server, RemoveColony(colonyname="dev"))
    world.colony("dev")
    assert world.statistics() == Statistics(colonies=1)
    edge = world.executor("edge1")
    process = world.submit()
    assert world.assign(edge).processid == process.processid


def test_colonies_whose_tags_are_equal_are_told_apart(world: World) -> None:
    first, second = COLLIDING
    assert tag_of(first) == tag_of(second)
    world.colony(first)
    world.colony(second)
    mine, theirs = world.submit(colony=first), world.submit(colony=second)
    assert world.get(theirs) == theirs
    world.call(world.server, RemoveColony(colonyname=first))
    assert world.get(theirs) == theirs
    assert world.refused(world.user, GetProcess(processid=mine.processid))[0] == 404


def test_statistics_of_an_unknown_colony(world: World) -> None:
    asked = GetColonyStatistics(colonyname="nowhere")
    assert world.refused(world.user, asked) == (400, "Colony with name <nowhere> not found")
