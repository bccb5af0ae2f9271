"""The seam between the history and its engine: chdb in a directory, or any ClickHouse server.

    HistoryError
    ├── HistoryUnavailable   cannot be reached or written now; try again later
    ├── HistoryRefused       must not be opened like this; trying again does not help
    └── QueryFailed          the engine did not run a query; says why

All methods block and are called in threads. What an engine needs is loaded when one is opened: chdb
alone costs a second and 200 MB. One process can own a directory, and one directory can be open in a
process.
"""

from __future__ import annotations

import fcntl
import re
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from services.history.rows import Batch

__all__ = [
    "DEFAULT_DATABASE",
    "Engine",
    "HistoryError",
    "HistoryRefused",
    "HistoryUnavailable",
    "Position",
    "QueryFailed",
    "open_history",
]

DEFAULT_DATABASE = "colony_history"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class HistoryError(Exception):
    """The history did not do what was asked."""


class HistoryUnavailable(HistoryError):
    """The engine cannot be reached or written now."""


class HistoryRefused(HistoryError):
    """The history must not be opened like this; an operator has to decide."""


class QueryFailed(HistoryError):
    """The engine did not run a query. `code` is ClickHouse's number of the error, 0 if it gave none."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Position(NamedTuple):
    """How far a partition is written: the next offset, and the digest of its first record in hex."""

    next: int
    origin: str


class Engine(Protocol):
    """One history."""

    @property
    def database(self) -> str:
        """The database that holds the tables."""

    @property
    def place(self) -> str:
        """What the engine is called when people are told of it."""

    def prepare(self, *, afresh: bool = False) -> dict[int, Position]:
        """Make the tables, and tell how far they are written.

        With `afresh`, or if what is there is of another version, everything is dropped first.

        Raises:
            HistoryUnavailable: the engine cannot be written now.
        """

    def clear(self) -> None:
        """Drop all tables of the history; they can be rebuilt from the ledger.

        Raises:
            HistoryUnavailable: the engine cannot be written now.
        """

    def positions(self) -> dict[int, Position]:
        """How far each partition is written.

        Raises:
            HistoryUnavailable: the engine cannot be read now.
        """

    def write(self, batch: Batch, origins: dict[int, str]) -> None:
        """Write rows, and then how far they go; `origins` are the digests of the partitions' first records.

        Rows that are there already stay as they are.

        Raises:
            HistoryUnavailable: something was not written; write the batch again.
        """

    def removed_until(self, colony: str) -> int:
        """The offset after the last removal of a colony of this name; 0 if there was none.

        Raises:
            HistoryUnavailable: the engine cannot be read now.
        """

    def functions(self) -> frozenset[str]:
        """The names of all functions that the engine has, in lower case, at most a minute old.

        Raises:
            HistoryUnavailable: the engine cannot be read now.
        """

    def select(self, statement: str) -> bytes:
        """The answer to a complete SELECT, as JSONCompact.

        Raises:
            QueryFailed: the engine refused the statement, or gave it up.
            HistoryUnavailable: the engine cannot be reached.
        """

    def close(self) -> None:
        """Close the connections; a directory can then be opened by another process."""


def open_history(location: str | Path) -> Engine:
    """The engine at `location`: a directory, or `clickhouse://user:password@host:port/database`.

    `clickhouses://` speaks HTTPS. The port is that of ClickHouse's HTTP interface (8123, 8443); the
    database is `colony_history` unless told, and is made if there is none. A server is connected to
    when it is first used.

    Raises:
        HistoryRefused: chdb is not installed, the directory is in use, or the address is none.
    """
    text = str(location)
    if text.startswith(("clickhouse://", "clickhouses://")):
        return _open_server(text)
    if "://" in text:
        scheme = text.partition("://")[0]
        raise HistoryRefused(
            f"{scheme}:// is no history: give a directory, or clickhouse://host:port/database."
        )
    return _open_directory(Path(location))


def _open_directory(path: Path) -> Engine:
    if find_spec("chdb") is None:
        raise HistoryRefused(
            "The history in a directory needs chdb; install colony-ledger[chdb], "
            "or keep the history in a ClickHouse server (clickhouse://host:port/database)."
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        _check_unused(path)
    except OSError as error:
        raise HistoryRefused(f"The directory {path} cannot hold the history: {error}.") from error

    from services.history.clickhouse import directory_engine  # noqa: PLC0415 (slow to load)

    return directory_engine(path, DEFAULT_DATABASE)


def _check_unused(path: Path) -> None:
    """Refuse a directory whose status file is locked, as chdb locks it; chdb itself does not say why it fails."""
    status = path / "status"
    if not status.exists():
        return
    with status.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HistoryRefused(
                f"The history in {path} is in use by another process; ask the server that owns it instead."
            ) from None


def _open_server(url: str) -> Engine:
    try:
        parts = urlsplit(url)
        port = parts.port or 0
    except ValueError:  # it may hold the password, so it is not repeated
        raise HistoryRefused(
            "The address of the ClickHouse server cannot be read; "
            "give clickhouse://user:password@host:port/database, with special characters percent-encoded."
        ) from None
    name = unquote(parts.path.strip("/")) or DEFAULT_DATABASE
    if not parts.hostname or not _NAME.fullmatch(name) or name in ("default", "system"):
        raise HistoryRefused(
            "The address of the ClickHouse server names no host, or no database of the history's own; "
            "give clickhouse://user:password@host:port/colony_history."
        )
    from services.history.clickhouse import ServerAddress, server_engine  # noqa: PLC0415 (slow to load)

    secure = parts.scheme == "clickhouses"
    return server_engine(
        ServerAddress(
            parts.hostname,
            port or (8443 if secure else 8123),
            unquote(parts.username or "default"),
            unquote(parts.password or ""),
            name,
            secure,
        )
    )
