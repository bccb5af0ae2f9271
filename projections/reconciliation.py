"""The work that blueprints make: reconcilers are called at once and by the clock (protocol: blueprints.md section 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from colonyledger.wire import (
    Blueprint,
    BlueprintHandler,
    Conditions,
    Cron,
    FunctionSpec,
    Location,
    WorkflowSpec,
    json_text,
)

from projections import lifecycle
from projections.crons import keep_cron
from projections.event import Refusal
from projections.initiators import caller_of
from projections.limits import MAX_CRONS, MAX_LOCATIONS
from projections.processes import new_process

if TYPE_CHECKING:
    from projections.process import StoredProcess
    from projections.state import Colony
    from projections.turn import Turn

__all__ = [
    "Place",
    "Site",
    "call_cleaner",
    "call_reconciler",
    "check_room",
    "place_of",
    "settle",
    "unsettle",
]

_INTERVAL = 60
"""Seconds between two calls by the clock if the definition does not say."""


class Site(msgspec.Struct, gc=False):
    """A place where blueprints are: the name of the cron that serves it, and how many blueprints there are."""

    cron: str
    blueprints: int = 0


Place = tuple[str, str]
"""A kind and a location, in lower case as in the queue; the location is "" for blueprints that have none."""


def place_of(blueprint: Blueprint) -> Place:
    """Where a blueprint is reconciled."""
    return blueprint.kind, blueprint.metadata.locationname.casefold()


def check_room(colony: Colony, handler: BlueprintHandler | None, blueprint: Blueprint) -> None:
    """Refuse a blueprint whose place needs one cron or location more than there may be.

    Raises:
        Refusal: 429, there are too many.

    """
    name = colony.record.name
    if handler is not None and _lacks_cron(colony, blueprint) and len(colony.crons.by_id) >= MAX_CRONS:
        raise Refusal(
            429, f"failed to create reconciliation cron: Colony <{name}> has {MAX_CRONS} crons already"
        )
    if _lacks_location(colony, blueprint) and len(colony.locations) >= MAX_LOCATIONS:
        raise Refusal(
            429, f"failed to create location: Colony <{name}> has {MAX_LOCATIONS} locations already"
        )


def settle(turn: Turn, colony: Colony, handler: BlueprintHandler | None, blueprint: Blueprint) -> None:
    """Count a blueprint at its place, which gets a location and a cron if it has none."""
    if _lacks_location(colony, blueprint):
        name = blueprint.metadata.locationname
        description = f"Auto-created from blueprint {blueprint.metadata.name}"
        colony.locations[name] = Location(turn.new_id(colony), name, colony.record.name, description)
    if handler is not None and _lacks_cron(colony, blueprint):
        keep_cron(turn, colony, _cron(colony, handler, blueprint), caller_of(turn, colony))
    site = Site(_cron_name(colony, blueprint))
    colony.sites.setdefault(place_of(blueprint), site).blueprints += 1


def unsettle(colony: Colony, handler: BlueprintHandler | None, blueprint: Blueprint) -> None:
    """No longer count a blueprint at its place; the cron goes with the last one."""
    place = place_of(blueprint)
    site = colony.sites[place]
    site.blueprints -= 1
    if not site.blueprints:
        del colony.sites[place]
        cron = colony.crons.by_name.get(site.cron)
        if handler is not None and cron is not None:
            colony.crons.remove(cron)


def call_reconciler(
    turn: Turn, colony: Colony, handler: BlueprintHandler, blueprint: Blueprint, *, force: bool = False
) -> StoredProcess:
    """Submit the process that reconciles one blueprint."""
    kwargs = {"kind": blueprint.kind, "blueprintName": blueprint.metadata.name}
    forced = {"force": True} if force else {}
    return _submit(turn, colony, _spec(handler, handler.function_name, blueprint, {**kwargs, **forced}))


def call_cleaner(turn: Turn, colony: Colony, handler: BlueprintHandler, blueprint: Blueprint) -> None:
    """Submit the process that clears away what a removed blueprint has left behind."""
    kwargs = {"blueprintName": blueprint.metadata.name, "kind": blueprint.kind}
    _submit(turn, colony, _spec(handler, "cleanup", blueprint, kwargs))


def _submit(turn: Turn, colony: Colony, spec: FunctionSpec) -> StoredProcess:
    process = new_process(turn, colony, spec, caller_of(turn, colony))
    lifecycle.submit(turn, colony, process)
    return process.record


def _spec(
    handler: BlueprintHandler, funcname: str, blueprint: Blueprint, kwargs: dict[str, Any]
) -> FunctionSpec:
    return FunctionSpec(
        nodename=f"{handler.executor_type}-{funcname}",
        funcname=funcname,
        kwargs=kwargs,
        maxexectime=-1,
        maxretries=-1,
        conditions=Conditions(
            blueprint.metadata.colonyname,
            executortype=handler.executor_type,
            locationname=blueprint.metadata.locationname,
        ),
    )


def _lacks_location(colony: Colony, blueprint: Blueprint) -> bool:
    location = blueprint.metadata.locationname
    return bool(location) and location not in colony.locations


def _lacks_cron(colony: Colony, blueprint: Blueprint) -> bool:
    return _cron_name(colony, blueprint) not in colony.crons.by_name


def _cron_name(colony: Colony, blueprint: Blueprint) -> str:
    """The name of the cron at a blueprint's place; the first blueprint there says how it is spelled."""
    site = colony.sites.get(place_of(blueprint))
    if site is not None:
        return site.cron
    location = blueprint.metadata.locationname
    return f"reconcile-{blueprint.kind}-{location}" if location else f"reconcile-{blueprint.kind}"


def _cron(colony: Colony, handler: BlueprintHandler, blueprint: Blueprint) -> Cron:
    spec = _spec(handler, handler.function_name, blueprint, {"kind": blueprint.kind})
    return Cron(
        name=_cron_name(colony, blueprint),
        interval=handler.reconcile_interval or _INTERVAL,
        workflowspec=json_text(WorkflowSpec(colony.record.name, [spec])),
        waitforprevprocessgraph=True,
    )
