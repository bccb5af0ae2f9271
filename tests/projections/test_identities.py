"""Going on with another key (members.md section 7): what follows the holder, and what nobody inherits."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddExecutor,
    AddLog,
    AddUser,
    ApproveExecutor,
    AssignProcess,
    ChangeColonyId,
    ChangeExecutorId,
    ChangeUserId,
    ChannelAppend,
    ChannelRead,
    Conditions,
    Empty,
    Executor,
    FunctionSpec,
    GetColony,
    GetExecutor,
    GetExecutorById,
    GetProcess,
    GetUsers,
    Process,
    RemoveExecutor,
    RemoveUser,
    SubmitFunctionSpec,
    User,
)

from projections.event import ExecutorChanged, MemberLeft
from projections.identities import Identities
from projections.system import Undelivered
from tests.projections.invariants import check
from tests.projections.test_crons import add as add_cron
from tests.projections.test_crons import get as get_cron
from tests.projections.test_crons import graphs
from tests.projections.test_generators import add as add_generator
from tests.projections.test_generators import pack
from tests.projections.world import World, identity

NEW, NEWER = identity("new"), identity("newer")
BAD_IDS = ("", "short", "x" * 64, NEW.id + "0", "٣" * 64)


def talkative(world: World, who: Identity) -> Process:
    """A process of `who` with a channel."""
    conditions = Conditions("dev", executortype="edge")
    spec = FunctionSpec(funcname="talk", conditions=conditions, channels=["chat"])
    return world.call(who, SubmitFunctionSpec(spec=spec))


def say(world: World, who: Identity, process: Process) -> None:
    world.call(who, ChannelAppend(processid=process.processid, name="chat", payload=b"hello"))


def hears(world: World, who: Identity, process: Process) -> int:
    return len(world.call(who, ChannelRead(processid=process.processid, name="chat")))


def change_user(world: World, who: Identity, to: Identity) -> None:
    assert world.call(who, ChangeUserId(colonyname="dev", userid=to.id)) == Empty()


def change_executor(world: World, who: Identity, to: Identity) -> None:
    assert world.call(who, ChangeExecutorId(colonyname="dev", executorid=to.id)) == Empty()


# Users


def test_a_user_goes_on_with_another_key(world: World) -> None:
    change_user(world, world.user, NEW)
    assert world.call(NEW, GetUsers(colonyname="dev")) == [User("dev", NEW.id, "alice")]
    assert world.refused(world.user, GetUsers(colonyname="dev"))[0] == 403
    assert world.refused(world.user, ChangeUserId(colonyname="dev", userid=NEWER.id))[0] == 403
    change_user(world, NEW, NEWER)
    change_user(world, NEWER, world.user)
    assert world.call(world.user, GetUsers(colonyname="dev")) == [User("dev", world.user.id, "alice")]


def test_capitals_are_the_same_key(world: World) -> None:
    world.call(world.user, ChangeUserId(colonyname="dev", userid=NEW.id.upper()))
    assert world.call(NEW, GetUsers(colonyname="dev"))[0].userid == NEW.id


def test_the_same_key_again_changes_nothing(world: World) -> None:
    change_user(world, world.user, world.user)
    assert list(world.outcome.facts) == []
    assert world.call(world.user, GetUsers(colonyname="dev")) == [User("dev", world.user.id, "alice")]


@pytest.mark.parametrize("new", BAD_IDS)
def test_no_key_has_such_an_id(world: World, edge: Identity, new: str) -> None:
    for who, message, whose in (
        (world.user, ChangeUserId(colonyname="dev", userid=new), "user"),
        (edge, ChangeExecutorId(colonyname="dev", executorid=new), "executor"),
        (world.owner, ChangeColonyId(colonyname="dev", colonyid=new), "colony"),
    ):
        status, text = world.refused(who, message)
        assert (status, text.startswith(f"Failed to change {whose} Id, new {whose} Id is not 64")) == (
            400,
            True,
        )


def test_an_id_belongs_to_one_user(world: World) -> None:
    world.call(world.owner, AddUser(user=User("dev", NEW.id, "bob")))
    refused = world.refused(world.user, ChangeUserId(colonyname="dev", userid=NEW.id))
    assert refused == (409, f"A user with Id <{NEW.id}> already exists in Colony with name <dev>")
    world.call(world.owner, RemoveUser(colonyname="dev", name="bob"))
    change_user(world, world.user, NEW)


def test_an_id_belongs_to_one_executor(world: World, edge: Identity, other: Identity) -> None:
    asked = ChangeExecutorId(colonyname="dev", executorid=other.id)
    refused = world.refused(edge, asked)
    assert refused == (409, f"An executor with Id <{other.id}> already exists in Colony <dev>")
    world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="edge2"))
    change_executor(world, edge, other)
    found = world.call(other, GetExecutorById(colonyname="dev", executorid=other.id))
    assert found.executorname == "edge1"
    check(world.state)


def test_only_users_change_a_users_id_and_only_executors_an_executors(world: World, edge: Identity) -> None:
    refused = world.refused(edge, ChangeUserId(colonyname="dev", userid=NEW.id))
    assert refused == (400, "Failed to change user Id, user not found")
    refused = world.refused(world.user, ChangeExecutorId(colonyname="dev", executorid=NEW.id))
    assert refused == (400, "Failed to change executor Id, executor not found")
    for who, message in (
        (world.owner, ChangeUserId(colonyname="dev", userid=NEW.id)),
        (world.owner, ChangeExecutorId(colonyname="dev", executorid=NEW.id)),
        (world.user, ChangeColonyId(colonyname="dev", colonyid=NEW.id)),
        (world.user, ChangeUserId(colonyname="gone", userid=NEW.id)),
    ):
        assert world.refused(who, message)[0] == 403


def test_a_user_keeps_the_channels_of_what_it_submitted(world: World) -> None:
    before = talkative(world, world.user)
    say(world, world.user, before)
    change_user(world, world.user, NEW)
    assert hears(world, NEW, before) == 1
    change_user(world, NEW, NEWER)
    between = talkative(world, NEWER)
    assert hears(world, NEWER, before) == 1
    assert hears(world, NEWER, between) == 0
    assert world.call(NEWER, GetProcess(processid=before.processid)).initiatorid == world.user.id


def test_nobody_inherits_what_an_earlier_holder_of_the_id_submitted(world: World) -> None:
    before = talkative(world, world.user)
    change_user(world, world.user, NEW)
    world.call(world.owner, AddUser(user=User("dev", world.user.id, "bob")))
    after = talkative(world, world.user)
    say(world, world.user, after)
    say(world, NEW, before)
    for who, process in ((world.user, before), (NEW, after)):
        asked = ChannelRead(processid=process.processid, name="chat")
        assert world.refused(who, asked) == (403, "Not authorized to read from channel")


def test_crons_and_generators_go_on_for_a_user_with_another_key(world: World) -> None:
    cron, generator = add_cron(world), add_generator(world, trigger=1)
    change_user(world, world.user, NEW)
    change_user(world, NEW, NEWER)
    world.user = NEWER
    world.tick(10)
    pack(world, generator, "x")
    assert get_cron(world, cron).lasterror == ""
    assert [graph.initiatorid for graph in graphs(world)] == [NEWER.id, NEWER.id]


# Executors


def test_an_executor_goes_on_with_another_key_and_what_it_runs_stays_with_it(
    world: World, edge: Identity
) -> None:
    process, waiting = talkative(world, world.user), world.submit()
    world.assign(edge)
    say(world, edge, process)
    change_executor(world, edge, NEW)
    assert world.get(process).assignedexecutorid == NEW.id
    refused = world.refused(edge, AddLog(processid=process.processid, message="old"))
    assert refused == (500, "Failed to add log, process is nil")
    assert world.refused(edge, AssignProcess(colonyname="dev", timeout=-1))[0] == 403
    world.call(NEW, AddLog(processid=process.processid, message="new"))
    assert hears(world, NEW, process) == 1
    world.close(NEW, process, "done")
    assert world.assign(NEW).processid == waiting.processid
    executor = world.call(world.user, GetExecutor(colonyname="dev", executorname="edge1"))
    assert (executor.executorid, executor.state) == (NEW.id, 1)
    check(world.state)


def test_what_an_executor_runs_goes_back_when_it_is_removed_after_a_change(
    world: World, edge: Identity
) -> None:
    process = world.submit()
    world.assign(edge)
    change_executor(world, edge, NEW)
    world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="edge1"))
    assert world.get(process).state == 0
    check(world.state)


def test_an_assignment_that_nobody_took_is_given_back_after_a_change_as_well(
    world: World, edge: Identity
) -> None:
    process = world.submit()
    world.assign(edge)
    offset = len(world.events) - 1
    change_executor(world, edge, NEW)
    world.system(Undelivered(processid=process.processid, offset=offset))
    assert world.get(process).state == 0
    check(world.state)


def test_a_pending_executor_may_change_its_id_a_rejected_or_removed_one_not(world: World) -> None:
    who = identity("late")
    world.call(world.owner, AddExecutor(executor=Executor(who.id, "edge", "late", "dev")))
    change_executor(world, who, NEW)
    world.call(world.owner, ApproveExecutor(colonyname="dev", executorname="late"))
    assert world.nothing_for(NEW)
    world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="late"))
    assert world.refused(NEW, ChangeExecutorId(colonyname="dev", executorid=NEWER.id))[0] == 403


def test_the_facts_of_a_change(world: World, edge: Identity) -> None:
    change_executor(world, edge, NEW)
    executor = world.state.colonies["dev"].executors.by_id[NEW.id]
    assert list(world.outcome.facts) == [MemberLeft("dev", edge.id), ExecutorChanged("dev", executor)]
    change_user(world, world.user, NEWER)
    assert list(world.outcome.facts) == [MemberLeft("dev", world.user.id)]


# One key for a user and an executor


def shared(world: World) -> Identity:
    """The user's key, which is that of an executor as well."""
    new = Executor(world.user.id, "edge", "edge1", "dev")
    world.call(world.owner, AddExecutor(executor=new))
    world.call(world.owner, ApproveExecutor(colonyname="dev", executorname="edge1"))
    return world.user


