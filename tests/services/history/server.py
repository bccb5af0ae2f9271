"""A ClickHouse server for tests, which can be killed and started again."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

SHIM = Path(__file__).with_name("clickhouse_http.py")


class Server:
    """`clickhouse_http.py` as a process of its own, at the same port whenever it runs."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[str] | None = None

    def url(self, database: str) -> str:
        """Where the history named `database` is kept."""
        return f"clickhouse://127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and return when it listens."""
        command = [sys.executable, str(SHIM), str(self._directory), str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def stop(self) -> None:
        """Stop it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None
