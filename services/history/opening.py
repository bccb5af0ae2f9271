"""Opens the history that a location names. One process can own a directory, and one directory can be open in a process.

What an engine needs is loaded when one is opened: chdb alone costs a second and 200 MB.
"""

from __future__ import annotations

import fcntl
import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from services.history.engine import Engine, HistoryRefused

__all__ = ["DEFAULT_DATABASE", "open_history"]

DEFAULT_DATABASE = "colony_history"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


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
