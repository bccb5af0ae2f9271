"""Blueprints and their generations (blueprints.md sections 3 and 5)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddBlueprint,
    Blueprint,
    BlueprintMetadata,
    BlueprintSchema,
    Empty,
    GetBlueprint,
    GetBlueprints,
    ReconcileBlueprint,
    RemoveBlueprint,
    RemoveColony,
    UpdateBlueprint,
    UpdateBlueprintStatus,
    decode,
    encode,
)

from projections.digest import state_digest
from projections.limits import MAX_GENERATION
from tests.projections.test_definitions import define
from tests.projections.world import World, refold

NOT_OWNER = (403, "Access denied, not colony owner")
NOT_FOUND = (404, "Blueprint not found")


def blueprint(name: str, kind: str = "K", location: str = "", **fields: Any) -> Blueprint:
    generation = fields.pop("generation", 0)
    metadata = BlueprintMetadata(name, "dev", location, generation=generation)
    return Blueprint(kind=kind, metadata=metadata, **fields)


def add(world: World, name: str, kind: str = "K", location: str = "", **fields: Any) -> Blueprint:
    return world.call(world.user, AddBlueprint(blueprint=blueprint(name, kind, location, **fields)))


def update(world: World, name: str, kind: str = "K", location: str = "", **fields: Any) -> Blueprint:
    force = fields.pop("force", False)
    new = blueprint(name, kind, location, **fields)
    return world.call(world.user, UpdateBlueprint(blueprint=new, forcegeneration=force))


def get(world: World, name: str) -> Blueprint:
    return world.call(world.user, GetBlueprint(namespace="dev", name=name))


def names(world: World, kind: str = "", location: str = "") -> list[str]:
    asked = GetBlueprints(namespace="dev", kind=kind, locationname=location)
    return [each.metadata.name for each in world.call(world.user, asked)]


@pytest.fixture
def kinds(world: World) -> World:
    """A colony with the kinds K and L, whose blueprints nobody reconciles."""
    define(world, "k", "K")
    define(world, "l", "L")
    return world


DOCUMENT: dict[str, Any] = {
    "kind": "K",
    "metadata": {
        "name": "b",
        "colonyname": "dev",
        "locationname": "home",
        "labels": {"a": "b"},
        "annotations": {"c": "d"},
        "generation": 3,
        "createdAt": "2025-01-01T00:00:00Z",
        "updatedAt": "2025-01-02T00:00:00Z",
        "lastReconciliationProcess": "p",
        "lastReconciliationTime": "0001-01-01T00:00:00Z",
    },
    "spec": {"image": "x", "deep": [{"a": None}], "size": 1.5, "big": 9007199254740993},
    "status": {"running": 3},
}


def test_a_blueprint_is_kept_as_it_was_sent(kinds: World) -> None:
    body = {"blueprint": {**DOCUMENT, "handler": {"executortype": "ignored"}}}
    added = decode(encode(kinds.send(kinds.user, "addblueprintmsg", body).reply), dict[str, Any])
    blueprintid = added.pop("blueprintid")
    assert len(blueprintid) == 64
    assert added == DOCUMENT
    found = kinds.reply(kinds.user, GetBlueprint(namespace="dev", name="b"))
    assert decode(encode(found), dict[str, Any]) == {"blueprintid": blueprintid, **DOCUMENT}


def test_a_blueprint_without_anything_that_is_not_needed(kinds: World) -> None:
    body = {"blueprint": {"kind": "K", "metadata": {"name": "b", "colonyname": "dev"}, "spec": None}}
    added = decode(encode(kinds.send(kinds.user, "addblueprintmsg", body).reply), dict[str, Any])
    assert added["spec"] == {}
    assert "status" not in added
    assert "generation" not in added["metadata"]
    assert "locationname" not in added["metadata"]


def test_the_server_gives_the_id(kinds: World) -> None:
    new = blueprint("b", blueprintid="mine")
    added = kinds.call(kinds.user, AddBlueprint(blueprint=new))
    assert added.blueprintid not in ("", "mine")
    assert update(kinds, "b", blueprintid="mine").blueprintid == added.blueprintid


@pytest.mark.parametrize(
    ("new", "refusal"),
    [
        (blueprint("b", ""), (400, "blueprint kind is required")),
        (blueprint("b", "M"), (400, "BlueprintDefinition for kind 'M' not found in namespace 'dev'")),
        (blueprint("b", "k"), (400, "BlueprintDefinition for kind 'k' not found in namespace 'dev'")),
        (blueprint("there", "L"), (409, "blueprint with name 'there' already exists in colony 'dev'")),
        (
            blueprint("b", generation=-1),
            (400, f"Failed to add blueprint, generation outside range [0, {MAX_GENERATION}]"),
        ),
        (
            blueprint("b", generation=MAX_GENERATION + 1),
            (400, f"Failed to add blueprint, generation outside range [0, {MAX_GENERATION}]"),
        ),
        (None, (400, "Failed to add blueprint, blueprint is nil")),
    ],
)
def test_a_blueprint_that_cannot_be(kinds: World, new: Blueprint | None, refusal: tuple[int, str]) -> None:
    add(kinds, "there")
    assert kinds.refused(kinds.user, AddBlueprint(blueprint=new)) == refusal
    assert names(kinds) == ["there"]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({}, "required field 'replicas' is missing"),
        ({"replicas": "3"}, "field 'replicas' must be a number, got string"),
        ({"replicas": 3, "protocol": "X"}, "field 'protocol' must be one of [TCP UDP], got X"),
    ],
)
def test_a_spec_follows_the_schema(world: World, spec: dict[str, Any], reason: str) -> None:
    properties = {
        "replicas": BlueprintSchema(type="number"),
        "protocol": BlueprintSchema(enum=["TCP", "UDP"]),
    }
    define(world, "k", "K", schema=BlueprintSchema(properties=properties, required=["replicas"]))
    refusal = (400, f"blueprint validation failed: {reason}")
    assert world.refused(world.user, AddBlueprint(blueprint=blueprint("b", spec=spec))) == refusal
    add(world, "b", spec={"replicas": 1, "protocol": "TCP", "more": True})
    assert world.refused(world.user, UpdateBlueprint(blueprint=blueprint("b", spec=spec))) == refusal
    assert get(world, "b").spec["replicas"] == 1


def test_blueprints_are_listed_by_name(kinds: World) -> None:
    assert names(kinds) == []
    places = [("c", "K", "Home"), ("a", "K", ""), ("d", "L", "home"), ("b", "K", "away")]
    for name, kind, location in places:
        add(kinds, name, kind, location)
    assert names(kinds) == ["a", "b", "c", "d"]
    assert names(kinds, "K") == ["a", "b", "c"]
    assert names(kinds, "K", "HOME") == ["c"]
    assert names(kinds, "", "home") == ["c", "d"]
    assert names(kinds, "L", "away") == []
    assert names(kinds, "M") == []


def test_an_update_replaces_all_but_id_and_status(kinds: World) -> None:
    added = add(kinds, "b", "K", "home", spec={"a": 1}, status={"seen": 1}, generation=7)
    changed = update(kinds, "b", "L", "away", spec={"a": 1}, status={"seen": 2}, generation=99)
    assert changed == Blueprint(
        added.blueprintid, "L", BlueprintMetadata("b", "dev", "away", generation=7), {"a": 1}, {"seen": 1}
    )
    assert get(kinds, "b") == changed
    assert (names(kinds, "K"), names(kinds, "L"), names(kinds, "", "home")) == ([], ["b"], [])


@pytest.mark.parametrize(
    ("old", "new", "is_new"),
    [
        ({"a": 1}, {"a": 1}, False),
        ({"a": 1, "b": [1, {"c": 2}]}, {"b": [1.0, {"c": 2}], "a": 1.0}, False),
        ({"a": 1}, {"a": 2}, True),
        ({"a": 1}, {"a": True}, True),
        ({"a": 1}, {"a": "1"}, True),
        ({"a": 1}, {}, True),
        ({}, {"a": None}, True),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [2, 1]}}, True),
    ],
)
def test_a_changed_spec_is_a_new_generation(
    kinds: World, old: dict[str, Any], new: dict[str, Any], is_new: bool
) -> None:
    add(kinds, "b", spec=old, generation=1)
    assert update(kinds, "b", spec=new).metadata.generation == 1 + is_new
    assert update(kinds, "b", spec=new).metadata.generation == 1 + is_new
    assert update(kinds, "b", spec=new, force=True).metadata.generation == 2 + is_new


def test_other_changes_are_no_new_generation(kinds: World) -> None:
    add(kinds, "b")
    new = blueprint("b")
    new.metadata.labels = {"a": "b"}
    changed = kinds.call(kinds.user, UpdateBlueprint(blueprint=new))
    assert (changed.metadata.generation, changed.metadata.labels) == (0, {"a": "b"})


@pytest.mark.parametrize(
    ("new", "refusal"),
    [
        (blueprint("c"), (404, "blueprint 'c' not found in namespace 'dev'")),
        (blueprint("c", ""), (404, "blueprint 'c' not found in namespace 'dev'")),
        (blueprint("b", ""), (400, "blueprint kind is required")),
        (blueprint("b", "M"), (400, "BlueprintDefinition for kind 'M' not found in namespace 'dev'")),
        (None, (400, "Failed to update blueprint, blueprint is nil")),
    ],
)
def test_an_update_that_cannot_be(kinds: World, new: Blueprint | None, refusal: tuple[int, str]) -> None:
    added = add(kinds, "b")
    assert kinds.refused(kinds.user, UpdateBlueprint(blueprint=new)) == refusal
    assert get(kinds, "b") == added


def test_the_status_is_replaced(kinds: World) -> None:
    added = add(kinds, "b", status={"a": 1, "b": 2}, spec={"x": 1}, generation=4)
    message = UpdateBlueprintStatus(colonyname="dev", blueprintname="b", status={"c": [True, None]})
    assert kinds.call(kinds.user, message) == Empty()
    added.status = {"c": [True, None]}
    assert get(kinds, "b") == added
    kinds.call(kinds.user, UpdateBlueprintStatus(colonyname="dev", blueprintname="b"))
    assert get(kinds, "b").status == {}


def test_a_blueprint_is_removed(kinds: World) -> None:
    first = add(kinds, "b", "K", "home")
    assert kinds.call(kinds.user, RemoveBlueprint(namespace="dev", name="b")) == Empty()
    assert names(kinds) == names(kinds, "K", "home") == []
    second = add(kinds, "b")
    assert first.blueprintid != second.blueprintid


def test_an_unknown_blueprint(kinds: World) -> None:
    for message in (
        GetBlueprint(namespace="dev", name="b"),
        RemoveBlueprint(namespace="dev", name="b"),
        UpdateBlueprintStatus(colonyname="dev", blueprintname="b"),
        ReconcileBlueprint(namespace="dev", name="b", force=True),
    ):
        assert kinds.refused(kinds.user, message) == NOT_FOUND


def test_nobody_reconciles_a_kind_without_a_handler(kinds: World) -> None:
    add(kinds, "b", generation=1)
    refusal = (400, "Blueprint has no handler with executor type defined")
    assert kinds.refused(kinds.user, ReconcileBlueprint(namespace="dev", name="b", force=True)) == refusal
    update(kinds, "b", force=True)
    kinds.call(kinds.user, RemoveBlueprint(namespace="dev", name="b"))
    assert kinds.listed(0) == []


def test_members_and_the_owner_have_blueprints(kinds: World, edge: Identity) -> None:
    for who in (kinds.owner, kinds.user, edge):
        kinds.call(who, AddBlueprint(blueprint=blueprint("b")))
        kinds.call(who, UpdateBlueprint(blueprint=blueprint("b", spec={"a": 1})))
        assert kinds.call(who, GetBlueprint(namespace="dev", name="b")).spec == {"a": 1}
        assert len(kinds.call(who, GetBlueprints(namespace="dev"))) == 1
        kinds.call(who, RemoveBlueprint(namespace="dev", name="b"))


def test_others_do_not(kinds: World) -> None:
    add(kinds, "b")
    for message in (
        AddBlueprint(blueprint=blueprint("c")),
        UpdateBlueprint(blueprint=blueprint("b")),
        GetBlueprint(namespace="dev", name="b"),
        GetBlueprints(namespace="dev"),
        RemoveBlueprint(namespace="dev", name="b"),
    ):
        assert kinds.refused(kinds.server, message) == NOT_OWNER


@pytest.mark.parametrize(
    "message",
    [
        UpdateBlueprintStatus(colonyname="dev", blueprintname="b"),
        ReconcileBlueprint(namespace="dev", name="b"),
    ],
)
def test_the_owner_is_no_reconciler(
    kinds: World, message: UpdateBlueprintStatus | ReconcileBlueprint
) -> None:
    add(kinds, "b")
    denied = (403, "Access denied, not a member of Colony with name <dev>")
    assert kinds.refused(kinds.owner, message) == denied


def test_a_removed_colony_takes_its_blueprints_along(kinds: World) -> None:
    add(kinds, "b")
    kinds.call(kinds.server, RemoveColony(colonyname="dev"))
    kinds.colony("dev")
    define(kinds, "k", "K")
    assert names(kinds) == []
    add(kinds, "b")


def test_the_digest_sees_blueprints(kinds: World) -> None:
    digests = [state_digest(kinds.state)]
    add(kinds, "b")
    digests.append(state_digest(kinds.state))
    kinds.call(kinds.user, UpdateBlueprintStatus(colonyname="dev", blueprintname="b", status={"a": 1}))
    digests.append(state_digest(kinds.state))
    assert len(set(digests)) == 3
    assert digests[-1] == state_digest(refold(kinds.events))
