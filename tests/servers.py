"""Servers as processes of their own, to be talked to, stopped, killed and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Condition, Thread
from typing import IO

import httpx

from services.node.dev import environment

__all__ = ["COLONY", "STARTS_WITHIN", "Server", "clean_environment"]

COLONY = Path(sys.executable).with_name("colony")
"""The command line as it is installed."""

_QUICKLY = [sys.executable, "-c", "from services.cli.server import app; app()"]
"""`colony server` without the other groups of commands, which take as long to load as the server."""

STARTS_WITHIN = 60.0
"""Seconds after which a server that is not ready never will be, on the slowest machine."""

_LISTENING = re.compile(r"listening on (https?://(\S+):(\d+))$")
_READY = re.compile(r"ready: (\d+) records are folded$")


def clean_environment(**variables: str) -> dict[str, str]:
    """The environment without what would steer a server or a client, and with `variables`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COLONIES_", "LEDGER_", "BUILD_")) and name != "TZ"
    }
    return kept | variables


class Server:
    """A server over the data in `directory`. A factory makes it; `start` starts it, the first time and again.

    `companions` are nodes over the same ledger, which start when it is ready and end when it has ended.
    """

    def __init__(
        self,
        directory: Path,
        *flags: str,
        variables: Mapping[str, str],
        ledger: str = "",
        companions: int = 0,
    ) -> None:
        self.directory = directory
        self.flags = flags
        self.variables = dict(variables)
        self._ledger = ledger
        self._companions = companions
        self._beside: list[Server] = []
        self.host = "127.0.0.1"
        self.port = 0
        self.url = ""
        self.lines: list[str] = []
        """What the server has written to its standard error since its last start."""
        self._process: subprocess.Popen[str] | None = None
        self._reader: Thread | None = None
        self._news = Condition()

    @property
    def process(self) -> subprocess.Popen[str]:
        """The server's process."""
        assert self._process is not None, "the server was not started"
        return self._process

    @property
    def ledger(self) -> str:
        """Where its ledger is, as commands want to have it named."""
        return self._ledger or str(self.directory / "ledger")

    @property
    def reads(self) -> str:
        """Where its reads log is."""
        return f"{self._ledger}-reads" if "://" in self._ledger else str(self.directory / "reads")

    @property
    def environment(self) -> dict[str, str]:
        """What programs of the ecosystem need in their environment to find this server."""
        return dict(environment(self.host, self.port))

    def start(self, *, until_ready: bool = True) -> None:
        """Start it on a free port and wait until it listens, or until it is ready."""
        assert self._process is None, "the server runs already"
        self.lines = []
        command = [*_QUICKLY, "start", "--port", "0", "--data-dir", str(self.directory)]
        if self._ledger:
            command += ["--ledger", self._ledger]
        self._process = subprocess.Popen(
            [*command, *self.flags],
            env=clean_environment(**self.variables),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        self._reader = Thread(target=self._read, args=(self._process.stderr,), daemon=True)
        self._reader.start()
        self.url, self.port = self._where()
        if until_ready:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until it serves RPCs."""
        self.wait_for(_READY)
        status, health = self.health()
        assert (status, health["status"]) == (200, "ready")
        for number in range(len(self._beside), self._companions):
            flags = (*self.flags, "--port", "0")
            directory = self.directory / f"companion-{number}"
            self._beside.append(Server(directory, *flags, variables=self.variables, ledger=self._ledger))
            self._beside[-1].start()

    def wait_for(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """The first line of the server's log that matches; it is waited for."""
        deadline = time.monotonic() + STARTS_WITHIN
        seen = 0
        with self._news:
            while True:
                for line in self.lines[seen:]:
                    if found := pattern.search(line):
                        return found
                seen = len(self.lines)
                left = deadline - time.monotonic()
                over = self._process is not None and self._process.poll() is not None
                if over or not self._news.wait(left):
                    log = "\n".join(self.lines)
                    raise AssertionError(f"the server did not say {pattern.pattern!r}:\n{log}")

    def health(self) -> tuple[int, dict[str, object]]:
        """What `/health` says now."""
        answer = httpx.get(f"{self.url}/health", timeout=STARTS_WITHIN)
        return answer.status_code, answer.json()

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait until it has ended; its exit code. It can be started again afterwards."""
        code = self.process.wait(STARTS_WITHIN)
        if self._reader is not None:
            self._reader.join(STARTS_WITHIN)
        self._process = None
        while self._beside:
            self._beside.pop().stop()
        return code

    def stop(self) -> int:
        """Stop it as an operator does; its exit code."""
        self.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """Let it die without a chance to do anything."""
        self.send_signal(signal.SIGKILL)
        self.wait()

    def end(self) -> None:
        """Kill it if it runs."""
        if self._process is not None:
            self.kill()
        while self._beside:
            self._beside.pop().end()

    def _where(self) -> tuple[str, int]:
        found = self.wait_for(_LISTENING)
        return found[1], int(found[3])

    def _read(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()
