"""Kinds of blueprints (blueprints.md section 3)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import (
    AddBlueprint,
    AddBlueprintDefinition,
    Blueprint,
    BlueprintDefinition,
    BlueprintDefinitionNames,
    BlueprintDefinitionSpec,
    BlueprintHandler,
    BlueprintMetadata,
    Empty,
    GetBlueprintDefinition,
    GetBlueprintDefinitions,
    RemoveBlueprint,
    RemoveBlueprintDefinition,
    RemoveColony,
    decode,
    encode,
)

from projections.digest import state_digest
from projections.limits import MAX_INTERVAL_SECONDS
from tests.projections.world import World, refold

NOT_OWNER = (403, "Access denied, not colony owner")


def definition(
    name: str, kind: str, handler: BlueprintHandler | None = None, **fields: Any
) -> BlueprintDefinition:
    spec = BlueprintDefinitionSpec(
        names=BlueprintDefinitionNames(kind), handler=handler or BlueprintHandler(), **fields
    )
    return BlueprintDefinition(metadata=BlueprintMetadata(name, "dev"), spec=spec)


def define(world: World, name: str, kind: str, **fields: Any) -> BlueprintDefinition:
    return world.call(
        world.owner, AddBlueprintDefinition(blueprintdefinition=definition(name, kind, **fields))
    )


def names(world: World) -> list[str]:
    found = world.call(world.user, GetBlueprintDefinitions(colonyname="dev"))
    return [each.metadata.name for each in found]


DOCUMENT: dict[str, Any] = {
    "kind": "BlueprintDefinition",
    "metadata": {
        "name": "executor-deployment",
        "colonyname": "dev",
        "labels": {"a": "b"},
        "createdAt": "2025-01-01T00:00:00Z",
        "updatedAt": "0001-01-01T00:00:00Z",
        "lastReconciliationTime": "0001-01-01T00:00:00Z",
    },
    "spec": {
        "group": "compute.colonies.io",
        "version": "v1",
        "names": {
            "kind": "ExecutorDeployment",
            "listKind": "ExecutorDeploymentList",
            "singular": "executordeployment",
            "plural": "executordeployments",
            "shortNames": ["ed"],
        },
        "scope": "Namespaced",
        "schema": {
            "type": "object",
            "properties": {
                "image": {"type": "string", "description": "what to run"},
                "ports": {"type": "array", "items": {"type": "object", "required": ["port"]}, "default": [1]},
                "protocol": {"enum": ["TCP", 1]},
            },
            "required": ["image"],
        },
        "handler": {
            "executorType": "docker-reconciler",
            "functionName": "reconcile",
            "reconcileInterval": 30,
        },
    },
}


def test_a_definition_is_kept_as_it_was_sent(world: World) -> None:
    outcome = world.send(world.owner, "addblueprintdefinitionmsg", {"blueprintdefinition": DOCUMENT})
    added = decode(encode(outcome.reply), dict[str, Any])
    definitionid = added.pop("blueprintdefinitionid")
    assert len(definitionid) == 64
    assert added == DOCUMENT
    asked = GetBlueprintDefinition(colonyname="dev", name="executor-deployment")
    found = decode(encode(world.reply(world.user, asked)), dict[str, Any])
    assert found == {"blueprintdefinitionid": definitionid, **DOCUMENT}


def test_a_definition_without_anything_that_is_not_needed(world: World) -> None:
    body = {"metadata": {"name": "d", "colonyname": "dev"}, "spec": {"names": {"kind": "K", "pattern": "^x"}}}
    outcome = world.send(world.owner, "addblueprintdefinitionmsg", {"blueprintdefinition": body})
    reply = decode(encode(outcome.reply), dict[str, Any])
    assert reply["kind"] == ""
    assert reply["metadata"] == {
        "name": "d",
        "colonyname": "dev",
        "createdAt": "0001-01-01T00:00:00Z",
        "updatedAt": "0001-01-01T00:00:00Z",
        "lastReconciliationTime": "0001-01-01T00:00:00Z",
    }
    assert reply["spec"] == {
        "group": "",
        "version": "",
        "names": {"kind": "K", "listKind": "", "singular": "", "plural": ""},
        "scope": "",
        "handler": {"executorType": "", "functionName": ""},
    }


def test_the_server_gives_the_id(world: World) -> None:
    new = definition("d", "K")
    new.blueprintdefinitionid = "mine"
    added = world.call(world.owner, AddBlueprintDefinition(blueprintdefinition=new))
    assert added.blueprintdefinitionid not in ("", "mine")


@pytest.mark.parametrize(
    ("new", "refusal"),
    [
        (definition("", "K"), "metadata.name is empty"),
        (definition("d", ""), "spec.names.kind is empty"),
        (
            definition("d", "K", BlueprintHandler("", "reconcile")),
            "the handler has a functionName and no executorType",
        ),
        (
            definition("d", "K", BlueprintHandler("r", "f", -1)),
            f"reconcileInterval outside range [0, {MAX_INTERVAL_SECONDS}]",
        ),
        (
            definition("d", "K", BlueprintHandler("r", "f", MAX_INTERVAL_SECONDS + 1)),
            f"reconcileInterval outside range [0, {MAX_INTERVAL_SECONDS}]",
        ),
    ],
)
def test_a_definition_that_cannot_be(world: World, new: BlueprintDefinition, refusal: str) -> None:
    message = AddBlueprintDefinition(blueprintdefinition=new)
    assert world.refused(world.owner, message) == (400, f"Failed to add blueprint definition, {refusal}")


def test_a_missing_definition(world: World) -> None:
    refusal = (400, "Failed to add blueprint definition, blueprint definition is nil")
    assert world.refused(world.owner, AddBlueprintDefinition()) == refusal


@pytest.mark.parametrize(
    ("name", "kind", "taken"),
    [("d", "L", "with name 'd'"), ("e", "K", "of kind 'K'"), ("d", "K", "with name 'd'")],
)
def test_a_name_and_a_kind_are_used_once(world: World, name: str, kind: str, taken: str) -> None:
    define(world, "d", "K")
    status, text = world.refused(
        world.owner, AddBlueprintDefinition(blueprintdefinition=definition(name, kind))
    )
    assert status == 409
    assert "duplicate key" in text
    assert f"a definition {taken} already exists in namespace 'dev'" in text


def test_definitions_are_listed_by_name(world: World) -> None:
    assert names(world) == []
    for name in ("b", "c", "a"):
        define(world, name, f"Kind-{name}")
    assert names(world) == ["a", "b", "c"]


def test_a_definition_is_removed(world: World) -> None:
    define(world, "d", "K")
    message = RemoveBlueprintDefinition(namespace="dev", name="d")
    assert world.call(world.owner, message) == Empty()
    assert names(world) == []
    assert world.refused(world.owner, message) == (
        404,
        "BlueprintDefinition 'd' not found in namespace 'dev'",
    )
    define(world, "d", "K")


def test_an_unknown_definition(world: World) -> None:
    asked = GetBlueprintDefinition(colonyname="dev", name="d")
    assert world.refused(world.user, asked) == (404, "Blueprint definition not found")


def test_a_definition_stays_as_long_as_there_are_blueprints(world: World) -> None:
    define(world, "d", "K")
    define(world, "e", "L")
    message = RemoveBlueprintDefinition(namespace="dev", name="d")
    for count, name in enumerate(("b1", "b2"), 1):
        new = Blueprint(kind="K", metadata=BlueprintMetadata(name, "dev"))
        world.call(world.user, AddBlueprint(blueprint=new))
        refusal = f"cannot remove BlueprintDefinition 'd': {count} blueprint(s) of kind 'K' still exist"
        assert world.refused(world.owner, message) == (409, refusal)
    world.call(world.owner, RemoveBlueprintDefinition(namespace="dev", name="e"))
    for name in ("b1", "b2"):
        world.call(world.user, RemoveBlueprint(namespace="dev", name=name))
    world.call(world.owner, message)


@pytest.mark.parametrize("who", ["user", "server", "edge"])
def test_only_the_owner_defines(world: World, edge: Identity, who: str) -> None:
    define(world, "d", "K")
    caller = edge if who == "edge" else getattr(world, who)
    message = AddBlueprintDefinition(blueprintdefinition=definition("e", "L"))
    assert world.refused(caller, message) == NOT_OWNER
    assert world.refused(caller, RemoveBlueprintDefinition(namespace="dev", name="d")) == NOT_OWNER


def test_members_and_the_owner_look(world: World, edge: Identity) -> None:
    added = define(world, "d", "K")
    for who in (world.owner, world.user, edge):
        assert world.call(who, GetBlueprintDefinition(colonyname="dev", name="d")) == added
        assert world.call(who, GetBlueprintDefinitions(colonyname="dev")) == [added]
    assert world.refused(world.server, GetBlueprintDefinition(colonyname="dev", name="d")) == NOT_OWNER
    assert world.refused(world.server, GetBlueprintDefinitions(colonyname="dev")) == NOT_OWNER


@pytest.mark.parametrize(
    ("colony", "refusal"), [("", "Empty Colony name"), ("lab", "Colony with name <lab> does not exists")]
)
def test_an_unknown_colony(world: World, colony: str, refusal: str) -> None:
    assert world.refused(world.user, GetBlueprintDefinitions(colonyname=colony)) == (403, refusal)
    message = RemoveBlueprintDefinition(namespace=colony, name="d")
    assert world.refused(world.owner, message) == (403, refusal)


def test_a_removed_colony_takes_its_definitions_along(world: World) -> None:
    define(world, "d", "K")
    world.call(world.server, RemoveColony(colonyname="dev"))
    world.colony("dev")
    assert names(world) == []


def test_the_digest_sees_definitions(world: World) -> None:
    before = state_digest(world.state)
    define(world, "d", "K")
    after = state_digest(world.state)
    assert before != after == state_digest(refold(world.events))
