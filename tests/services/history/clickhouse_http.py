"""ClickHouse's HTTP interface in front of chdb: the production client path without a server.

    python clickhouse_http.py DIRECTORY PORT

Prints "ready" when it listens. One query runs at a time; there are no users, and what a client says
about compression of replies is ignored. It stands in for a server in tests and nowhere else.
"""

from __future__ import annotations

import gzip
import re
import sys
import tempfile
import threading
import uuid
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import lz4.frame  # type: ignore[import-untyped]
from chdb import session

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

INSERT = re.compile(rb"\s*(INSERT\s+INTO\s+.+?)\s+FORMAT\s+(\w+)\s*?(?:\n|\Z)", re.IGNORECASE | re.DOTALL)
FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*\Z", re.IGNORECASE)
CODE = re.compile(r"Code: (\d+)")
NOT_SETTINGS = {
    "query",
    "database",
    "default_format",
    "session_id",
    "query_id",
    "wait_end_of_query",
    "buffer_size",
    "client_protocol_version",
    "compress",
    "enable_http_compression",
    "role",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "cancel_http_readonly_queries_on_client_close",
}
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "lz4": lz4.frame.decompress,
    "zstd": zstd.decompress,
}


class Engine:
    """The only chdb session of this process."""

    def __init__(self, directory: str) -> None:
        make: Any = session.Session
        self._session = make(directory)
        self._lock = threading.Lock()

    def run(self, parameters: dict[str, str], body: bytes) -> tuple[bytes, str]:
        """The reply to a request and its format."""
        sql, data = parameters.get("query", "").encode(), body
        if not sql:
            found = INSERT.match(body)
            end = found.end() if found else len(body)
            sql, data = body[:end], body[end:]
        values = {name[6:]: value for name, value in parameters.items() if name.startswith("param_")}
        settings = {
            name: value
            for name, value in parameters.items()
            if name not in NOT_SETTINGS and not name.startswith("param_")
        }
        with self._lock:
            if parameters.get("database"):
                self._session.query(f"USE `{parameters['database']}`")
            for name, value in settings.items():
                self._session.query(f"SET {name} = '{value}'")
            found = INSERT.match(sql)
            if found and data:
                return self._insert(found[1].decode(), found[2].decode(), data), "TabSeparated"
            return self._select(sql.decode(), values, parameters.get("default_format", "TabSeparated"))

    def _insert(self, insert: str, form: str, data: bytes) -> bytes:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            self._session.query(f"{insert} FROM INFILE '{file.name}' FORMAT {form}")
        return b""

    def _select(self, sql: str, values: dict[str, str], form: str) -> tuple[bytes, str]:
        named = FORMAT.search(sql)
        if named:
            sql, form = sql[: named.start()], named[1]
        given = {"params": values} if values else {}
        result = self._session.query(sql, form, **given)
        return (b"" if result is None else result.bytes() or b""), form


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    engine: Engine

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/ping":
            self._reply(200, b"Ok.\n")
        else:
            self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def log_message(self, *args: object) -> None:
        pass

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            parts = []
            while size := int(self.rfile.readline().strip() or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return UNPACK[self.headers.get("Content-Encoding", "")](body)

    def _answer(self, body: bytes) -> None:
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        try:
            reply, form = self.engine.run(parameters, body)
        except Exception as error:  # noqa: BLE001 (a server answers whatever happens)
            code = CODE.search(str(error))
            headers = {"X-ClickHouse-Exception-Code": code[1] if code else "1000"}
            self._reply(500, str(error).encode(), headers)
        else:
            self._reply(200, reply, {"X-ClickHouse-Format": form})

    def _reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        fixed = {
            "X-ClickHouse-Query-Id": str(uuid.uuid4()),
            "X-ClickHouse-Summary": "{}",
            "X-ClickHouse-Timezone": "UTC",
            "Content-Length": str(len(body)),
        }
        for name, value in {**fixed, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    directory, port = sys.argv[1:]
    Path(directory).mkdir(parents=True, exist_ok=True)
    Handler.engine = Engine(directory)
    with ThreadingHTTPServer(("127.0.0.1", int(port)), Handler) as server:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
