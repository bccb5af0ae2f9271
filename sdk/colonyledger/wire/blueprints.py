"""Blueprints: wanted states of things, which reconcilers bring about (protocol: blueprints.md).

Keys that the protocol leaves out when they are empty are left out here too: a default that
`omit_defaults` compares with. Those that are always written get their default from a function.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from colonyledger.wire.envelope import Empty, Message
from colonyledger.wire.integers import Int64
from colonyledger.wire.processes import Process
from colonyledger.wire.times import ZERO_TIME

__all__ = [
    "AddBlueprint",
    "AddBlueprintDefinition",
    "Blueprint",
    "BlueprintDefinition",
    "BlueprintDefinitionNames",
    "BlueprintDefinitionSpec",
    "BlueprintHandler",
    "BlueprintHistory",
    "BlueprintMetadata",
    "BlueprintSchema",
    "GetBlueprint",
    "GetBlueprintDefinition",
    "GetBlueprintDefinitions",
    "GetBlueprintHistory",
    "GetBlueprints",
    "ReconcileBlueprint",
    "RemoveBlueprint",
    "RemoveBlueprintDefinition",
    "UpdateBlueprint",
    "UpdateBlueprintStatus",
]


def _no_text() -> str:
    return ""


def _no_time() -> datetime:
    return ZERO_TIME


def _no_object() -> dict[str, Any]:
    return {}


class BlueprintMetadata(msgspec.Struct, omit_defaults=True, gc=False):
    """What definitions and blueprints are called, where they belong, and how often they changed.

    The times and the last reconciliation are the client's own business; the server keeps them as sent.
    """

    name: str = msgspec.field(default_factory=_no_text)
    colonyname: str = msgspec.field(default_factory=_no_text)
    locationname: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    generation: Int64 = 0
    created_at: datetime = msgspec.field(default_factory=_no_time, name="createdAt")
    updated_at: datetime = msgspec.field(default_factory=_no_time, name="updatedAt")
    last_reconciliation_process: str = msgspec.field(default="", name="lastReconciliationProcess")
    last_reconciliation_time: datetime = msgspec.field(
        default_factory=_no_time, name="lastReconciliationTime"
    )


class BlueprintSchema(msgspec.Struct, omit_defaults=True, gc=False):
    """What a value must be like: the part of JSON Schema that blueprints know (blueprints.md section 4).

    `type` is string, number, integer, boolean, object or array; any other is not checked.
    `default` is for people to read: the server never fills it in.
    """

    type: str = ""
    description: str = ""
    enum: list[Any] = []
    default: Any = None
    properties: dict[str, BlueprintSchema] = {}
    items: BlueprintSchema | None = None
    required: list[str] = []


class BlueprintDefinitionNames(msgspec.Struct, omit_defaults=True, gc=False):
    """What things of a kind are called; `kind` is the name that blueprints use, the others are for people."""

    kind: str = msgspec.field(default_factory=_no_text)
    list_kind: str = msgspec.field(default_factory=_no_text, name="listKind")
    singular: str = msgspec.field(default_factory=_no_text)
    plural: str = msgspec.field(default_factory=_no_text)
    short_names: list[str] = msgspec.field(default_factory=list, name="shortNames")


class BlueprintHandler(msgspec.Struct, omit_defaults=True, gc=False):
    """Who reconciles a kind: executors of this type, by this function; without a function they only clean up.

    Every `reconcile_interval` seconds they look after everything of the kind; 0 means 60.
    """

    executor_type: str = msgspec.field(default_factory=_no_text, name="executorType")
    function_name: str = msgspec.field(default_factory=_no_text, name="functionName")
    reconcile_interval: Int64 = msgspec.field(default=0, name="reconcileInterval")


class BlueprintDefinitionSpec(msgspec.Struct, omit_defaults=True, gc=False):
    """What a definition says about its kind."""

    group: str = msgspec.field(default_factory=_no_text)
    version: str = msgspec.field(default_factory=_no_text)
    names: BlueprintDefinitionNames = msgspec.field(default_factory=BlueprintDefinitionNames)
    scope: str = msgspec.field(default_factory=_no_text)
    schema: BlueprintSchema | None = None
    handler: BlueprintHandler = msgspec.field(default_factory=BlueprintHandler)


class BlueprintDefinition(msgspec.Struct, gc=False):
    """A kind of blueprint: what its specs look like, and who reconciles them. The id is the server's."""

    blueprintdefinitionid: str = ""
    kind: str = ""
    metadata: BlueprintMetadata = msgspec.field(default_factory=BlueprintMetadata)
    spec: BlueprintDefinitionSpec = msgspec.field(default_factory=BlueprintDefinitionSpec)


