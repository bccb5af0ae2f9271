"""The command line of the ecosystem, unmodified: one program per call, and what it says."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from json import JSONDecoder
from pathlib import Path
from typing import Any

from colonyledger.identity import Identity

from tests.servers import clean_environment

__all__ = ["Cli", "Told"]

PATIENCE = 120.0
REFUSED = 255
"""The exit code after an error (tools.md section 1)."""


@dataclass(frozen=True)
class Told:
    """What a command has said."""

    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The cells of its tables, headings included."""
        lines = [line.strip() for line in self.out.splitlines()]
        return [
            [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")
        ]

    @property
    def facts(self) -> dict[str, str]:
        """Its tables of two columns, as names and values."""
        return {row[0]: row[1] for row in self.rows if len(row) == 2}

    @property
    def json(self) -> Any:
        """The JSON that it begins with; some commands print a word of Go after it."""
        return JSONDecoder().raw_decode(self.out)[0]

    @property
    def message(self) -> str:
        """The last line of its log."""
        return self.logged("msg")

    def logged(self, name: str) -> str:
        """A value in the last line of its log that has one of this name."""
        found = list(re.finditer(rf'\b{name}=(?:"((?:[^"\\]|\\.)*)"|(\S+))', self.err))
        assert found, f"no {name} in:\n{self.out}{self.err}"
        return str(found[-1][1] or found[-1][2]).replace('\\"', '"')


@dataclass(frozen=True)
class Cli:
    """The command line in a folder of its own, as somebody in a colony.

    Called with the words of a command and its flags by name: `True` for a flag without a value.
    """

    program: Path
    folder: Path
    variables: Mapping[str, str]
    used: set[str] = field(default_factory=set)
    """The commands that were run."""

    def __call__(self, command: str, **flags: object) -> Told:
        """Run a command that succeeds; whatever it asks is answered with YES."""
        code, told = self._run(command, flags)
        assert code == 0, told.out + told.err
        return told

    def refused(self, command: str, **flags: object) -> str:
        """Run a command that must fail; what it says why."""
        code, told = self._run(command, flags)
        assert code == REFUSED, told.out + told.err
        return told.message

    def with_key(self, who: Identity) -> Cli:
        """The same with the key of another user or executor."""
        return self._with(COLONIES_PRVKEY=who.private_key)

    def with_colony(self, name: str, owner: Identity) -> Cli:
        """The same in another colony, with its owner's key."""
        return self._with(COLONIES_COLONY_NAME=name, COLONIES_COLONY_PRVKEY=owner.private_key)

    def with_server_key(self, owner: Identity) -> Cli:
        """The same with another key for what only the server's owner may do."""
        return self._with(COLONIES_SERVER_PRVKEY=owner.private_key)

    def unused(self, group: str) -> set[str]:
        """The commands of a group, as its help lists them, that were not run yet."""
        return self._commands(group) - self.used

    def _commands(self, command: str) -> set[str]:
        _, told = self._run(command, {"help": True}, remember=False)
        _, _, listing = told.out.partition("Available Commands:\n")
        names = re.findall(r"^  ([a-z]+) ", listing.partition("\n\n")[0], re.MULTILINE)
        return set().union(*(self._commands(f"{command} {name}") for name in names)) if names else {command}

    def _with(self, **variables: str) -> Cli:
        return replace(self, variables={**self.variables, **variables})

    def _run(self, command: str, flags: Mapping[str, object], *, remember: bool = True) -> tuple[int, Told]:
        if remember:
            self.used.add(command)
        words = [f"--{name}" if value is True else f"--{name}={value}" for name, value in flags.items()]
        ran = subprocess.run(
            [self.program, *command.split(), *words],
            cwd=self.folder,
            # With a HOSTNAME it adds that to the names of executors.
            env=clean_environment(**self.variables, COLONIES_CLI_ASCII="true", HOSTNAME="", TZ="UTC"),
            input="YES\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return ran.returncode, Told(ran.stdout, ran.stderr)
