"""Workers as processes of their own, to be stopped, killed and started again."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from threading import Condition, Thread
from typing import IO

import httpx

from tests.servers import STARTS_WITHIN, clean_environment

_COMMAND = [sys.executable, "-c", "from services.cli.streams import app; app()", "worker"]
_WORKING = re.compile(r"working: metrics at http://\S+:(\d+)/metrics$")


class WorkerProcess:
    """A worker with these flags and variables, on a free port. `start` starts it, the first time and again."""

    def __init__(self, *flags: str, variables: Mapping[str, str] | None = None) -> None:
        self.flags = flags
        self.variables = dict(variables or {})
        self.lines: list[str] = []
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self._reader: Thread | None = None
        self._news = Condition()
        self._ended = True

    def start(self) -> None:
        """Start it and wait until it works."""
        self.lines, self._ended = [], False
        self._process = subprocess.Popen(
            [*_COMMAND, "--host", "127.0.0.1", "--port", "0", *self.flags],
            env=clean_environment(**self.variables),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        self._reader = Thread(target=self._read, args=(self._process.stderr,), daemon=True)
        self._reader.start()
        with self._news:
            assert self._news.wait_for(self._is_settled, STARTS_WITHIN), "\n".join(self.lines)
        found = [match for match in map(_WORKING.search, self.lines) if match]
        assert found, "\n".join(self.lines)
        self.port = int(found[0][1])

    async def until_done(self, processor: str, *, least: float = 0) -> None:
        """Wait until a processor has no more than `least` records before it."""
        name = f"colonyledger_{processor}_lag_records"
        async with asyncio.timeout(STARTS_WITHIN), httpx.AsyncClient() as http:
            while await self._lag(http, name) > least:  # noqa: ASYNC110 (another process has no event to wait for)
                await asyncio.sleep(0.05)

    def stop(self) -> int:
        """Stop it as an operator does; its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Let it die without a chance to do anything."""
        self._end(signal.SIGKILL)

    def end(self) -> None:
        """Kill it if it runs."""
        if self._process is not None:
            self.kill()

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(STARTS_WITHIN)
        if self._reader is not None:
            self._reader.join(STARTS_WITHIN)
        self._process = None
        return code

    async def _lag(self, http: httpx.AsyncClient, name: str) -> float:
        try:
            answer = await http.get(f"http://127.0.0.1:{self.port}/metrics")
        except httpx.TransportError as error:
            raise AssertionError("\n".join(self.lines)) from error
        assert answer.status_code == httpx.codes.OK
        lines = answer.text.splitlines()
        return next(float(line.removeprefix(name)) for line in lines if line.startswith(f"{name} "))

    def _is_settled(self) -> bool:
        return self._ended or any(map(_WORKING.search, self.lines))

    def _read(self, pipe: IO[str]) -> None:
        with pipe:
            for line in pipe:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()
