"""Blueprints and their definitions (protocol: blueprints.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from colonyledger.rpc.caller import Caller
from colonyledger.wire import (
    AddBlueprint,
    AddBlueprintDefinition,
    Blueprint,
    BlueprintDefinition,
    BlueprintHistory,
    BlueprintMetadata,
    GetBlueprint,
    GetBlueprintDefinition,
    GetBlueprintDefinitions,
    GetBlueprintHistory,
    GetBlueprints,
    Process,
    ReconcileBlueprint,
    RemoveBlueprint,
    RemoveBlueprintDefinition,
    UpdateBlueprint,
    UpdateBlueprintStatus,
)

__all__ = ["BlueprintCalls"]


class BlueprintCalls(Caller):
    """Calls about blueprints. An empty colony name in a record means this client's colony."""

    async def add_blueprint_definition(self, definition: BlueprintDefinition) -> BlueprintDefinition:
        """Colony owner: define a kind of blueprint.

        Raises:
            Conflict: the name or the kind is in use.
        """
        definition = replace(definition, metadata=self._here(definition.metadata))
        return await self.call(AddBlueprintDefinition(blueprintdefinition=definition))

    async def get_blueprint_definition(self, name: str) -> BlueprintDefinition:
        """Member or colony owner: one definition by name."""
        return await self.call(GetBlueprintDefinition(colonyname=self.colony, name=name))

    async def get_blueprint_definitions(self) -> list[BlueprintDefinition]:
        """Member or colony owner: all definitions, by name."""
        return await self.call(GetBlueprintDefinitions(colonyname=self.colony))

    async def remove_blueprint_definition(self, name: str) -> None:
        """Colony owner: remove a definition.

        Raises:
            Conflict: there are blueprints of its kind.
        """
        await self.call(RemoveBlueprintDefinition(namespace=self.colony, name=name))

    async def add_blueprint(self, blueprint: Blueprint) -> Blueprint:
        """Member or colony owner: add a blueprint, and have it reconciled.

        Raises:
            Conflict: the name is in use.
            InvalidRequest: the kind is not defined, or the spec does not follow its schema.
        """
        blueprint = replace(blueprint, metadata=self._here(blueprint.metadata))
        return await self.call(AddBlueprint(blueprint=blueprint))

    async def get_blueprint(self, name: str) -> Blueprint:
        """Member or colony owner: one blueprint by name."""
        return await self.call(GetBlueprint(namespace=self.colony, name=name))

    async def get_blueprints(self, *, kind: str = "", locationname: str = "") -> list[Blueprint]:
        """Member or colony owner: the blueprints of a kind at a location, by name; empty is any."""
        return await self.call(GetBlueprints(namespace=self.colony, kind=kind, locationname=locationname))

    async def update_blueprint(self, blueprint: Blueprint, *, force_generation: bool = False) -> Blueprint:
        """Member or colony owner: replace a blueprint but for its id and status.

        It becomes a new generation, and is reconciled, if its spec changed or `force_generation`.

        Raises:
            NotFound: there is none of this name.
            InvalidRequest: the kind is not defined, or the spec does not follow its schema.
        """
        blueprint = replace(blueprint, metadata=self._here(blueprint.metadata))
        return await self.call(UpdateBlueprint(blueprint=blueprint, forcegeneration=force_generation))

    async def update_blueprint_status(self, name: str, status: Mapping[str, Any]) -> None:
        """Member: replace what the reconciler last saw of a blueprint."""
        await self.call(
            UpdateBlueprintStatus(colonyname=self.colony, blueprintname=name, status=dict(status))
        )

    async def remove_blueprint(self, name: str) -> None:
        """Member or colony owner: remove a blueprint, and have its reconciler clean up."""
        await self.call(RemoveBlueprint(namespace=self.colony, name=name))

    async def reconcile_blueprint(self, name: str, *, force: bool = False) -> Process:
        """Member: have a blueprint reconciled now, and give the process that does it.

        `force` makes it a new generation: reconcilers then make everything anew.
        """
        return await self.call(ReconcileBlueprint(namespace=self.colony, name=name, force=force))

    async def get_blueprint_history(self, blueprintid: str, *, limit: int = 0) -> list[BlueprintHistory]:
        """Member or colony owner: the newest `limit` changes of a blueprint, newest first; 0 is all.

        It can be had after the removal of the blueprint, too.
        """
        return await self.call(GetBlueprintHistory(blueprintid=blueprintid, limit=limit))

    def _here(self, metadata: BlueprintMetadata) -> BlueprintMetadata:
        return metadata if metadata.colonyname else replace(metadata, colonyname=self.colony)
