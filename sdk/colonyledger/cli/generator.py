"""Commands about generators."""

from __future__ import annotations

from typing import Annotated

import typer

from colonyledger.cli.session import Session, command, group
from colonyledger.cli.specfiles import read_specs
from colonyledger.cli.tables import details, ident, local_time, moment, number, table, text
from colonyledger.cli.templates import functions_of

app = group("Submit workflows when enough arguments have come.")

GeneratorId = Annotated[str, typer.Option("--generatorid", help="Id of the generator")]


@command(
    app, "add", examples=["colony generator add --name batch --spec batch.json --trigger 10 --timeout 60"]
)
def add_generator(
    session: Session,
    *,
    name: Annotated[str, typer.Option(help="Name of the generator")],
    spec: Annotated[str, typer.Option(help="JSON file with an array of function specifications")],
    trigger: Annotated[int, typer.Option(help="How many arguments make a batch")],
    timeout: Annotated[
        int, typer.Option(help="Seconds after the first argument when fewer will do; -1 for never")
    ] = -1,
) -> None:
    """Submit the workflow in a file with every so many arguments."""
    added = session.member.add_generator(name, read_specs(spec), trigger=trigger, timeout=timeout)
    session.say("Generator added", added, GeneratorId=added.generatorid)


@command(app, "pack", examples=["colony generator pack --generatorid 5e0c… --arg image-17.png"])
def pack_generator(
    session: Session,
    generatorid: GeneratorId,
    arg: Annotated[str, typer.Option(help="The argument")],
) -> None:
    """Give a generator one more argument."""
    session.member.pack(generatorid, arg)
    session.say("Argument packed", GeneratorId=generatorid)


@command(app, "ls", examples=["colony generator ls --count 50"])
def list_generators(
    session: Session, count: Annotated[int, typer.Option(help="How many at most")] = 20
) -> None:
    """List generators, the oldest first."""
    generators = session.member.get_generators(count=count)
    columns = [text("Name"), number("Waiting"), number("Trigger"), number("Timeout"), moment("Last run")]
    rows = [
        (
            generator.name,
            generator.queuesize,
            generator.trigger,
            generator.timeout,
            local_time(generator.lastrun),
            generator.initiatorname,
            generator.generatorid,
        )
        for generator in generators
    ]
    session.show(generators, table("Generators", [*columns, text("Initiator"), ident("Generator id")], rows))


@command(app, "get", examples=["colony generator get --generatorid 5e0c…"])
def get_generator(session: Session, generatorid: GeneratorId) -> None:
    """Show a generator and what it runs."""
    generator = session.member.get_generator(generatorid)
    rows = [
        ("Name", generator.name),
        ("Trigger", generator.trigger),
        ("Timeout", f"{generator.timeout} s" if generator.timeout > 0 else "never"),
        ("Waiting arguments", generator.queuesize),
        ("First argument", local_time(generator.firstpack)),
        ("Last run", local_time(generator.lastrun)),
        ("Last error", generator.lasterror),
        ("Checker period", f"{generator.checkerperiod} ms"),
        ("Initiator", generator.initiatorname),
        ("Initiator id", generator.initiatorid),
        ("Colony", generator.colonyname),
        ("Generator id", generator.generatorid),
    ]
    session.show(generator, details("Generator", rows), functions_of(generator.workflowspec))


@command(app, "remove", examples=["colony generator remove --generatorid 5e0c…"])
def remove_generator(session: Session, generatorid: GeneratorId) -> None:
    """Remove a generator with the arguments that it has not used."""
    session.member.remove_generator(generatorid)
    session.say("Generator removed", GeneratorId=generatorid)
