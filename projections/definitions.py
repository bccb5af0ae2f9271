"""Kinds of blueprints: what their specs are like, and who reconciles them (protocol: blueprints.md section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from colonyledger.wire import (
    AddBlueprintDefinition,
    BlueprintDefinition,
    BlueprintHandler,
    Empty,
    GetBlueprintDefinition,
    GetBlueprintDefinitions,
    RemoveBlueprintDefinition,
)
from msgspec.structs import replace

from projections.event import Refusal
from projections.limits import MAX_INTERVAL_SECONDS
from projections.locators import owned_colony, required
from projections.registry import Role, command, query
from projections.schemas import Shape, shape_of

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import Turn, View

__all__ = [
    "Definition",
    "Definitions",
    "add_blueprint_definition",
    "get_blueprint_definition",
    "get_blueprint_definitions",
    "remove_blueprint_definition",
]

_ADD = "Failed to add blueprint definition"


class Definition(msgspec.Struct, gc=False):
    """A definition, with its schema made ready for checks."""

    record: BlueprintDefinition
    shape: Shape | None

    @property
    def handler(self) -> BlueprintHandler | None:
        """Who clears away what blueprints of the kind leave behind, None if nobody does."""
        handler = self.record.spec.handler
        return handler if handler.executor_type else None

    @property
    def reconciler(self) -> BlueprintHandler | None:
        """Who reconciles the kind: a handler with a function to call. None if nobody does."""
        handler = self.handler
        return None if handler is None or not handler.function_name else handler


class Definitions:
    """The definitions of one colony. A name and a kind belong to one of them."""

    __slots__ = ("by_kind", "by_name")

    def __init__(self) -> None:
        self.by_name: dict[str, Definition] = {}
        self.by_kind: dict[str, Definition] = {}

    def add(self, definition: Definition) -> None:
        """Keep a definition whose name and kind are free."""
        self.by_name[definition.record.metadata.name] = definition
        self.by_kind[definition.record.spec.names.kind] = definition

    def remove(self, definition: Definition) -> None:
        """Forget a definition."""
        del self.by_name[definition.record.metadata.name]
        del self.by_kind[definition.record.spec.names.kind]


def _colony_of_new_definition(message: AddBlueprintDefinition) -> str:
    return _new_definition(message).metadata.colonyname


def _new_definition(message: AddBlueprintDefinition) -> BlueprintDefinition:
    return required(message.blueprintdefinition, f"{_ADD}, blueprint definition is nil")


@command(
    AddBlueprintDefinition,
    Role.COLONY_OWNER,
    owned_colony(_colony_of_new_definition),
    "add blueprint definition",
)
def add_blueprint_definition(
    turn: Turn, message: AddBlueprintDefinition, colony: Colony
) -> BlueprintDefinition:
    """Define a kind (blueprints.md, addblueprintdefinition, quirks B1, B10 and B18)."""
    new = _new_definition(message)
    name, kind = new.metadata.name, new.spec.names.kind
    _check(new)
    place = f"already exists in namespace '{colony.record.name}'"
    if name in colony.definitions.by_name:
        raise Refusal(409, f"{_ADD}, duplicate key: a definition with name '{name}' {place}")
    if kind in colony.definitions.by_kind:
        raise Refusal(409, f"{_ADD}, duplicate key: a definition of kind '{kind}' {place}")
    record = replace(new, blueprintdefinitionid=turn.new_id(colony))
    schema = record.spec.schema
    colony.definitions.add(Definition(record, None if schema is None else shape_of(schema)))
    return record


def _check(new: BlueprintDefinition) -> None:
    handler = new.spec.handler
    if not new.metadata.name:
        raise Refusal(400, f"{_ADD}, metadata.name is empty")
    if not new.spec.names.kind:
        raise Refusal(400, f"{_ADD}, spec.names.kind is empty")
    if handler.function_name and not handler.executor_type:
        raise Refusal(400, f"{_ADD}, the handler has a functionName and no executorType")
    if not 0 <= handler.reconcile_interval <= MAX_INTERVAL_SECONDS:
        raise Refusal(400, f"{_ADD}, reconcileInterval outside range [0, {MAX_INTERVAL_SECONDS}]")


@query(GetBlueprintDefinition, Role.MEMBER_OR_OWNER, owned_colony(), "get blueprint definition")
def get_blueprint_definition(
    view: View, message: GetBlueprintDefinition, colony: Colony
) -> BlueprintDefinition:
    """One definition by name (blueprints.md, getblueprintdefinition)."""
    definition = colony.definitions.by_name.get(message.name)
    if definition is None:
        raise Refusal(404, "Blueprint definition not found")
    return definition.record


@query(GetBlueprintDefinitions, Role.MEMBER_OR_OWNER, owned_colony(), "get blueprint definitions")
def get_blueprint_definitions(
    view: View, message: GetBlueprintDefinitions, colony: Colony
) -> list[BlueprintDefinition]:
    """All definitions, by name (blueprints.md section 2)."""
    return [definition.record for _, definition in sorted(colony.definitions.by_name.items())]


@command(
    RemoveBlueprintDefinition,
    Role.COLONY_OWNER,
    owned_colony(lambda message: message.namespace),
    "remove blueprint definition",
)
def remove_blueprint_definition(turn: Turn, message: RemoveBlueprintDefinition, colony: Colony) -> Empty:
    """Remove a definition that no blueprint needs (blueprints.md, removeblueprintdefinition)."""
    name = message.name
    definition = colony.definitions.by_name.get(name)
    if definition is None:
        raise Refusal(404, f"BlueprintDefinition '{name}' not found in namespace '{message.namespace}'")
    kind = definition.record.spec.names.kind
    count = colony.blueprints.count(kind)
    if count:
        raise Refusal(
            409,
            f"cannot remove BlueprintDefinition '{name}': {count} blueprint(s) of kind '{kind}' still exist",
        )
    colony.definitions.remove(definition)
    return Empty()
