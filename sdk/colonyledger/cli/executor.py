"""Commands about executors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from colonyledger.cli.functiontables import functions_table
from colonyledger.cli.session import Session, command, group
from colonyledger.cli.specfiles import read_spec
from colonyledger.cli.tables import Table, details, ident, local_time, moment, number, table, text
from colonyledger.errors import ConfigurationError, ServerRefused
from colonyledger.identity import Identity
from colonyledger.keyfile import write_identity
from colonyledger.states import executor_state_name
from colonyledger.wire import Executor, ExecutorState

app = group("Who runs work.")

Name = Annotated[str, typer.Option(help="Name of the executor")]
NewName = Annotated[str, typer.Option(help="Name of the executor [COLONIES_EXECUTOR_NAME]")]
NewType = Annotated[str, typer.Option(help="Type of the executor [COLONIES_EXECUTOR_TYPE]")]
Spec = Annotated[str, typer.Option(help="JSON file with capabilities and all else (- for stdin)")]
Location = Annotated[str, typer.Option(help="Name of the location")]
Approve = Annotated[bool, typer.Option("--approve", help="Approve it at once")]


@command(
    app, "add", examples=["colony executor add --name edge-1 --type edge --executorid 3fc05c… --approve"]
)
def add_executor(
    session: Session,
    *,
    executorid: Annotated[str, typer.Option(help="Id of the executor's key")],
    name: NewName = "",
    type: NewType = "",  # noqa: A002
    spec: Spec = "",
    location: Location = "",
    approve: Approve = False,
) -> None:
    """Add an executor whose key exists already (colony owner)."""
    record = _record(session, name, type, spec, location)
    _add(session, replace(record, executorid=executorid), approve=approve)


@command(
    app,
    "create",
    examples=["colony executor create --name edge-1 --type edge --approve --keypath edge-1.key"],
)
def create_executor(
    session: Session,
    *,
    keypath: Annotated[Path, typer.Option(help="New file for the private key")],
    name: NewName = "",
    type: NewType = "",  # noqa: A002
    spec: Spec = "",
    location: Location = "",
    approve: Approve = False,
    idpath: Annotated[Path | None, typer.Option(help="New file for the id")] = None,
) -> None:
    """Make a key, keep it in a file, and add an executor with it (colony owner)."""
    record = _record(session, name, type, spec, location)
    identity = Identity.generate()
    write_identity(keypath, identity)
    try:
        _add(session, replace(record, executorid=identity.id), approve=approve)
    except ServerRefused:
        keypath.unlink()  # it is nobody's key
        raise
    if idpath is not None:
        try:
            idpath.write_text(f"{identity.id}\n", "ascii")
        except OSError as error:
            raise ConfigurationError(f"The id cannot be written to {idpath}: {error.strerror}.") from error


@command(app, "ls", examples=["colony executor ls", "colony executor ls --all --type edge"])
def list_executors(
    session: Session,
    *,
    every: Annotated[bool, typer.Option("--all", help="Also pending, rejected and removed ones")] = False,
    full: Annotated[bool, typer.Option("--full", help="All columns")] = False,
    type: Annotated[str, typer.Option(help="Only this type")] = "",  # noqa: A002
    location: Annotated[str, typer.Option(help="Only this location")] = "",
    containing: Annotated[str, typer.Option("--filter", help="Only names with this text")] = "",
) -> None:
    """List the colony's executors, those heard from last first."""
    executors = [
        executor
        for executor in session.member.get_executors()
        if (every or executor.state == ExecutorState.APPROVED)
        and type in {"", executor.executortype}
        and location in {"", executor.locationname}
        and containing in executor.executorname
    ]
    executors.sort(key=lambda executor: executor.lastheardfromtime, reverse=True)
    session.show(executors, _executors_table(executors, states=every or full, full=full))


@command(app, "get", examples=["colony executor get --name edge-1"])
def get_executor(session: Session, name: Name) -> None:
    """Show one executor, what it has, and its functions."""
    executor = session.member.get_executor(name)
    tables = _executor_tables(executor)
    if not session.wants_json:
        tables.append(functions_table(session.member.get_functions(name)))
    session.show(executor, *tables)


