"""What every command has: options for connection and output, and the clients and tables made of them."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, get_type_hints

import msgspec
import typer
from rich.console import Console

from colonyledger.cli.tables import Table
from colonyledger.environment import Environment, url_of
from colonyledger.errors import ConfigurationError
from colonyledger.identity import Identity
from colonyledger.retries import Retries
from colonyledger.sync.client import SyncClient
from colonyledger.wire import encode

__all__ = ["OutputFormat", "Session", "command", "group"]

_RETRIES = Retries(attempts=3)
"""A person at a terminal is told soon that there is no server."""
_PIPE_WIDTH = 100_000
"""Columns of an output that is no terminal: nothing is cut off or folded there."""
_CONNECTION = "Connection"


class OutputFormat(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True)
class Options:
    """The options that every command takes; what is not given comes from the environment."""

    host: Annotated[str, typer.Option(help="Server [COLONIES_SERVER_HOST]", rich_help_panel=_CONNECTION)] = ""
    port: Annotated[
        int, typer.Option(help="Port [COLONIES_SERVER_PORT]", show_default=False, rich_help_panel=_CONNECTION)
    ] = 0
    tls: Annotated[
        bool | None,
        typer.Option("--tls/--insecure", help="Speak HTTPS [COLONIES_TLS]", rich_help_panel=_CONNECTION),
    ] = None
    skip_tls_verify: Annotated[
        bool, typer.Option("--skip-tls-verify", help="Accept any certificate", rich_help_panel=_CONNECTION)
    ] = False
    colony: Annotated[
        str,
        typer.Option(
            "--colony", "--colonyname", help="Colony [COLONIES_COLONY_NAME]", rich_help_panel=_CONNECTION
        ),
    ] = ""
    prvkey: Annotated[
        str,
        typer.Option(
            help="Private key to sign with, instead of the one in the environment",
            rich_help_panel=_CONNECTION,
        ),
    ] = ""
    output: Annotated[OutputFormat, typer.Option("--output", "-o", help="How to print results")] = (
        OutputFormat.TABLE
    )
    as_json: Annotated[bool, typer.Option("--json", help="Same as -o json")] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens to stderr")] = False


class Session:
    """One run of one command."""

    def __init__(self, options: Options, environment: Environment | None = None) -> None:
        self._options = options
        self.environment = environment or Environment()
        if options.verbose:
            logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)

    @property
    def wants_json(self) -> bool:
        """Whether stdout is to hold JSON and nothing else."""
        return self._options.as_json or self._options.output is OutputFormat.JSON

    @cached_property
    def anybody(self) -> SyncClient:
        """A client that signs nothing."""
        options, environment = self._options, self.environment
        tls = environment.tls if options.tls is None else options.tls
        url = url_of(options.host or environment.host, options.port or environment.port, tls=tls)
        return SyncClient(url, retries=_RETRIES, verify_tls=not options.skip_tls_verify)

    @cached_property
    def member(self) -> SyncClient:
        """A client for the user or executor whose key is COLONIES_PRVKEY."""
        return self._signing(lambda: self.environment.identity).using(colony=self.colony_name)

    @cached_property
    def colony_owner(self) -> SyncClient:
        """A client for the owner of the colony, whose key is COLONIES_COLONY_PRVKEY."""
        return self._signing(lambda: self.environment.colony_owner).using(colony=self.colony_name)

    @cached_property
    def server_owner(self) -> SyncClient:
        """A client for the owner of the server, whose key is COLONIES_SERVER_PRVKEY."""
        return self._signing(lambda: self.environment.server_owner)

    def show(self, result: object, *tables: Table) -> None:
        """Print a result: `tables` for people, or the record or records themselves as JSON."""
        if self.wants_json:
            typer.echo(msgspec.json.format(encode(result), indent=2).decode())
            return
        width = self._console.width if self._console.is_terminal else None
        for table in tables:
            self._console.print(table.drawn(width, ascii_only=self.environment.ascii_tables))

    def say(self, text: str, result: object = None, /, **facts: object) -> None:
        """Tell a person what was done, on stderr; as JSON, `result` if there is one."""
        if self.wants_json and result is not None:
            self.show(result)
        typer.echo(" ".join([text, *(f"{name}={value}" for name, value in facts.items())]), err=True)

    def close(self) -> None:
        """Close the connections."""
        if "anybody" in self.__dict__:
            self.anybody.disconnect()

    @property
    def colony_name(self) -> str:
        """The colony that the command is about."""
        return self._options.colony or self.environment.colony

    @cached_property
    def _console(self) -> Console:
        width = None if sys.stdout.isatty() else _PIPE_WIDTH
        return Console(width=width, markup=False, emoji=False, highlight=False)

    def _signing(self, default: Callable[[], Identity]) -> SyncClient:
        if not self._options.prvkey:
            return self.anybody.using(default())
        try:
            return self.anybody.using(Identity(self._options.prvkey))
        except ValueError:
            raise ConfigurationError("--prvkey is no private key; that is 64 hex digits.") from None


def group(description: str) -> typer.Typer:
    """A new group of commands."""
    return typer.Typer(help=description, no_args_is_help=True)


def command(
    app: typer.Typer, name: str, *, examples: Sequence[str] = (), **settings: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add a function to `app` as the command `name`; it gets a Session as its first argument.

    The other parameters are the command's own options, as Typer has them. The options of `Options`
    are added, except those that the command has itself. `examples` are shown at the end of its help.
    """

    def add(function: Callable[..., None]) -> Callable[..., None]:
        epilog = "\n\n".join(["Examples:", *(f"$ {example}" for example in examples)]) if examples else None
        app.command(name, epilog=epilog, **settings)(_with_session(function))
        return function

    return add


def _with_session(function: Callable[..., None]) -> Callable[..., None]:
    hints = get_type_hints(function, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in list(inspect.signature(function).parameters.values())[1:]
    ]
    common = [
        parameter.replace(annotation=annotation, kind=parameter.KEYWORD_ONLY)
        for parameter in inspect.signature(Options).parameters.values()
        if parameter.name not in {mine.name for mine in own}
        for annotation in [get_type_hints(Options, include_extras=True)[parameter.name]]
    ]

    def run(**given: Any) -> None:
        session = Session(Options(**{option.name: given.pop(option.name) for option in common}))
        try:
            function(session, **given)
        finally:
            session.close()

    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *common)}
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in own] + common
    )
    return run
