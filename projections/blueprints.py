"""Blueprints: added, changed, watched and removed (protocol: blueprints.md sections 3 and 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonyledger.wire import (
    AddBlueprint,
    Blueprint,
    Empty,
    GetBlueprint,
    GetBlueprints,
    ReconcileBlueprint,
    RemoveBlueprint,
    UpdateBlueprint,
    UpdateBlueprintStatus,
)
from msgspec.structs import replace

from projections import reconciliation
from projections.event import Refusal
from projections.histories import write_history
from projections.limits import MAX_GENERATION
from projections.locators import member_colony, owned_colony, required
from projections.registry import Role, command, query
from projections.schemas import same_value, violation

if TYPE_CHECKING:
    from projections.definitions import Definition
    from projections.process import StoredProcess
    from projections.state import Colony
    from projections.turn import Turn, View

__all__ = [
    "Blueprints",
    "add_blueprint",
    "get_blueprint",
    "get_blueprints",
    "reconcile_blueprint",
    "remove_blueprint",
    "update_blueprint",
    "update_blueprint_status",
]

_NOT_FOUND = "Blueprint not found"


class Blueprints:
    """The blueprints of one colony by name, and listings by kind and location; "" stands for any of them.

    Locations are compared as in the queue: upper and lower case are the same (quirk B13).
    """

    __slots__ = ("_listings", "by_name")

    def __init__(self) -> None:
        self.by_name: dict[str, Blueprint] = {}
        self._listings: dict[tuple[str, str], dict[str, Blueprint]] = {}

    def put(self, blueprint: Blueprint) -> None:
        """Keep a blueprint; one of the same name gives way."""
        name = blueprint.metadata.name
        present = self.by_name.get(name)
        if present is not None:
            self.remove(present)
        self.by_name[name] = blueprint
        for key in _listings_of(blueprint):
            self._listings.setdefault(key, {})[name] = blueprint

    def remove(self, blueprint: Blueprint) -> None:
        """Forget a blueprint."""
        name = blueprint.metadata.name
        del self.by_name[name]
        for key in _listings_of(blueprint):
            listing = self._listings[key]
            del listing[name]
            if not listing:
                del self._listings[key]

    def count(self, kind: str) -> int:
        """How many there are of a kind."""
        return len(self._listings.get((kind, ""), ()))

    def listed(self, kind: str, location: str) -> list[Blueprint]:
        """Those of a kind at a location, by name."""
        listing = self._listings.get((kind, location.casefold()), {})
        return [blueprint for _, blueprint in sorted(listing.items())]


def _listings_of(blueprint: Blueprint) -> list[tuple[str, str]]:
    location = blueprint.metadata.locationname.casefold()
    return [("", ""), (blueprint.kind, "")] + (
        [("", location), (blueprint.kind, location)] if location else []
    )


def _colony_of_new(message: AddBlueprint) -> str:
    return required(message.blueprint, "Failed to add blueprint, blueprint is nil").metadata.colonyname


def _colony_of_changed(message: UpdateBlueprint) -> str:
    return required(message.blueprint, "Failed to update blueprint, blueprint is nil").metadata.colonyname


@command(AddBlueprint, Role.MEMBER_OR_OWNER, owned_colony(_colony_of_new), "add blueprint")
def add_blueprint(turn: Turn, message: AddBlueprint, colony: Colony) -> Blueprint:
    """Add a blueprint and have it reconciled (blueprints.md, addblueprint)."""
    new = required(message.blueprint, "Failed to add blueprint, blueprint is nil")
    handler = _checked(colony, new).reconciler
    name = new.metadata.name
    if name in colony.blueprints.by_name:
        raise Refusal(409, f"blueprint with name '{name}' already exists in colony '{colony.record.name}'")
    if not 0 <= new.metadata.generation <= MAX_GENERATION:
        raise Refusal(400, f"Failed to add blueprint, generation outside range [0, {MAX_GENERATION}]")
    reconciliation.check_room(colony, handler, new)
    blueprint = replace(new, blueprintid=turn.new_id(colony))
    colony.blueprints.put(blueprint)
    reconciliation.settle(turn, colony, handler, blueprint)
    write_history(turn, colony, blueprint, "create")
    if handler is not None:
        reconciliation.call_reconciler(turn, colony, handler, blueprint)
    return blueprint


def _checked(colony: Colony, new: Blueprint) -> Definition:
    """The definition that a blueprint follows."""
    if not new.kind:
        raise Refusal(400, "blueprint kind is required")
    definition = colony.definitions.by_kind.get(new.kind)
    if definition is None:
        place = f"in namespace '{colony.record.name}'"
        raise Refusal(400, f"BlueprintDefinition for kind '{new.kind}' not found {place}")
    wrong = None if definition.shape is None else violation(new.spec, definition.shape)
    if wrong is not None:
        raise Refusal(400, f"blueprint validation failed: {wrong}")
    return definition


def _named(colony: Colony, name: str) -> Blueprint:
    blueprint = colony.blueprints.by_name.get(name)
    if blueprint is None:
        raise Refusal(404, _NOT_FOUND)
    return blueprint


def _definition(colony: Colony, blueprint: Blueprint) -> Definition:
    """The definition of a blueprint; it stays as long as there is a blueprint of its kind."""
    return colony.definitions.by_kind[blueprint.kind]


@query(GetBlueprint, Role.MEMBER_OR_OWNER, owned_colony(lambda message: message.namespace), "get blueprint")
def get_blueprint(view: View, message: GetBlueprint, colony: Colony) -> Blueprint:
    """One blueprint by name (blueprints.md, getblueprint)."""
    return _named(colony, message.name)


@query(GetBlueprints, Role.MEMBER_OR_OWNER, owned_colony(lambda message: message.namespace), "get blueprints")
def get_blueprints(view: View, message: GetBlueprints, colony: Colony) -> list[Blueprint]:
    """The blueprints of a kind at a location, by name (blueprints.md, getblueprints)."""
    return colony.blueprints.listed(message.kind, message.locationname)


@command(UpdateBlueprint, Role.MEMBER_OR_OWNER, owned_colony(_colony_of_changed), "update blueprint")
def update_blueprint(turn: Turn, message: UpdateBlueprint, colony: Colony) -> Blueprint:
    """Replace a blueprint but for id and status; have it reconciled if that makes it a new generation.

    Protocol: blueprints.md, updateblueprint, section 5, and quirks B2, B4 and B5.
    """
    new = required(message.blueprint, "Failed to update blueprint, blueprint is nil")
    name = new.metadata.name
    present = colony.blueprints.by_name.get(name)
    if present is None:
        raise Refusal(404, f"blueprint '{name}' not found in namespace '{colony.record.name}'")
    handler = _checked(colony, new).reconciler
    moves = reconciliation.place_of(present) != reconciliation.place_of(new)
    if moves:
        reconciliation.check_room(colony, handler, new)
    is_new_generation = message.forcegeneration or not same_value(present.spec, new.spec)
    blueprint = replace(
        new,
        blueprintid=present.blueprintid,
        metadata=replace(new.metadata, generation=present.metadata.generation + is_new_generation),
        status=present.status,
    )
    colony.blueprints.put(blueprint)
    if moves:
        reconciliation.unsettle(colony, _definition(colony, present).reconciler, present)
        reconciliation.settle(turn, colony, handler, blueprint)
    if is_new_generation:
        write_history(turn, colony, blueprint, "update")
    if is_new_generation and handler is not None:
        reconciliation.call_reconciler(turn, colony, handler, blueprint)
    return blueprint


@command(
    RemoveBlueprint,
    Role.MEMBER_OR_OWNER,
    owned_colony(lambda message: message.namespace),
    "remove blueprint",
)
def remove_blueprint(turn: Turn, message: RemoveBlueprint, colony: Colony) -> Empty:
    """Remove a blueprint and have its reconciler clean up (blueprints.md, removeblueprint)."""
    blueprint = _named(colony, message.name)
    definition = _definition(colony, blueprint)
    colony.blueprints.remove(blueprint)
    reconciliation.unsettle(colony, definition.reconciler, blueprint)
    write_history(turn, colony, blueprint, "delete")
    if definition.handler is not None:
        reconciliation.call_cleaner(turn, colony, definition.handler, blueprint)
    return Empty()


@command(
    UpdateBlueprintStatus,
    Role.MEMBER,
    member_colony(),
    "update blueprint status",
)
def update_blueprint_status(turn: Turn, message: UpdateBlueprintStatus, colony: Colony) -> Empty:
    """Replace the status of a blueprint (blueprints.md, updateblueprintstatus)."""
    _named(colony, message.blueprintname).status = message.status
    return Empty()


@command(
    ReconcileBlueprint,
    Role.MEMBER,
    member_colony(lambda message: message.namespace),
    "reconcile blueprint",
)
def reconcile_blueprint(turn: Turn, message: ReconcileBlueprint, colony: Colony) -> StoredProcess:
    """Have a blueprint reconciled now (blueprints.md, reconcileblueprint, quirk B6)."""
    blueprint = _named(colony, message.name)
    definition = _definition(colony, blueprint)
    handler = definition.reconciler
    if handler is None:
        lacking = "executor type" if definition.handler is None else "function name"
        raise Refusal(400, f"Blueprint has no handler with {lacking} defined")
    if message.force:
        blueprint.metadata.generation += 1
        write_history(turn, colony, blueprint, "reconcile")
    return reconciliation.call_reconciler(turn, colony, handler, blueprint, force=message.force)