@command(app, "approve", examples=["colony executor approve --name edge-1"])
def approve_executor(session: Session, name: Name) -> None:
    """Let an executor work (colony owner)."""
    session.colony_owner.approve_executor(name)
    session.say("Executor approved", Name=name)


@command(app, "reject", examples=["colony executor reject --name edge-1"])
def reject_executor(session: Session, name: Name) -> None:
    """Stop an executor from working (colony owner)."""
    session.colony_owner.reject_executor(name)
    session.say("Executor rejected", Name=name)


@command(app, "remove", examples=["colony executor remove --name edge-1"])
def remove_executor(session: Session, name: Name) -> None:
    """Remove an executor; what it was running goes back to the queue (colony owner)."""
    session.colony_owner.remove_executor(name)
    session.say("Executor removed", Name=name)


@command(app, "chid", examples=["colony executor chid --executorid 3fc05c…"])
def change_executor_id(
    session: Session, executorid: Annotated[str, typer.Option(help="Id of the new key")]
) -> None:
    """Go on with another key as the executor whose key is COLONIES_PRVKEY; the old one is refused then."""
    session.member.change_executor_id(executorid)
    session.say("Executor id changed", ExecutorId=executorid)


def _record(session: Session, name: str, kind: str, spec: str, location: str) -> Executor:
    """What to add: the options, else the file, else the environment."""
    record = read_spec(spec, Executor) if spec else Executor()
    return replace(
        record,
        executorname=name or record.executorname or session.environment.executor_name,
        executortype=kind or record.executortype or session.environment.executor_type,
        locationname=location or record.locationname,
    )


def _add(session: Session, record: Executor, *, approve: bool) -> None:
    added = session.colony_owner.add_executor(record)
    if approve:
        session.colony_owner.approve_executor(added.executorname)
        added = replace(added, state=ExecutorState.APPROVED)
    done = "Executor added and approved" if approve else "Executor added"
    session.say(done, added, Name=added.executorname, ExecutorId=added.executorid)


def _executors_table(executors: list[Executor], *, states: bool, full: bool) -> Table:
    columns = [text("Name"), text("Type")]
    columns += [text("State")] if states else []
    columns += [text("Location"), moment("Last heard from")]
    columns += [moment("Added"), ident("Executor id")] if full else []
    rows = []
    for executor in executors:
        row = [executor.executorname, executor.executortype]
        row += [executor_state_name(executor.state)] if states else []
        row += [executor.locationname, local_time(executor.lastheardfromtime)]
        row += [local_time(executor.commissiontime), executor.executorid] if full else []
        rows.append(row)
    return table("Executors", columns, rows)


def _executor_tables(executor: Executor) -> list[Table]:
    general = [
        ("Name", executor.executorname),
        ("Type", executor.executortype),
        ("State", executor_state_name(executor.state)),
        ("Location", executor.locationname),
        ("Last heard from", local_time(executor.lastheardfromtime)),
        ("Added", local_time(executor.commissiontime)),
        ("Executor id", executor.executorid),
        ("Colony", executor.colonyname),
    ]
    tables = [details("Executor", general)]
    if hardware := executor.capabilities.hardware:
        columns = [
            text("Model"),
            number("Nodes"),
            number("CPU"),
            number("Memory"),
            number("Storage"),
            text("GPU"),
        ]
        columns += [text("Platform"), text("Architecture")]
        tables.append(
            table(
                "Hardware",
                columns,
                [
                    (
                        machine.model,
                        machine.nodes,
                        machine.cpu,
                        machine.mem,
                        machine.storage,
                        f"{machine.gpu.count} {machine.gpu.name} {machine.gpu.mem}"
                        if machine.gpu.count
                        else "",
                        machine.platform,
                        machine.architecture,
                    )
                    for machine in hardware
                ],
            )
        )
    if software := executor.capabilities.software:
        programs = [(program.name, program.type, program.version) for program in software]
        tables.append(table("Software", [text("Name"), text("Type"), text("Version")], programs))
    return tables
