"""Who plays in the demo: a server and executors as processes of their own, and the people with their keys."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from colonyledger import Client
from colonyledger.identity import Identity
from colonyledger.wire import ExecutorState

__all__ = ["Cast", "DemoFailed"]

_READY_SECONDS = 30
_LISTENING = re.compile(r"listening on http://[^:]+:(\d+)")


class DemoFailed(Exception):
    """Something was not as it should be; the text says what."""


class Cast:
    """Starts and stops the programs of the demo. All it keeps is in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.colony = "demo"
        self.server_owner = Identity.generate()
        self.owner = Identity.generate()
        self.user = Identity.generate()
        self.url = ""
        self._directory = directory
        self._server: asyncio.subprocess.Process | None = None
        self._executors: dict[str, asyncio.subprocess.Process] = {}

    async def start_server(self) -> None:
        """Start a server on a free port and an embedded ledger, and wait until it is ready."""
        self._server = await asyncio.create_subprocess_exec(
            *_colony(
                "server", "start", "--host", "127.0.0.1", "--port", "0", "--data-dir", str(self._directory)
            ),
            env=_environment(COLONIES_SERVER_ID=self.server_owner.id),
            stderr=asyncio.subprocess.PIPE,
        )
        said = ""
        while not (match := _LISTENING.search(said)):
            line = await asyncio.wait_for(_read_line(self._server), _READY_SECONDS)
            if not line:
                raise DemoFailed(f"the server did not start: {said}")
            said += line
        self.url = f"http://127.0.0.1:{match.group(1)}"
        await self._ready()

    async def make_colony(self) -> None:
        """Make the colony with its owner, and a user in it."""
        async with Client(self.url, self.server_owner) as client:
            await client.add_colony(self.colony, self.owner.id)
        async with Client(self.url, self.owner, colony=self.colony) as client:
            await client.add_user("alice", self.user.id)

    async def start_executor(self, name: str, executortype: str) -> None:
        """Start an executor, and wait until it is approved."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        environment = {
            "COLONIES_SERVER_HOST": host,
            "COLONIES_SERVER_PORT": port,
            "COLONIES_TLS": "false",
            "COLONIES_COLONY_NAME": self.colony,
            "COLONIES_COLONY_PRVKEY": self.owner.private_key,
        }
        self._executors[name] = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "examples.demo.executor",
            name,
            executortype,
            env=_environment(**environment),
        )
        async with asyncio.timeout(_READY_SECONDS), Client(self.url, self.user, colony=self.colony) as client:
            while True:
                states = {each.executorname: each.state for each in await client.get_executors()}
                if states.get(name) == ExecutorState.APPROVED:
                    return
                await asyncio.sleep(0.05)

    def kill(self, name: str) -> None:
        """Kill an executor without warning."""
        self._executors[name].kill()

    async def stop(self) -> None:
        """Stop everybody, executors first."""
        for process in [*self._executors.values(), self._server]:
            if process is not None and process.returncode is None:
                process.terminate()
                await process.wait()

    async def command(self, *words: str) -> None:
        """Run a `colony` command that prints for itself.

        Raises:
            DemoFailed: it did not exit 0.
        """
        process = await asyncio.create_subprocess_exec(*_colony(*words), env=_environment())
        if await process.wait() != 0:
            raise DemoFailed(f"`colony {' '.join(words[:2])}` exited {process.returncode}")

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows that a query of the history gives."""
        words = ("history", "query", "--data-dir", str(self._directory), "-o", "json", query)
        process = await asyncio.create_subprocess_exec(
            *_colony(*words), env=_environment(), stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
        if process.returncode != 0:
            raise DemoFailed(f"`colony history query` exited {process.returncode}")
        rows: list[dict[str, Any]] = json.loads(printed)
        return rows

    async def _ready(self) -> None:
        async with asyncio.timeout(_READY_SECONDS), Client(self.url, self.server_owner) as client:
            await client.get_colonies()


def _environment(**variables: str) -> dict[str, str]:
    """The environment of the demo itself without what would steer servers and clients, and with `variables`."""
    steering = ("COLONIES_", "LEDGER_")
    return {name: value for name, value in os.environ.items() if not name.startswith(steering)} | variables


def _colony(*words: str) -> tuple[str, ...]:
    return (str(Path(sys.executable).with_name("colony")), *words)


async def _read_line(process: asyncio.subprocess.Process) -> str:
    if process.stderr is None:
        return ""
    return (await process.stderr.readline()).decode()
