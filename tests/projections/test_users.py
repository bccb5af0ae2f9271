"""Users (members.md section 2)."""

from __future__ import annotations

import pytest
from colonyledger.wire import (
    AddUser,
    Empty,
    GetColony,
    GetProcess,
    GetUser,
    GetUserById,
    GetUsers,
    Message,
    RemoveUser,
    SubmitFunctionSpec,
    User,
)

from tests.projections.world import World, identity

ALICE = User("dev", identity("user").id, "alice", "", "")


def test_users_are_listed_in_the_order_in_which_they_came(world: World) -> None:
    bob = world.call(
        world.owner, AddUser(user=User("dev", identity("bob").id, "bob", "b@example.org", "+46 1"))
    )
    assert bob == User("dev", identity("bob").id, "bob", "b@example.org", "+46 1")
    assert world.call(world.user, GetUsers(colonyname="dev")) == [ALICE, bob]
    assert world.call(identity("bob"), GetUser(colonyname="dev", name="alice")) == ALICE
    assert world.call(identity("bob"), GetUserById(colonyname="dev", userid=ALICE.userid)) == ALICE


def test_a_user_id_in_upper_case_is_the_same_key(world: World) -> None:
    added = world.call(world.owner, AddUser(user=User("dev", identity("bob").id.upper(), "bob")))
    assert added.userid == identity("bob").id
    world.call(identity("bob"), GetColony(colonyname="dev"))


@pytest.mark.parametrize("userid", ["", "short"])
def test_user_ids_are_not_validated(world: World, userid: str) -> None:
    assert world.call(world.owner, AddUser(user=User("dev", userid, "bob"))).userid == userid


def test_several_users_may_have_no_id(world: World) -> None:
    for name in ("bob", "carol"):
        world.call(world.owner, AddUser(user=User("dev", "", name)))
    world.call(world.owner, RemoveUser(colonyname="dev", name="bob"))
    assert [user.name for user in world.call(world.user, GetUsers(colonyname="dev"))] == ["alice", "carol"]


def test_one_key_may_be_a_user_of_several_colonies_and_an_executor(world: World) -> None:
    world.colony("other")
    world.executor("user")
    assert world.call(world.user, GetColony(colonyname="other")).name == "other"


@pytest.mark.parametrize(
    ("message", "status", "text"),
    [
        (AddUser(), 400, "Failed to add user, "),
        (AddUser(user=User("nowhere", "", "x")), 400, "Colony with name <nowhere> does not exists"),
        (
            AddUser(user=User("dev", "", "alice")),
            400,
            "A user with name <alice> already exists in Colony with name <dev>",
        ),
        (
            AddUser(user=User("dev", ALICE.userid, "bob")),
            400,
            f"A user with Id <{ALICE.userid}> already exists in Colony with name <dev>",
        ),
        (
            AddUser(user=User("dev", ALICE.userid.upper(), "bob")),
            400,
            f"A user with Id <{ALICE.userid}> already exists in Colony with name <dev>",
        ),
        (RemoveUser(colonyname="dev", name="bob"), 400, "User with name <bob> not found"),
        (
            RemoveUser(colonyname="nowhere", name="alice"),
            400,
            "Colony with name <nowhere> does not exists",
        ),
    ],
)
def test_what_an_owner_is_refused(world: World, message: Message[object], status: int, text: str) -> None:
    got = world.refused(world.owner, message)
    assert got[0] == status
    assert got[1].startswith(text)


@pytest.mark.parametrize(
    ("message", "status", "text"),
    [
        (GetUsers(colonyname="nowhere"), 400, "Colony with name <nowhere> does not exists"),
        (GetUser(colonyname="nowhere", name="alice"), 400, "Colony with name <nowhere> does not exists"),
        (GetUser(colonyname="dev", name="bob"), 500, "Failed to get user, user is nil"),
        (GetUserById(colonyname="nowhere"), 400, "Colony with name <nowhere> does not exists"),
        (GetUserById(colonyname="dev", userid="00"), 404, "Failed to get user by ID, user is nil"),
        (GetUserById(colonyname="dev"), 404, "Failed to get user by ID, user is nil"),
    ],
)
def test_what_a_member_is_refused(world: World, message: Message[object], status: int, text: str) -> None:
    assert world.refused(world.user, message) == (status, text)


def test_a_removed_user_is_refused_and_leaves_its_work(world: World) -> None:
    process = world.submit()
    world.call(world.owner, AddUser(user=User("dev", identity("bob").id, "bob")))
    assert world.call(world.owner, RemoveUser(colonyname="dev", name="alice")) == Empty()
    left = world.call(identity("bob"), GetProcess(processid=process.processid))
    assert (left.initiatorid, left.initiatorname) == (world.user.id, "alice")
    status, text = world.refused(world.user, SubmitFunctionSpec(spec=left.spec))
    assert (status, text) == (403, "Access denied, not a member of Colony with name <dev>")
    world.call(world.owner, AddUser(user=User("dev", world.user.id, "alice")))
    assert world.get(process) == left