class Blueprint(msgspec.Struct, omit_defaults=True, gc=False):
    """The wanted state of one thing (`spec`) and what its reconciler last saw of it (`status`).

    The id is the server's.
    """

    blueprintid: str = msgspec.field(default_factory=_no_text)
    kind: str = msgspec.field(default_factory=_no_text)
    metadata: BlueprintMetadata = msgspec.field(default_factory=BlueprintMetadata)
    spec: dict[str, Any] = msgspec.field(default_factory=_no_object)
    status: dict[str, Any] = {}


class BlueprintHistory(msgspec.Struct, omit_defaults=True, gc=False):
    """A blueprint as it was after one change.

    `changetype` is create, update, reconcile (the generation was raised by force) or delete;
    `changedby` is the id of who did it.
    """

    historyid: str = msgspec.field(default_factory=_no_text)
    blueprintid: str = msgspec.field(default_factory=_no_text)
    kind: str = msgspec.field(default_factory=_no_text)
    namespace: str = msgspec.field(default_factory=_no_text)
    name: str = msgspec.field(default_factory=_no_text)
    generation: int = msgspec.field(default_factory=int)
    spec: dict[str, Any] = msgspec.field(default_factory=_no_object)
    status: dict[str, Any] = {}
    timestamp: datetime = msgspec.field(default_factory=_no_time)
    changedby: str = msgspec.field(default_factory=_no_text)
    changetype: str = msgspec.field(default_factory=_no_text)


class AddBlueprintDefinition(
    Message[BlueprintDefinition], tag="addblueprintdefinitionmsg", frozen=True, gc=False
):
    """Colony owner: define a kind of blueprint."""

    blueprintdefinition: BlueprintDefinition | None = None


class GetBlueprintDefinition(
    Message[BlueprintDefinition], tag="getblueprintdefinitionmsg", frozen=True, gc=False
):
    """Member or owner: one definition by name."""

    colonyname: str = ""
    name: str = ""


class GetBlueprintDefinitions(
    Message[list[BlueprintDefinition]], tag="getblueprintdefinitionsmsg", frozen=True, gc=False
):
    """Member or owner: all definitions, by name."""

    colonyname: str = ""


class RemoveBlueprintDefinition(Message[Empty], tag="removeblueprintdefinitionmsg", frozen=True, gc=False):
    """Colony owner: remove a definition of whose kind there is no blueprint."""

    namespace: str = ""
    name: str = ""


class AddBlueprint(Message[Blueprint], tag="addblueprintmsg", frozen=True, gc=False):
    """Member or owner: add a blueprint, and have it reconciled."""

    blueprint: Blueprint | None = None


class GetBlueprint(Message[Blueprint], tag="getblueprintmsg", frozen=True, gc=False):
    """Member or owner: one blueprint by name."""

    namespace: str = ""
    name: str = ""


class GetBlueprints(Message[list[Blueprint]], tag="getblueprintsmsg", frozen=True, gc=False):
    """Member or owner: the blueprints of a kind at a location, by name; what is empty does not matter."""

    namespace: str = ""
    kind: str = ""
    locationname: str = ""


class UpdateBlueprint(Message[Blueprint], tag="updateblueprintmsg", frozen=True, gc=False):
    """Member or owner: replace a blueprint except its id and status, and have it reconciled if its spec changed.

    `forcegeneration` makes it a new generation even if the spec is the same.
    """

    blueprint: Blueprint | None = None
    forcegeneration: bool = False


class RemoveBlueprint(Message[Empty], tag="removeblueprintmsg", frozen=True, gc=False):
    """Member or owner: remove a blueprint, and have its reconciler clean up."""

    namespace: str = ""
    name: str = ""


class GetBlueprintHistory(
    Message[list[BlueprintHistory]], tag="getblueprinthistorymsg", frozen=True, gc=False
):
    """Member or owner: what became of a blueprint, newest first, also after its removal; no `limit`: all."""

    blueprintid: str = ""
    limit: Int64 = 0


class UpdateBlueprintStatus(Message[Empty], tag="updateblueprintstatusmsg", frozen=True, gc=False):
    """Member: replace the status of a blueprint; nothing else changes."""

    colonyname: str = ""
    blueprintname: str = ""
    status: dict[str, Any] = {}


class ReconcileBlueprint(Message[Process], tag="reconcileblueprintmsg", frozen=True, gc=False):
    """Member: have a blueprint reconciled now; `force` makes it a new generation."""

    namespace: str = ""
    name: str = ""
    force: bool = False
