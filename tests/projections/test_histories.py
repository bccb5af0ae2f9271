"""What became of blueprints (blueprints.md section 1.4)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.wire import (
    AddBlueprint,
    BlueprintHandler,
    BlueprintHistory,
    GetBlueprintHistory,
    ReconcileBlueprint,
    RemoveBlueprint,
    RemoveColony,
    UpdateBlueprintStatus,
    decode,
    encode,
    instant,
)

from projections import histories
from projections.digest import state_digest
from tests.projections.test_blueprints import add, blueprint, update
from tests.projections.test_definitions import define
from tests.projections.world import World, identity, refold

NOT_FOUND = (404, "Blueprint not found")


@pytest.fixture
def kind(world: World) -> World:
    """A colony with the kind K, which executors of type "reconciler" reconcile."""
    define(world, "k", "K", handler=BlueprintHandler("reconciler", "reconcile"))
    return world


def history(world: World, blueprintid: str, limit: int = 0) -> list[BlueprintHistory]:
    return world.call(world.user, GetBlueprintHistory(blueprintid=blueprintid, limit=limit))


def test_every_change_is_kept_newest_first(kind: World) -> None:
    added = add(kind, "b", spec={"a": 1}, status={"seen": 1}, generation=1)
    times = [kind.now]
    kind.advance(1)
    update(kind, "b", spec={"a": 2})
    times.append(kind.now)
    kind.call(kind.user, UpdateBlueprintStatus(colonyname="dev", blueprintname="b", status={"seen": 2}))
    update(kind, "b", spec={"a": 2})
    kind.call(kind.user, ReconcileBlueprint(namespace="dev", name="b"))
    kind.advance(1)
    kind.call(kind.user, ReconcileBlueprint(namespace="dev", name="b", force=True))
    times.append(kind.now)
    kind.advance(1)
    kind.call(kind.owner, RemoveBlueprint(namespace="dev", name="b"))
    times.append(kind.now)
    found = history(kind, added.blueprintid)
    assert len({each.historyid for each in found}) == 4
    user, owner = kind.user.id, kind.owner.id
    expected = [
        (3, {"a": 2}, {"seen": 2}, times[3], owner, "delete"),
        (3, {"a": 2}, {"seen": 2}, times[2], user, "reconcile"),
        (2, {"a": 2}, {"seen": 1}, times[1], user, "update"),
        (1, {"a": 1}, {"seen": 1}, times[0], user, "create"),
    ]
    assert found == [
        BlueprintHistory(
            each.historyid,
            added.blueprintid,
            "K",
            "dev",
            "b",
            generation,
            spec,
            status,
            instant(time),
            by,
            what,
        )
        for each, (generation, spec, status, time, by, what) in zip(found, expected, strict=True)
    ]


def test_a_change_on_the_wire(kind: World) -> None:
    added = add(kind, "b")
    reply = kind.reply(kind.user, GetBlueprintHistory(blueprintid=added.blueprintid))
    (shown,) = decode(encode(reply), list[dict[str, Any]])
    assert len(shown.pop("historyid")) == 64
    assert shown == {
        "blueprintid": added.blueprintid,
        "kind": "K",
        "namespace": "dev",
        "name": "b",
        "generation": 0,
        "spec": {},
        "timestamp": "2023-11-14T22:13:20Z",
        "changedby": kind.user.id,
        "changetype": "create",
    }


@pytest.mark.parametrize(
    ("limit", "generations"), [(2, [3, 2]), (9, [3, 2, 1]), (0, [3, 2, 1]), (-1, [3, 2, 1])]
)
def test_a_limit(kind: World, limit: int, generations: list[int]) -> None:
    added = add(kind, "b", generation=1)
    for size in (1, 2):
        update(kind, "b", spec={"a": size})
    found = history(kind, added.blueprintid, limit=limit)
    assert [each.generation for each in found] == generations


@pytest.mark.parametrize("blueprintid", ["", "unknown", "0" * 64])
def test_an_unknown_blueprint(kind: World, blueprintid: str) -> None:
    assert kind.refused(kind.user, GetBlueprintHistory(blueprintid=blueprintid)) == NOT_FOUND


def test_outsiders_do_not_learn_which_ids_exist(kind: World) -> None:
    asked = GetBlueprintHistory(blueprintid=add(kind, "b").blueprintid)
    assert kind.refused(identity("stranger"), asked) == NOT_FOUND
    assert kind.refused(kind.server, asked) == NOT_FOUND
    assert len(kind.call(kind.owner, asked)) == 1


def test_the_oldest_changes_go(kind: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "MAX_BLUEPRINT_HISTORY", 2)
    added = add(kind, "b", generation=1)
    update(kind, "b", force=True)
    update(kind, "b", force=True)
    assert [each.generation for each in history(kind, added.blueprintid)] == [3, 2]


def test_the_blueprints_removed_first_are_forgotten(kind: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "MAX_REMOVED_BLUEPRINTS", 1)
    first, second, third = (add(kind, name).blueprintid for name in "abc")
    for name in "ba":
        kind.call(kind.user, RemoveBlueprint(namespace="dev", name=name))
    assert kind.refused(kind.user, GetBlueprintHistory(blueprintid=second)) == NOT_FOUND
    assert [each.changetype for each in history(kind, first)] == ["delete", "create"]
    assert [each.changetype for each in history(kind, third)] == ["create"]


def test_another_blueprint_of_the_name_has_its_own_history(kind: World) -> None:
    first = add(kind, "b").blueprintid
    kind.call(kind.user, RemoveBlueprint(namespace="dev", name="b"))
    second = kind.call(kind.user, AddBlueprint(blueprint=blueprint("b"))).blueprintid
    assert [each.changetype for each in history(kind, first)] == ["delete", "create"]
    assert [each.changetype for each in history(kind, second)] == ["create"]


def test_a_removed_colony_takes_its_histories_along(kind: World) -> None:
    asked = GetBlueprintHistory(blueprintid=add(kind, "b").blueprintid)
    kind.call(kind.server, RemoveColony(colonyname="dev"))
    kind.colony("dev")
    assert kind.refused(kind.user, asked) == NOT_FOUND


def test_the_digest_sees_histories(kind: World) -> None:
    add(kind, "b")
    kind.call(kind.user, RemoveBlueprint(namespace="dev", name="b"))
    before = state_digest(kind.state)
    kind.state.colonies["dev"].histories.by_blueprint.clear()
    assert before != state_digest(kind.state)
    assert before == state_digest(refold(kind.events))