def test_of_two_members_with_one_key_one_goes_on_with_it(world: World) -> None:
    key = shared(world)
    process = talkative(world, key)
    change_user(world, key, NEW)
    assert hears(world, key, process) == 0
    assert world.refused(NEW, ChannelRead(processid=process.processid, name="chat"))[0] == 403
    change_executor(world, key, NEWER)
    assert hears(world, NEWER, process) == 0


def test_a_removed_executor_with_the_users_key_is_no_executor_any_more(world: World) -> None:
    key = shared(world)
    world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="edge1"))
    refused = world.refused(key, ChangeExecutorId(colonyname="dev", executorid=NEW.id))
    assert refused == (400, "Failed to change executor Id, executor not found")
    process = talkative(world, key)
    change_user(world, key, NEW)
    assert hears(world, NEW, process) == 0


# Owners


def test_a_colony_goes_to_another_key(world: World) -> None:
    assert world.call(world.owner, ChangeColonyId(colonyname="dev", colonyid=NEW.id)) == Empty()
    assert world.call(world.user, GetColony(colonyname="dev")).colonyid == NEW.id
    new = AddUser(user=User("dev", NEWER.id, "bob"))
    assert world.refused(world.owner, new) == (403, "Access denied, not colony owner")
    world.call(NEW, new)
    refused = world.refused(world.owner, ChangeColonyId(colonyname="dev", colonyid=NEWER.id))
    assert refused == (403, "Access denied, not colony owner")
    refused = world.refused(NEW, ChangeColonyId(colonyname="gone", colonyid=NEWER.id))
    assert refused == (403, "Colony with name <gone> does not exists")


