"""The seam between the history and its engine: chdb in a directory, or any ClickHouse server (`open_history`).

    HistoryError
    ├── HistoryUnavailable   cannot be reached or written now; try again later
    ├── HistoryRefused       must not be opened like this; trying again does not help
    └── QueryFailed          the engine did not run a query; says why

All methods block and are called in threads.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from services.history.rows import Batch

__all__ = [
    "Engine",
    "HistoryError",
    "HistoryRefused",
    "HistoryUnavailable",
    "Position",
    "QueryFailed",
]


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
