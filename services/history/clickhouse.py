"""ClickHouse as the engine of the history: chdb in this process or a server, through one client."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from services.history.engine import HistoryError, HistoryRefused, HistoryUnavailable, Position, QueryFailed
from services.history.rows import Batch
from services.history.tables import POSITIONS, SCHEMA, TABLES, Kind, Row, Table, statements, views

__all__ = ["ClickHouse", "ServerAddress", "directory_engine", "server_engine"]

_READING_DATABASE = "default"
"""The database in which questions are run: it holds none of our tables, so only what we name can be read."""
_FUNCTIONS_KEPT_SECONDS = 60.0
_TIMEOUT_SECONDS = 60
_NO_TABLE = (60, 81)
"""Error codes of the engine: no such table, no such database."""

_ARROW: dict[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.TEXTS: pa.list_(pa.string()),
    Kind.BOOL: pa.bool_(),
    Kind.CODE: pa.int8(),
    Kind.INT32: pa.int32(),
    Kind.INT64: pa.int64(),
    Kind.UINT16: pa.uint16(),
    Kind.UINT32: pa.uint32(),
    Kind.UINT64: pa.uint64(),
    Kind.TIME: pa.timestamp("ns", tz="UTC"),
    Kind.DIGEST: pa.binary(32),
    Kind.SIGNATURE: pa.binary(65),
}


class ServerAddress(NamedTuple):
    """Where a ClickHouse server is, and who we are there."""

    host: str
    port: int
    user: str
    password: str
    database: str
    secure: bool


def directory_engine(path: Path, database: str) -> ClickHouse:
    """The engine in a directory, which is chdb, opened.

    Raises:
        HistoryRefused: it cannot be opened.
    """

    def connect(database: str) -> Client:
        return clickhouse_connect.get_client(interface="chdb", path=str(path), database=database)

    engine = ClickHouse(connect, database, str(path), one_at_a_time=True)
    try:
        engine.connect()
    except ClickHouseError as error:
        raise HistoryRefused(f"The history in {path} cannot be opened: {_sentence(str(error))}") from error
    return engine


def server_engine(address: ServerAddress) -> ClickHouse:
    """A server, connected to when it is first used."""

    def connect(database: str) -> Client:
        return clickhouse_connect.get_client(
            interface="https" if address.secure else "http",
            host=address.host,
            port=address.port,
            username=address.user,
            password=address.password,
            database=database,
            autogenerate_session_id=False,
            connect_timeout=10,
            send_receive_timeout=_TIMEOUT_SECONDS,
        )

    return ClickHouse(connect, address.database, f"{address.host}/{address.database}")


class ClickHouse:
    """One history. `connect` makes a client for a database; `place` names the engine to people.

    With `one_at_a_time`, a client answers one question after the other, as chdb does.
    """

    def __init__(
        self, connect: Callable[[str], Client], database: str, place: str, *, one_at_a_time: bool = False
    ) -> None:
        self.database = database
        self.place = place
        self._connect = connect
        self._one_at_a_time = one_at_a_time
        self._turn = Lock()
        self._connecting = Lock()
        self._clients: dict[str, Client] = {}
        self._functions: frozenset[str] = frozenset()
        self._functions_read = -_FUNCTIONS_KEPT_SECONDS

    def connect(self) -> None:
        """Connect now instead of when it is needed; raises what the client raises."""
        self._client(_READING_DATABASE)

    def prepare(self, *, afresh: bool = False) -> dict[int, Position]:
        """Make the tables, and tell how far they are written."""
        pa.array([""])  # the first conversion loads pandas, if chdb brought it: now, not beside requests
        with _as_unavailable():
            if afresh or self._is_outdated():
                self.clear()
            for statement in statements():
                self._writer.command(statement)
        return self.positions()

    def clear(self) -> None:
        """Drop all tables of the history; they can be rebuilt from the ledger."""
        with _as_unavailable():
            for view in views():
                self._writer.command(f"DROP VIEW IF EXISTS {view} SYNC")
            for table in TABLES:
                self._writer.command(f"DROP TABLE IF EXISTS {table.name} SYNC")

    def positions(self) -> dict[int, Position]:
        """How far each partition is written."""
        with _as_unavailable():
            found = self._writer.query("SELECT partition, next, origin FROM position_rows FINAL")
        return {partition: Position(next_, origin) for partition, next_, origin in found.result_rows}

    def write(self, batch: Batch, origins: dict[int, str]) -> None:
        """Write rows, and then how far they go; `origins` are the digests of the partitions' first records."""
        rows = [(partition, end, origins.get(partition, ""), SCHEMA) for partition, end in batch.ends.items()]
        with _as_unavailable():
            for table, written in batch.tables:
                self._insert(table, written)
            if rows:
                self._insert(POSITIONS, rows)

    def removed_until(self, colony: str) -> int:
        """The offset after the last removal of a colony of this name; 0 if there was none."""
        with _as_unavailable():
            found = self._writer.query(
                "SELECT max(offset + 1) FROM removal_rows WHERE colony = {colony:String}", {"colony": colony}
            )
        return int(found.result_rows[0][0])

    def functions(self) -> frozenset[str]:
        """The names of all functions that the engine has, in lower case, at most a minute old."""
        if time.monotonic() - self._functions_read > _FUNCTIONS_KEPT_SECONDS:
            with self._turn, _as_unavailable():
                found = self._reader.query("SELECT DISTINCT lower(name) FROM system.functions")
            self._functions = frozenset(name for (name,) in found.result_rows)
            self._functions_read = time.monotonic()
        return self._functions

    def select(self, statement: str) -> bytes:
        """The answer to a complete SELECT, as JSONCompact."""
        with self._turn if self._one_at_a_time else nullcontext():
            try:
                return self._reader.raw_query(statement, fmt="JSONCompact")
            except DatabaseError as error:
                if self._one_at_a_time:
                    # chdb keeps what a failed query has given so far and puts it before the next answer.
                    self._drop_reader()
                raise self._failure(error) from error

    def close(self) -> None:
        """Close the connections; a directory can then be opened by another process."""
        while self._clients:
            self._clients.popitem()[1].close()

    @property
    def _reader(self) -> Client:
        return self._client(_READING_DATABASE)

    @property
    def _writer(self) -> Client:
        if self.database not in self._clients:
            self._reader.command(f"CREATE DATABASE IF NOT EXISTS `{self.database}`")
        return self._client(self.database)

    def _client(self, database: str) -> Client:
        with self._connecting:
            if database not in self._clients:
                self._clients[database] = self._connect(database)
            return self._clients[database]

    def _drop_reader(self) -> None:
        reader = self._clients.pop(_READING_DATABASE, None)
        if reader is not None:
            reader.close()

    def _failure(self, error: DatabaseError) -> HistoryError:
        if error.code is None:
            return HistoryUnavailable(f"The history cannot be read now: {_sentence(str(error))}")
        if error.code in _NO_TABLE and self.database in str(error):
            return HistoryUnavailable("There is no history yet.")
        return QueryFailed(_sentence(str(error)), error.code)

    def _is_outdated(self) -> bool:
        found = self._writer.query(
            "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'position_rows'"
        )
        if not found.result_rows[0][0]:
            return False
        found = self._writer.query(
            "SELECT count() FROM position_rows WHERE schema != {schema:UInt32}", {"schema": SCHEMA}
        )
        return bool(found.result_rows[0][0])

    def _insert(self, table: Table, rows: Sequence[Row]) -> None:
        columns = [
            pa.array(values, _ARROW[kind])
            for values, (_, kind) in zip(zip(*rows, strict=True), table.columns, strict=True)
        ]
        self._writer.insert_arrow(table.name, pa.table(columns, [name for name, _ in table.columns]))


@contextmanager
def _as_unavailable() -> Iterator[None]:
    try:
        yield
    except (ClickHouseError, OSError, pa.ArrowException) as error:
        raise HistoryUnavailable(f"The history cannot be used now: {_sentence(str(error))}") from error


def _sentence(message: str) -> str:
    """What the engine said, without codes, versions, the statement it was given and advice about settings."""
    text = re.sub(r"Code: \d+\. |DB::Exception: |DB::NetException: ", "", message)
    text = re.sub(r"\s*\(version [^)]*(?:\([^)]*\))?[^)]*\)|\s*\([A-Z][A-Z0-9_]{3,}\)", "", text)
    text = re.split(
        r"\. ?In scope |: ?[Ii]n scope |: [Ww]hile (?:executing|processing)|\nHTTPDriver|\(for url", text
    )[0]
    return text.strip().rstrip(".")[:1000] + "."
