"""Commands about crons."""

from __future__ import annotations

from typing import Annotated

import typer

from colonyledger.cli.session import Session, command, group
from colonyledger.cli.specfiles import read_specs
from colonyledger.cli.tables import details, ident, local_time, moment, table, text
from colonyledger.cli.templates import functions_of
from colonyledger.errors import InvalidArgument
from colonyledger.wire import Cron

app = group("Submit workflows by the clock.")

CronId = Annotated[str, typer.Option("--cronid", help="Id of the cron")]


@command(
    app,
    "add",
    examples=[
        "colony cron add --name tidy --spec tidy.json --cron '0 30 2 * * *'",
        "colony cron add --name poll --spec poll.json --interval 60 --waitprevious",
    ],
)
def add_cron(
    session: Session,
    *,
    name: Annotated[str, typer.Option(help="Name of the cron")],
    spec: Annotated[str, typer.Option(help="JSON file with an array of function specifications")],
    cron: Annotated[
        str, typer.Option(help="Expression with six fields, seconds first, such as '0 30 8 * * mon-fri'")
    ] = "",
    interval: Annotated[int, typer.Option(help="Seconds between runs, instead of an expression")] = -1,
    random: Annotated[bool, typer.Option("--random", help="Run at random within the interval")] = False,
    waitprevious: Annotated[
        bool, typer.Option("--waitprevious", help="Let a run wait until the workflow before has ended")
    ] = False,
) -> None:
    """Submit the workflow in a file by the clock from now on."""
    if interval < 1 and interval != -1:
        raise InvalidArgument("--interval must be at least 1 second.")
    added = session.member.add_cron(
        name,
        read_specs(spec),
        interval=max(interval, 0),
        expression=cron,
        random=random,
        wait_for_previous=waitprevious,
    )
    session.say("Cron added", added, CronId=added.cronid, NextRun=local_time(added.nextrun).replace(" ", "T"))


@command(app, "ls", examples=["colony cron ls --count 50"])
def list_crons(session: Session, count: Annotated[int, typer.Option(help="How many at most")] = 20) -> None:
    """List crons, the oldest first."""
    crons = session.member.get_crons(count=count)
    columns = [text("Name"), moment("Next run"), moment("Last run"), text("Initiator"), text("Error")]
    rows = [
        (
            cron.name,
            local_time(cron.nextrun),
            local_time(cron.lastrun),
            cron.initiatorname,
            cron.lasterror,
            cron.cronid,
        )
        for cron in crons
    ]
    session.show(crons, table("Crons", [*columns, ident("Cron id")], rows))


@command(app, "get", examples=["colony cron get --cronid 83e4…"])
def get_cron(session: Session, cronid: CronId) -> None:
    """Show a cron and what it runs."""
    _show(session, session.member.get_cron(cronid))


@command(app, "run", examples=["colony cron run --cronid 83e4…"])
def run_cron(session: Session, cronid: CronId) -> None:
    """Run a cron now, unless it waits for the workflow before."""
    before = session.member.get_cron(cronid)
    cron = session.member.run_cron(cronid)
    if cron.lasterror:
        raise InvalidArgument(f"Cron {cron.name} could not be run: {cron.lasterror}.")
    if cron.prevprocessgraphid == before.prevprocessgraphid:
        session.say("Cron not run, it waits for a workflow", cron, WorkflowId=cron.prevprocessgraphid)
    else:
        session.say("Cron run", cron, CronId=cronid, WorkflowId=cron.prevprocessgraphid)


@command(app, "remove", examples=["colony cron remove --cronid 83e4…"])
def remove_cron(session: Session, cronid: CronId) -> None:
    """Remove a cron; the workflows that it started go on."""
    session.member.remove_cron(cronid)
    session.say("Cron removed", CronId=cronid)


def _show(session: Session, cron: Cron) -> None:
    when = f"every {cron.interval} s" if cron.interval > 0 else cron.cronexpression
    rows = [
        ("Name", cron.name),
        ("Runs", f"at random within {cron.interval} s" if cron.random else when),
        ("Waits for the one before", cron.waitforprevprocessgraph),
        ("Next run", local_time(cron.nextrun)),
        ("Last run", local_time(cron.lastrun)),
        ("Last workflow", cron.prevprocessgraphid),
        ("Last error", cron.lasterror),
        ("Initiator", cron.initiatorname),
        ("Initiator id", cron.initiatorid),
        ("Colony", cron.colonyname),
        ("Cron id", cron.cronid),
    ]
    session.show(cron, details("Cron", rows), functions_of(cron.workflowspec))
