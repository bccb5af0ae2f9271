"""Commands about kinds of blueprints."""

from __future__ import annotations

from typing import Annotated

import typer

from colonyledger.cli.session import Session, command, group
from colonyledger.cli.specfiles import read_spec
from colonyledger.cli.tables import Table, details, table, text, values
from colonyledger.wire import BlueprintDefinition, BlueprintSchema

app = group("Kinds of blueprints, and who reconciles them.")

Name = Annotated[str, typer.Option(help="Name of the definition")]


@command(app, "add", examples=["colony blueprint definition add --spec executor-deployment.json"])
def add_definition(
    session: Session, *, spec: Annotated[str, typer.Option(help="JSON file with a definition (- for stdin)")]
) -> None:
    """Define a kind of blueprint (colony owner)."""
    added = session.colony_owner.add_blueprint_definition(read_spec(spec, BlueprintDefinition))
    session.say(
        "Definition added",
        added,
        Name=added.metadata.name,
        Kind=added.spec.names.kind,
        BlueprintDefinitionId=added.blueprintdefinitionid,
    )


@command(app, "ls", examples=["colony blueprint definition ls"])
def list_definitions(session: Session) -> None:
    """List the definitions."""
    definitions = session.member.get_blueprint_definitions()
    columns = [text("Name"), text("Kind"), text("Executor type"), text("Function")]
    rows = [
        (
            each.metadata.name,
            each.spec.names.kind,
            each.spec.handler.executor_type,
            each.spec.handler.function_name,
        )
        for each in definitions
    ]
    session.show(definitions, table("Definitions", columns, rows))


@command(app, "get", examples=["colony blueprint definition get --name executor-deployment"])
def get_definition(session: Session, name: Name) -> None:
    """Show a definition and the fields of its kind."""
    definition = session.member.get_blueprint_definition(name)
    spec = definition.spec
    rows = [
        ("Name", definition.metadata.name),
        ("Kind", spec.names.kind),
        ("Group", spec.group),
        ("Version", spec.version),
        ("Scope", spec.scope),
        ("Executor type", spec.handler.executor_type),
        ("Function", spec.handler.function_name),
        ("Reconcile interval", spec.handler.reconcile_interval or ""),
        ("Definition id", definition.blueprintdefinitionid),
    ]
    tables = [details("Definition", rows)]
    if spec.schema is not None:
        tables.append(_fields_table(spec.schema))
    session.show(definition, *tables)


@command(app, "remove", examples=["colony blueprint definition remove --name executor-deployment"])
def remove_definition(session: Session, name: Name) -> None:
    """Remove a definition that no blueprint needs any more (colony owner)."""
    session.colony_owner.remove_blueprint_definition(name)
    session.say("Definition removed", Name=name)


def _fields_table(schema: BlueprintSchema) -> Table:
    columns = [text("Field"), text("Type"), text("Required"), text("One of"), text("Description")]
    rows = [
        (name, part.type, name in schema.required, values(part.enum), part.description)
        for name, part in sorted(schema.properties.items())
    ]
    return table("Fields", columns, rows)
