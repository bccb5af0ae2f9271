"""The work that blueprints make (blueprints.md section 6)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.wire import (
    SECOND,
    ZERO_TIME,
    AddBlueprint,
    AddCron,
    AddLocation,
    BlueprintHandler,
    Conditions,
    Cron,
    FunctionSpec,
    GetCrons,
    GetLocations,
    Location,
    NewCron,
    Process,
    ReconcileBlueprint,
    RemoveBlueprint,
    RemoveCron,
    UpdateBlueprint,
    UpdateBlueprintStatus,
    WorkflowSpec,
    decode,
    instant,
    json_text,
)

from projections import reconciliation
from projections.digest import state_digest
from tests.projections.test_blueprints import add, blueprint, names, update
from tests.projections.test_definitions import define
from tests.projections.world import World, node, refold

HANDLER = BlueprintHandler("reconciler", "reconcile")


@pytest.fixture
def kind(world: World) -> World:
    """A colony with the kinds K and L, which executors of type "reconciler" reconcile, and N, which nobody does."""
    define(world, "k", "K", handler=HANDLER)
    define(world, "l", "L", handler=HANDLER)
    define(world, "n", "N")
    return world


def remove(world: World, name: str) -> None:
    world.call(world.user, RemoveBlueprint(namespace="dev", name=name))


def waiting(world: World) -> list[Process]:
    """The waiting processes, first submission first."""
    return [world.get(processid) for processid in world.listed(0)]


def kwargs(world: World) -> list[dict[str, Any]]:
    return [process.spec.kwargs for process in waiting(world)]


def crons(world: World) -> list[Cron]:
    return world.call(world.user, GetCrons(colonyname="dev", count=100))


def cron_names(world: World) -> list[str]:
    return [cron.name for cron in crons(world)]


def locations(world: World) -> list[Location]:
    return world.call(world.user, GetLocations(colonyname="dev"))


def test_a_new_blueprint_is_reconciled_at_once(kind: World) -> None:
    add(kind, "b", "K", "home")
    (process,) = waiting(kind)
    assert process.spec.nodename == "reconciler-reconcile"
    assert process.spec.funcname == "reconcile"
    assert process.spec.args == []
    assert process.spec.kwargs == {"kind": "K", "blueprintName": "b"}
    assert (process.spec.maxexectime, process.spec.maxretries) == (-1, -1)
    assert (process.spec.maxwaittime, process.spec.priority, process.spec.env) == (0, 0, {})
    conditions = process.spec.conditions
    assert (conditions.colonyname, conditions.executortype) == ("dev", "reconciler")
    assert conditions.locationname == "home"
    assert (process.initiatorid, process.initiatorname) == (kind.user.id, "alice")
    assert process.processgraphid == ""


def test_only_reconcilers_at_the_place_get_the_work(kind: World) -> None:
    near = kind.executor("near", "reconciler", location="HOME")
    far = kind.executor("far", "reconciler", location="away")
    add(kind, "b", "K", "home")
    assert kind.nothing_for(far)
    assert kind.assign(near).spec.kwargs["blueprintName"] == "b"


def test_each_blueprint_is_reconciled(kind: World) -> None:
    for name in "abc":
        add(kind, name)
    assert [each["blueprintName"] for each in kwargs(kind)] == ["a", "b", "c"]


def test_a_new_generation_is_reconciled(kind: World) -> None:
    add(kind, "b")
    update(kind, "b", spec={"a": 1})
    update(kind, "b", spec={"a": 1})
    update(kind, "b", spec={"a": 1}, force=True)
    assert kwargs(kind) == [{"kind": "K", "blueprintName": "b"}] * 3


def test_a_status_makes_no_work(kind: World) -> None:
    add(kind, "b")
    kind.call(kind.user, UpdateBlueprintStatus(colonyname="dev", blueprintname="b", status={"a": 1}))
    assert len(waiting(kind)) == 1


@pytest.mark.parametrize(("force", "generation"), [(False, 5), (True, 6)])
def test_a_blueprint_is_reconciled_when_asked(kind: World, force: bool, generation: int) -> None:
    add(kind, "b", "K", "home", generation=5)
    process = kind.call(kind.user, ReconcileBlueprint(namespace="dev", name="b", force=force))
    assert process == waiting(kind)[-1]
    forced = {"force": True} if force else {}
    assert process.spec.kwargs == {"kind": "K", "blueprintName": "b", **forced}
    assert process.spec.conditions.locationname == "home"
    assert kind.state.colonies["dev"].blueprints.by_name["b"].metadata.generation == generation


def test_a_removed_blueprint_is_cleaned_up(kind: World) -> None:
    add(kind, "b", "K", "home")
    remove(kind, "b")
    process = waiting(kind)[-1]
    assert (process.spec.nodename, process.spec.funcname) == ("reconciler-cleanup", "cleanup")
    assert process.spec.kwargs == {"blueprintName": "b", "kind": "K"}
    assert process.spec.conditions.locationname == "home"


def test_the_owner_of_the_colony_is_named(kind: World) -> None:
    kind.call(kind.owner, AddBlueprint(blueprint=blueprint("b")))
    kind.call(kind.owner, UpdateBlueprint(blueprint=blueprint("b", spec={"a": 1})))
    kind.call(kind.owner, RemoveBlueprint(namespace="dev", name="b"))
    assert [process.spec.funcname for process in waiting(kind)] == ["reconcile", "reconcile", "cleanup"]
    assert {process.initiatorid for process in waiting(kind)} == {kind.owner.id}
    assert {process.initiatorname for process in waiting(kind)} == {"colonyowner"}


def test_a_cron_calls_for_the_whole_kind(kind: World) -> None:
    add(kind, "b", "K", "home")
    (cron,) = crons(kind)
    assert (cron.name, cron.interval, cron.cronexpression) == ("reconcile-K-home", 60, "")
    assert (cron.random, cron.waitforprevprocessgraph) == (False, True)
    assert (cron.initiatorid, cron.initiatorname) == (kind.user.id, "alice")
    assert (cron.nextrun, cron.lastrun) == (instant(kind.now + 60 * SECOND), ZERO_TIME)
    workflow = decode(cron.workflowspec.encode(), WorkflowSpec)
    assert workflow.colonyname == "dev"
    (spec,) = workflow.functionspecs
    assert spec == FunctionSpec(
        "reconciler-reconcile",
        "reconcile",
        kwargs={"kind": "K"},
        maxexectime=-1,
        maxretries=-1,
        conditions=Conditions("dev", executortype="reconciler", locationname="home"),
    )


@pytest.mark.parametrize("who", ["user", "owner"])
def test_the_cron_runs(kind: World, who: str) -> None:
    caller = getattr(kind, who)
    kind.call(caller, AddBlueprint(blueprint=blueprint("b")))
    kind.tick(61)
    (process,) = [process for process in waiting(kind) if process.processgraphid]
    assert process.spec.kwargs == {"kind": "K"}
    assert process.spec.funcname == "reconcile"
    assert process.initiatorid == caller.id
    (cron,) = crons(kind)
    assert cron.lasterror == ""
    kind.tick(61)
    assert len([process for process in waiting(kind) if process.processgraphid]) == 1


def test_the_definition_says_how_often(world: World) -> None:
    define(world, "k", "K", handler=BlueprintHandler("reconciler", "reconcile", 15))
    add(world, "b")
    assert [cron.interval for cron in crons(world)] == [15]


def test_one_cron_for_each_kind_and_place(kind: World) -> None:
    for name, kind_, place in [
        ("a", "K", ""),
        ("b", "K", "east"),
        ("c", "K", "west"),
        ("d", "K", "East"),
        ("e", "L", "east"),
        ("f", "N", "east"),
    ]:
        add(kind, name, kind_, place)
    assert cron_names(kind) == ["reconcile-K", "reconcile-K-east", "reconcile-K-west", "reconcile-L-east"]


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_cron_goes_with_the_last_blueprint_of_its_place(kind: World, order: str) -> None:
    add(kind, "a", "K", "Home")
    add(kind, "b", "K", "home")
    add(kind, "c")
    remove(kind, order[0])
    assert cron_names(kind) == ["reconcile-K-Home", "reconcile-K"]
    remove(kind, order[1])
    assert cron_names(kind) == ["reconcile-K"]
    add(kind, "a", "K", "home")
    assert cron_names(kind) == ["reconcile-K", "reconcile-K-home"]


def test_an_update_leaves_the_cron_alone(kind: World) -> None:
    add(kind, "b", "K", "home")
    before = crons(kind)
    update(kind, "b", "K", "HOME", spec={"a": 1})
    assert crons(kind) == before
    assert len(locations(kind)) == 1


def test_a_moved_blueprint_takes_its_cron_along(kind: World) -> None:
    add(kind, "a", "K", "east")
    add(kind, "b", "K", "east")
    update(kind, "a", "K", "west")
    assert cron_names(kind) == ["reconcile-K-east", "reconcile-K-west"]
    update(kind, "b", "L", "west")
    assert cron_names(kind) == ["reconcile-K-west", "reconcile-L-west"]
    update(kind, "b", "N", "west")
    assert cron_names(kind) == ["reconcile-K-west"]
    update(kind, "b", "K", "")
    assert cron_names(kind) == ["reconcile-K-west", "reconcile-K"]
    assert [location.name for location in locations(kind)] == ["east", "west"]


def new_cron(name: str) -> AddCron:
    text = json_text(WorkflowSpec("dev", [node("a")]))
    return AddCron(cron=NewCron(colonyname="dev", name=name, interval=5, workflowspec=text))


def test_a_cron_of_the_name_is_not_replaced(kind: World) -> None:
    mine = kind.call(kind.user, new_cron("reconcile-K"))
    add(kind, "b")
    assert crons(kind) == [mine]
    assert len(waiting(kind)) == 1


@pytest.mark.parametrize("name", ["reconcile-N", ""])
def test_kinds_that_nobody_reconciles_touch_no_cron(kind: World, name: str) -> None:
    kind.call(kind.user, new_cron(name))
    add(kind, "b", "N")
    remove(kind, "b")
    assert cron_names(kind) == [name]
    assert waiting(kind) == []


def test_a_handler_without_a_function_only_cleans_up(world: World) -> None:
    """As the Rust SDK defines its kinds (blueprints.md sections 2 and 6)."""
    define(world, "k", "K", handler=BlueprintHandler("reconciler", ""))
    add(world, "b", "K", "home")
    update(world, "b", "K", "away", spec={"a": 1})
    assert (waiting(world), crons(world)) == ([], [])
    refusal = (400, "Blueprint has no handler with function name defined")
    assert world.refused(world.user, ReconcileBlueprint(namespace="dev", name="b", force=True)) == refusal
    remove(world, "b")
    (process,) = waiting(world)
    assert (process.spec.funcname, process.spec.conditions.executortype) == ("cleanup", "reconciler")


def test_a_removed_cron_comes_back_with_the_next_blueprint(kind: World) -> None:
    add(kind, "a", "K", "Home")
    (cron,) = crons(kind)
    kind.call(kind.user, RemoveCron(cronid=cron.cronid))
    update(kind, "a", "K", "Home", spec={"a": 1})
    assert crons(kind) == []
    add(kind, "b", "K", "home")
    assert cron_names(kind) == ["reconcile-K-Home"]
    kind.call(kind.user, RemoveCron(cronid=crons(kind)[0].cronid))
    remove(kind, "a")
    remove(kind, "b")
    assert crons(kind) == []


def test_an_unknown_location_is_created(kind: World) -> None:
    add(kind, "b", "N", "home")
    add(kind, "c", "K", "home")
    (location,) = locations(kind)
    assert len(location.locationid) == 64
    expected = Location(location.locationid, "home", "dev", "Auto-created from blueprint b", 0.0, 0.0)
    assert location == expected


def test_a_known_location_stays_as_it_is(kind: World) -> None:
    there = Location("l", "home", "dev", "mine", 1.0, 2.0)
    kind.call(kind.owner, AddLocation(location=there))
    add(kind, "b", "K", "home")
    remove(kind, "b")
    assert locations(kind) == [there]


def test_a_refused_blueprint_leaves_nothing_behind(kind: World) -> None:
    add(kind, "b")
    assert kind.refused(kind.user, AddBlueprint(blueprint=blueprint("b", "K", "home")))[0] == 409
    assert (locations(kind), cron_names(kind), len(waiting(kind))) == ([], ["reconcile-K"], 1)


@pytest.mark.parametrize("updating", [False, True])
def test_there_may_be_too_many_crons(kind: World, monkeypatch: pytest.MonkeyPatch, updating: bool) -> None:
    monkeypatch.setattr(reconciliation, "MAX_CRONS", 1)
    add(kind, "a", "K", "home")
    add(kind, "b", "K", "home")
    add(kind, "c", "N", "home")
    new = blueprint("b" if updating else "d", "L", "home")
    message = UpdateBlueprint(blueprint=new) if updating else AddBlueprint(blueprint=new)
    refusal = "failed to create reconciliation cron: Colony <dev> has 1 crons already"
    assert kind.refused(kind.user, message) == (429, refusal)
    assert names(kind, "K") == ["a", "b"]


def test_there_may_be_too_many_locations(kind: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "MAX_LOCATIONS", 1)
    add(kind, "a", "K", "home")
    add(kind, "b", "L", "home")
    message = AddBlueprint(blueprint=blueprint("c", "K", "away"))
    refusal = "failed to create location: Colony <dev> has 1 locations already"
    assert kind.refused(kind.user, message) == (429, refusal)
    assert cron_names(kind) == ["reconcile-K-home", "reconcile-L-home"]


def test_the_digest_sees_places(kind: World) -> None:
    add(kind, "b", "K", "home")
    before = state_digest(kind.state)
    assert before == state_digest(refold(kind.events))
    kind.state.colonies["dev"].sites.clear()
    assert before != state_digest(kind.state)