def test_an_owner_who_is_a_user_as_well_keeps_what_it_submitted(world: World) -> None:
    world.call(world.owner, AddUser(user=User("dev", world.owner.id, "boss")))
    process = talkative(world, world.owner)
    change_user(world, world.owner, NEW)
    asked = ChannelRead(processid=process.processid, name="chat")
    assert world.refused(NEW, asked)[0] == 403
    world.call(world.owner, ChangeColonyId(colonyname="dev", colonyid=NEW.id))
    assert hears(world, NEW, process) == 0


# Whose an id was


@pytest.mark.parametrize(
    ("changes", "asked", "found"),
    [
        ([], ("a", 5), "a"),
        ([("a", "b", 10)], ("a", 9), "b"),
        ([("a", "b", 10)], ("a", 10), "a"),
        ([("a", "b", 10)], ("b", 9), "b"),
        ([("a", "b", 10), ("b", "c", 20)], ("a", 0), "c"),
        ([("a", "b", 10), ("b", "c", 20)], ("b", 15), "c"),
        ([("a", "b", 10), ("b", "c", 20)], ("b", 20), "b"),
        ([("a", "b", 10), ("b", "a", 20)], ("a", 0), "a"),
        ([("a", "b", 10), ("b", "a", 20)], ("a", 15), "a"),
        ([("a", "b", 10), ("b", "a", 20), ("a", "c", 30)], ("a", 0), "c"),
        ([("a", "b", 10), ("a", "c", 30)], ("a", 5), "b"),
        ([("a", "b", 10), ("a", "c", 30)], ("a", 15), "c"),
        ([("a", "b", 10), ("a", "c", 30)], ("a", 35), "a"),
    ],
)
def test_whose_an_id_was(changes: list[tuple[str, str, int]], asked: tuple[str, int], found: Any) -> None:
    identities = Identities()
    for former, new, offset in changes:
        identities.changed(former, new, offset)
    assert identities.current(*asked) == found
    assert [entry[:2] for entry in identities] == sorted((former, offset) for former, _, offset in changes)
