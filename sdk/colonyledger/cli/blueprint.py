"""Commands about blueprints."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from msgspec.structs import replace

from colonyledger.cli import blueprintlog, definition, doctor
from colonyledger.cli.blueprinttables import blueprint_tables, blueprints_table, history_detail, history_table
from colonyledger.cli.session import Session, command, group
from colonyledger.cli.specfiles import read_spec
from colonyledger.errors import InvalidArgument
from colonyledger.wire import Blueprint, MalformedJson, decode

app = group("Wanted states of things, which reconcilers bring about.")
app.add_typer(definition.app, name="definition")

Name = Annotated[str, typer.Option(help="Name of the blueprint")]
Spec = Annotated[str, typer.Option(help="JSON file with a blueprint (- for stdin)")]


@command(app, "add", examples=["colony blueprint add --spec docker-executor.json"])
def add_blueprint(session: Session, *, spec: Spec) -> None:
    """Add a blueprint, and have it reconciled."""
    added = session.member.add_blueprint(read_spec(spec, Blueprint))
    session.say(
        "Blueprint added", added, Name=added.metadata.name, Kind=added.kind, BlueprintId=added.blueprintid
    )


@command(app, "update", examples=["colony blueprint update --spec docker-executor.json"])
def update_blueprint(
    session: Session,
    *,
    spec: Spec,
    force: Annotated[bool, typer.Option("--force", help="A new generation even if nothing changed")] = False,
) -> None:
    """Replace a blueprint; it is reconciled if its spec changed. Its status stays."""
    updated = session.member.update_blueprint(read_spec(spec, Blueprint), force_generation=force)
    _say_updated(session, updated)


@command(app, "get", examples=["colony blueprint get --name docker-executor"])
def get_blueprint(session: Session, name: Name) -> None:
    """Show a blueprint and what runs for it."""
    blueprint = session.member.get_blueprint(name)
    executors = [] if session.wants_json else session.member.get_executors()
    session.show(blueprint, *blueprint_tables(blueprint, executors))


@command(app, "ls", examples=["colony blueprint ls", "colony blueprint ls --kind ExecutorDeployment"])
def list_blueprints(
    session: Session,
    *,
    kind: Annotated[str, typer.Option(help="Only this kind")] = "",
    location: Annotated[str, typer.Option(help="Only this location")] = "",
) -> None:
    """List blueprints, and how many executors run for each."""
    blueprints = session.member.get_blueprints(kind=kind, locationname=location)
    if session.wants_json:
        session.show(blueprints)
        return
    definitions = session.member.get_blueprint_definitions()
    session.show(blueprints, blueprints_table(blueprints, definitions, session.member.get_executors()))


@command(app, "set", examples=["colony blueprint set --name docker-executor --key replicas --value 5"])
def set_field(
    session: Session,
    *,
    name: Name,
    key: Annotated[str, typer.Option(help="Field of the spec, such as replicas or env.TZ")],
    value: Annotated[str, typer.Option(help="JSON, or else a text as it is")],
) -> None:
    """Change one field that the spec has; the blueprint is reconciled if that changes it."""
    blueprint = session.member.get_blueprint(name)
    spec = _with(blueprint.spec, key.removeprefix("spec.").split("."), _json_or_text(value), key)
    updated = session.member.update_blueprint(replace(blueprint, spec=spec))
    if updated.metadata.generation == blueprint.metadata.generation:
        session.say("Nothing changed", updated, Name=name, Key=key)
    else:
        _say_updated(session, updated)


@command(app, "remove", examples=["colony blueprint remove --name docker-executor"])
def remove_blueprint(session: Session, name: Name) -> None:
    """Remove a blueprint, and have its reconciler clean up."""
    session.member.remove_blueprint(name)
    session.say("Blueprint removed", Name=name)


@command(app, "reconcile", examples=["colony blueprint reconcile --name docker-executor --force"])
def reconcile_blueprint(
    session: Session,
    *,
    name: Name,
    force: Annotated[bool, typer.Option("--force", "-f", help="Have everything made anew")] = False,
) -> None:
    """Have a blueprint reconciled now."""
    process = session.member.reconcile_blueprint(name, force=force)
    session.say("Reconciliation submitted", process, Name=name, ProcessId=process.processid)


@command(
    app,
    "history",
    examples=[
        "colony blueprint history --name docker-executor",
        "colony blueprint history --name docker-executor --generation 3",
    ],
)
def show_history(
    session: Session,
    *,
    name: Name,
    limit: Annotated[int, typer.Option("--limit", "-l", help="How many changes at most")] = 10,
    generation: Annotated[
        int | None, typer.Option("--generation", "-g", help="Show this generation in full")
    ] = None,
) -> None:
    """List the changes of a blueprint, newest first."""
    blueprint = session.member.get_blueprint(name)
    if generation is None:
        changes = session.member.get_blueprint_history(blueprint.blueprintid, limit=limit)
        names = {} if session.wants_json else _names(session)
        session.show(changes, history_table(changes, names))
        return
    for change in session.member.get_blueprint_history(blueprint.blueprintid):
        if change.generation == generation:
            session.show(change, *history_detail(change, {} if session.wants_json else _names(session)))
            return
    raise InvalidArgument(f"Generation {generation} is not in the history of {name}.")


@command(
    app, "log", examples=["colony blueprint log --name docker-executor --follow", "colony blueprint log"]
)
def show_log(
    session: Session,
    *,
    name: Annotated[str, typer.Option(help="Name of a blueprint; else all reconcilers")] = "",
    count: Annotated[int, typer.Option("--count", "-c", help="How many lines of each at most")] = 100,
    following: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing as lines come")] = False,
) -> None:
    """Print what reconcilers wrote: those at the blueprint's location, or all."""
    blueprintlog.print_log(session, name, count, following=following)


@command(app, "doctor", examples=["colony blueprint doctor", "colony blueprint doctor --fix"])
def examine(
    session: Session,
    *,
    name: Annotated[str, typer.Option(help="Name of a blueprint; else all")] = "",
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended from here")] = False,
) -> None:
    """Look whether everything is there that blueprints need; exit with 0 if it is."""
    doctor.examine(session, name, fix=fix)


def _say_updated(session: Session, updated: Blueprint) -> None:
    session.say(
        "Blueprint updated",
        updated,
        Name=updated.metadata.name,
        Kind=updated.kind,
        Generation=updated.metadata.generation,
    )


def _with(fields: dict[str, Any], path: list[str], value: object, key: str) -> dict[str, Any]:
    """`fields` with another value at the end of a path that is there."""
    name, rest = path[0], path[1:]
    if name not in fields:
        raise InvalidArgument(f"The spec has no {key!r}: there is no field {name!r}.")
    if rest and not isinstance(fields[name], dict):
        raise InvalidArgument(f"The spec has no {key!r}: the field {name!r} is no object.")
    return {**fields, name: _with(fields[name], rest, value, key) if rest else value}


def _json_or_text(value: str) -> object:
    try:
        return decode(value.encode(), object)
    except MalformedJson:
        return value


def _names(session: Session) -> dict[str, str]:
    """The names of users and executors by id."""
    users = {user.userid: user.name for user in session.member.get_users()}
    executors = {each.executorid: each.executorname for each in session.member.get_executors()}
    return {**executors, **users}
