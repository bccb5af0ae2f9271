"""All commands as one program, with those that other distributions add."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import NoReturn

import typer

from colonyledger.cli import (
    attribute,
    blueprint,
    channel,
    cluster,
    colony,
    cron,
    executor,
    fs,
    function,
    general,
    generator,
    location,
    log,
    process,
    security,
    server,
    user,
    workflow,
)
from colonyledger.errors import ColonyError

__all__ = ["PLUGIN_GROUP", "build", "run"]

PLUGIN_GROUP = "colonyledger.commands"

_GROUPS = {
    "server": server.app,
    "colony": colony.app,
    "cluster": cluster.app,
    "user": user.app,
    "executor": executor.app,
    "location": location.app,
    "function": function.app,
    "process": process.app,
    "workflow": workflow.app,
    "cron": cron.app,
    "generator": generator.app,
    "attribute": attribute.app,
    "log": log.app,
    "channel": channel.app,
    "fs": fs.app,
    "blueprint": blueprint.app,
    "security": security.app,
}
_COMPLETION = "_COLONY_COMPLETE"
"""The variable by which a shell asks for completions."""


def run(arguments: Sequence[str]) -> NoReturn:
    """Run one command and exit: 0 if all went well; 1, or 2 for wrong usage, with a line that says why."""
    try:
        build(arguments)(args=list(arguments), prog_name="colony")
    except ColonyError as error:
        typer.echo(f"Error: {error}", err=True)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the exit would complain
    except Exception as error:  # noqa: BLE001 - people get a line, not a traceback
        typer.echo(f"Error: this should not have happened: {error!r} (--verbose tells more)", err=True)
        if "--verbose" in arguments or "-v" in arguments:
            traceback.print_exc()
    sys.exit(1)


def build(arguments: Sequence[str]) -> typer.Typer:
    """The program with what `arguments` need of other distributions, everything if they name no group."""
    app = typer.Typer(
        name="colony",
        help="Submit work to a colony, run executors, and look after them.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    general.add_to(app)
    groups = {}
    for name, group in _GROUPS.items():
        groups[name] = _copy(group)
        app.add_typer(groups[name], name=name)
    _add_plugins(app, groups, _wanted(arguments))
    return app


def _copy(group: typer.Typer) -> typer.Typer:
    """A group that can get more commands without changing `group`."""
    copy = typer.Typer(no_args_is_help=True)
    copy.info, copy.registered_callback = group.info, group.registered_callback
    _merge(copy, group)
    return copy


def _merge(group: typer.Typer, more: typer.Typer) -> None:
    group.registered_commands += more.registered_commands
    group.registered_groups += more.registered_groups


def _wanted(arguments: Sequence[str]) -> Iterable[EntryPoint]:
    """The entry points of the group that `arguments` name; all of them for help and completion."""
    found = sorted(entry_points(group=PLUGIN_GROUP), key=lambda entry: (entry.name, entry.value))
    first = next((argument for argument in arguments if not argument.startswith("-")), None)
    if first is None or _COMPLETION in os.environ:
        return found
    return [entry for entry in found if entry.name == first]


def _add_plugins(app: typer.Typer, groups: dict[str, typer.Typer], plugins: Iterable[EntryPoint]) -> None:
    for entry in plugins:
        try:
            plugin = entry.load()
        except Exception as error:  # noqa: BLE001 - a broken plug-in must not take the others with it
            typer.echo(f"Warning: the commands of {entry.value} cannot be loaded: {error}", err=True)
            continue
        if entry.name in groups:
            _merge(groups[entry.name], plugin)
        else:
            groups[entry.name] = _copy(plugin)
            app.add_typer(groups[entry.name], name=entry.name)
