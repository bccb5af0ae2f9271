"""Settings that programs of the ecosystem take from environment variables (protocol: tools.md section 2).

| variable | default | meaning |
| --- | --- | --- |
| COLONIES_SERVER_HOST | localhost | the server's host name |
| COLONIES_SERVER_HTTP_PORT, else COLONIES_SERVER_PORT | 50080 | the server's port |
| COLONIES_TLS, else COLONIES_SERVER_TLS | false | whether to speak HTTPS |
| COLONIES_COLONY_NAME | | the colony |
| COLONIES_PRVKEY | | private key of the calling user or executor |
| COLONIES_COLONY_PRVKEY | | private key of the colony's owner |
| COLONIES_SERVER_PRVKEY | | private key of the server's owner |
| COLONIES_EXECUTOR_NAME | | name of an executor; with HOSTNAME set, NAME.HOSTNAME |
| COLONIES_EXECUTOR_TYPE | | type of an executor |
| COLONIES_CLI_ASCII | false | whether the command line draws tables with ASCII only |

An empty value counts as not set.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from colonyledger.errors import ConfigurationError
from colonyledger.identity import Identity

__all__ = ["DEFAULT_HOST", "DEFAULT_PORT", "Environment", "url_of"]

DEFAULT_HOST = "localhost"
DEFAULT_PORT = 50080

_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def url_of(host: str, port: int, *, tls: bool = False) -> str:
    """The address of the server at `host` and `port`."""
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{'https' if tls else 'http'}://{name}:{port}"


class Environment:
    """The variables as typed values, each read when it is asked for.

    Raises:
        ConfigurationError: from any property, if its variable is missing or has no valid value; the
            text names the variable.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables

    @property
    def host(self) -> str:
        """The server's host name."""
        return self._optional("COLONIES_SERVER_HOST") or DEFAULT_HOST

    @property
    def port(self) -> int:
        """The server's port."""
        name, text = self._first("COLONIES_SERVER_HTTP_PORT", "COLONIES_SERVER_PORT")
        if not text:
            return DEFAULT_PORT
        if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 65536:
            raise ConfigurationError(f"{name} is {text!r}; a port is a number from 1 to 65535.")
        return int(text)

    @property
    def tls(self) -> bool:
        """Whether to speak HTTPS."""
        name, text = self._first("COLONIES_TLS", "COLONIES_SERVER_TLS")
        return self._boolean(name, text)

    @property
    def url(self) -> str:
        """The server's address."""
        return url_of(self.host, self.port, tls=self.tls)

    @property
    def colony(self) -> str:
        """The name of the colony."""
        return self._required("COLONIES_COLONY_NAME", "the name of the colony")

    @property
    def identity(self) -> Identity:
        """The calling user or executor."""
        return self._identity("COLONIES_PRVKEY", "the private key of a user or executor")

    @property
    def colony_owner(self) -> Identity:
        """The colony's owner."""
        return self._identity("COLONIES_COLONY_PRVKEY", "the private key of the colony's owner")

    @property
    def server_owner(self) -> Identity:
        """The server's owner."""
        return self._identity("COLONIES_SERVER_PRVKEY", "the private key of the server's owner")

    @property
    def has_identity(self) -> bool:
        """Whether a key of a user or executor is given."""
        return bool(self._optional("COLONIES_PRVKEY"))

    @property
    def has_colony_owner(self) -> bool:
        """Whether the key of the colony's owner is given."""
        return bool(self._optional("COLONIES_COLONY_PRVKEY"))

    @property
    def executor_name(self) -> str:
        """The name of an executor on this machine."""
        name = self._required("COLONIES_EXECUTOR_NAME", "the name of the executor")
        machine = self._optional("HOSTNAME")
        return f"{name}.{machine}" if machine else name

    @property
    def executor_type(self) -> str:
        """The type of an executor."""
        return self._required("COLONIES_EXECUTOR_TYPE", "the type of the executor")

    @property
    def ascii_tables(self) -> bool:
        """COLONIES_CLI_ASCII: whether the command line draws tables with ASCII only."""
        return self._boolean("COLONIES_CLI_ASCII", self._optional("COLONIES_CLI_ASCII"))

    def _optional(self, name: str) -> str:
        return self._variables.get(name, "").strip()

    def _first(self, *names: str) -> tuple[str, str]:
        """The first of `names` that is set, with its value."""
        for name in names:
            if text := self._optional(name):
                return name, text
        return names[-1], ""

    def _required(self, name: str, meaning: str) -> str:
        text = self._optional(name)
        if not text:
            raise ConfigurationError(f"The environment variable {name} is not set; it holds {meaning}.")
        return text

    def _boolean(self, name: str, text: str) -> bool:
        if not text:
            return False
        try:
            return _BOOLEANS[text.lower()]
        except KeyError:
            raise ConfigurationError(f"{name} is {text!r}; it can be true or false.") from None

    def _identity(self, name: str, meaning: str) -> Identity:
        try:
            return Identity(self._required(name, meaning))
        except ValueError:
            raise ConfigurationError(
                f"{name} is no private key; that is 64 hex digits, as `colony security generate` prints."
            ) from None
