"""Commands that submit functions, and those about registered ones."""

from __future__ import annotations

from time import time_ns
from typing import Annotated, Any

import typer
from msgspec.structs import replace

from colonyledger.cli.following import finish, follow
from colonyledger.cli.functiontables import functions_table, windows_table
from colonyledger.cli.session import Session, command, group
from colonyledger.cli.specfiles import read_spec, split_pairs, split_values
from colonyledger.errors import InvalidArgument
from colonyledger.spec import UNLIMITED, function_spec
from colonyledger.wire import SECOND, Function, FunctionSpec

app = group("Submit functions, and see which there are.")

Wait = Annotated[bool, typer.Option("--wait", help="Wait until it has ended; exit with 0 if it succeeded")]
Timeout = Annotated[float | None, typer.Option(help="Seconds to wait at most")]
Out = Annotated[bool, typer.Option("--out", help="Wait, and print the output, separated by spaces")]
Follow = Annotated[bool, typer.Option("--follow", help="Wait, and print the log while it runs")]
Label = Annotated[str, typer.Option(help="Tag to find it by")]


@command(
    app,
    "submit",
    examples=[
        "colony function submit --spec square.json --out",
        "colony function submit --spec - < square.json",
    ],
)
def submit_function(
    session: Session,
    *,
    spec: Annotated[str, typer.Option(help="JSON file with a function specification (- for stdin)")],
    wait: Wait = False,
    timeout: Timeout = None,
    out: Out = False,
    following: Follow = False,
    label: Label = "",
) -> None:
    """Submit the function specification in a file."""
    wanted = read_spec(spec, FunctionSpec)
    wanted = replace(
        wanted,
        label=label or wanted.label,
        maxwaittime=wanted.maxwaittime or UNLIMITED,
        maxexectime=wanted.maxexectime or UNLIMITED,
    )
    _submit(session, wanted, wait=wait, timeout=timeout, out=out, following=following)


@command(
    app,
    "exec",
    examples=[
        "colony function exec --func square --args 4 --targettype edge --out",
        "colony function exec --func execute --kwargs cmd:ls --targettype container-executor --follow",
    ],
)
def execute_function(
    session: Session,
    *,
    func: Annotated[str, typer.Option(help="Name of the function")],
    targettype: Annotated[str, typer.Option(help="Type of the executors that may run it")] = "",
    targetname: Annotated[list[str] | None, typer.Option(help="Name of an executor that may run it")] = None,
    targetid: Annotated[str, typer.Option(help="Id of the executor that is to run it")] = "",
    args: Annotated[list[str] | None, typer.Option(help="Arguments: a,b,c")] = None,
    kwargs: Annotated[list[str] | None, typer.Option(help="Keyword arguments: k:v,l:w")] = None,
    env: Annotated[list[str] | None, typer.Option(help="Environment variables: K=v,L=w")] = None,
    priority: Annotated[int, typer.Option(help="Higher runs first; one step is a day in the queue")] = 0,
    maxwaittime: Annotated[int, typer.Option(help="Seconds in the queue, -1 for no limit")] = UNLIMITED,
    maxexectime: Annotated[
        int, typer.Option(help="Seconds that a run may take, -1 for no limit")
    ] = UNLIMITED,
    maxretries: Annotated[int, typer.Option(help="Runs after the first, -1 for no limit")] = UNLIMITED,
    wait: Wait = False,
    timeout: Timeout = None,
    out: Out = False,
    following: Follow = False,
    label: Label = "",
) -> None:
    """Submit a function that is described by options."""
    names = targetname or []
    if targetid:
        executor = session.member.get_executor_by_id(targetid)
        names, targettype = [executor.executorname], executor.executortype
    if not targettype:
        raise InvalidArgument("Say which executors may run it, with --targettype or --targetid.")
    spec = function_spec(
        func,
        args=split_values(args or []),
        kwargs=_keyword_arguments(kwargs or []),
        env=split_pairs(env or [], "--env", "="),
        executortype=targettype,
        priority=priority,
        maxwaittime=maxwaittime,
        maxexectime=maxexectime,
        maxretries=maxretries,
        label=label,
    )
    if names:
        spec = replace(spec, conditions=replace(spec.conditions, executornames=names))
    _submit(session, spec, wait=wait, timeout=timeout, out=out, following=following)


@command(app, "register", examples=["colony function register --name edge-1 --func square"])
def register_function(
    session: Session,
    *,
    name: Annotated[str, typer.Option(help="Name of the executor whose key signs")],
    func: Annotated[str, typer.Option(help="Name of the function")],
    description: Annotated[str, typer.Option(help="What it does")] = "",
) -> None:
    """Register a function of an executor (the executor itself)."""
    function = session.member.add_function(
        Function(executorname=name, funcname=func, description=description)
    )
    session.say("Function registered", function, Name=func, FunctionId=function.functionid)


@command(app, "remove", examples=["colony function remove --functionid 9d0c…"])
def remove_function(session: Session, functionid: Annotated[str, typer.Option(help="Id")]) -> None:
    """Unregister a function (the executor itself)."""
    session.member.remove_function(functionid)
    session.say("Function removed", FunctionId=functionid)


@command(app, "ls", examples=["colony function ls", "colony function ls --name edge-1"])
def list_functions(
    session: Session, name: Annotated[str, typer.Option(help="Only of this executor")] = ""
) -> None:
    """List the registered functions, and how long they took."""
    functions = session.member.get_functions(name)
    session.show(functions, functions_table(functions))


@command(
    app,
    "stats",
    examples=["colony function stats", "colony function stats --func square --minutes 10 --json"],
)
def show_statistics(
    session: Session,
    *,
    func: Annotated[str, typer.Option(help="Only of this function")] = "",
    executor: Annotated[str, typer.Option(help="Only on this executor")] = "",
    minutes: Annotated[int, typer.Option(min=0, help="How far to look back; 0 is as far as there is")] = 0,
    count: Annotated[int, typer.Option(min=1, max=1000, help="How many rows at most")] = 100,
) -> None:
    """Show how often functions were called and how long it took, by executor and window of time, newest first."""
    since = time_ns() - minutes * 60 * SECOND if minutes else 0
    windows = session.member.get_windows(func, executor, since=since, count=count)
    session.show(windows, windows_table(windows))


def _submit(
    session: Session, spec: FunctionSpec, *, wait: bool, timeout: float | None, out: bool, following: bool
) -> None:
    process = session.member.submit(spec)
    waits = wait or out or following
    session.say("Process submitted", None if waits else process, ProcessId=process.processid)
    if following:
        finish(session, follow(session, process.processid), output_only=out)
    elif waits:
        finish(session, session.member.wait(process.processid, timeout), output_only=out)


def _keyword_arguments(given: list[str]) -> dict[str, Any]:
    """Keyword arguments; the value of the one called `args` is a list, separated by commas."""
    kwargs: dict[str, Any] = dict(split_pairs(given, "--kwargs", ":"))
    if "args" in kwargs:
        kwargs["args"] = split_values([kwargs["args"]])
    return kwargs
