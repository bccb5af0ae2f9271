"""How blueprints and their changes look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from colonyledger.cli.deployments import handlers, instances, replicas
from colonyledger.cli.tables import Table, details, ident, local_time, moment, number, table, text, values
from colonyledger.wire import Blueprint, BlueprintDefinition, BlueprintHistory, Executor

__all__ = ["blueprint_tables", "blueprints_table", "history_detail", "history_table"]


def blueprints_table(
    blueprints: Sequence[Blueprint], definitions: Sequence[BlueprintDefinition], executors: Sequence[Executor]
) -> Table:
    """One row for each blueprint. Old executors run for an earlier generation."""
    reconcilers = {kind: handler.executor_type for kind, handler in handlers(definitions).items()}
    columns = [text("Name"), text("Kind"), text("Location"), text("Executor type")]
    columns += [number("Running"), number("Old"), number("Generation")]
    rows = []
    for blueprint in blueprints:
        found = instances(blueprint, executors)
        rows.append(
            (
                blueprint.metadata.name,
                blueprint.kind,
                blueprint.metadata.locationname,
                reconcilers.get(blueprint.kind, ""),
                f"{found.current}/{replicas(blueprint)}" if replicas(blueprint) else "",
                found.old or "",
                blueprint.metadata.generation,
            )
        )
    return table("Blueprints", columns, rows)


def blueprint_tables(blueprint: Blueprint, executors: Sequence[Executor]) -> list[Table]:
    """A blueprint with its spec, its status, and the instances that its reconciler saw."""
    metadata = blueprint.metadata
    found = instances(blueprint, executors)
    rows = [
        ("Name", metadata.name),
        ("Kind", blueprint.kind),
        ("Location", metadata.locationname),
        ("Generation", metadata.generation),
        ("Labels", " ".join(f"{key}={value}" for key, value in metadata.labels.items())),
        ("Executors", f"{found.current} running, {replicas(blueprint)} wanted, {found.old} old"),
        ("Blueprint id", blueprint.blueprintid),
        ("Colony", metadata.colonyname),
    ]
    tables = [details("Blueprint", rows), _fields("Spec", blueprint.spec)]
    seen = blueprint.status.get("instances")
    if isinstance(seen, list):
        tables.append(_instances_table(seen))
    status = {key: value for key, value in blueprint.status.items() if value is not seen}
    return [*tables, _fields("Status", status)] if status else tables


def history_table(changes: Sequence[BlueprintHistory], names: Mapping[str, str]) -> Table:
    """One row for each change."""
    columns = [number("Generation"), moment("Time"), text("Change"), text("Changed by"), ident("History id")]
    rows = [
        (
            change.generation,
            local_time(change.timestamp),
            change.changetype,
            names.get(change.changedby, change.changedby),
            change.historyid,
        )
        for change in changes
    ]
    return table("History", columns, rows)


def history_detail(change: BlueprintHistory, names: Mapping[str, str]) -> list[Table]:
    """A blueprint as it was after one change."""
    rows = [
        ("Name", change.name),
        ("Kind", change.kind),
        ("Generation", change.generation),
        ("Time", local_time(change.timestamp)),
        ("Change", change.changetype),
        ("Changed by", names.get(change.changedby, change.changedby)),
    ]
    tables = [details("Change", rows), _fields("Spec", change.spec)]
    return [*tables, _fields("Status", change.status)] if change.status else tables


def _fields(title: str, fields: Mapping[str, Any]) -> Table:
    rows = [(key, values([value])) for key, value in sorted(fields.items())]
    return table(title, [text("Field"), text("Value")], rows)


def _instances_table(seen: Sequence[Any]) -> Table:
    """What the reconciler saw running, by the keys that reconcilers use."""
    keys = {"name": "Name", "type": "Type", "state": "State", "image": "Image", "lastCheck": "Last check"}
    rows = [
        [values([instance[key]]) if key in instance else "" for key in keys]
        for instance in seen
        if isinstance(instance, dict)
    ]
    return table("Instances", [text(header) for header in keys.values()], rows)
