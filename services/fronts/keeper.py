"""Starts the fronts of a server, starts them again when they die, and ends them."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from services.fronts.answering import Answering, Hall
from services.fronts.board import Board
from services.fronts.entrance import Entrance
from services.fronts.front import Orders
from services.node.settings import NodeSettings

__all__ = ["Fronts"]

_PAUSES = (0.0, 0.1, 0.5, 1.0, 5.0)
"""Seconds before a front that has died is started again, the first time, the second, …; the last from then on."""

_STEADY_SECONDS = 30.0
"""How long a front must have lived for its death to be a first one."""

_LAST_WORDS_SECONDS = 2.0
"""How long fronts may take to write the last answers when the server has stopped."""

_SECRETIVE = ("AWS_", "COLONIES_", "LEDGER_")
"""How variables begin that may hold secrets."""

_ROOT = Path(__file__).parent.parent.parent
"""Where the packages of this program are found."""

logger = logging.getLogger(__name__)


class Fronts:
    """One front for each socket of `listening`, all on one address. `start`, then `stop`.

    The sockets stay open here: clients that come while a front is started again wait for it.
    """

    def __init__(
        self, settings: NodeSettings, listening: Sequence[socket.socket], public: Sequence[str], hall: Hall
    ) -> None:
        self._settings = settings
        self._listening = listening
        self._public = tuple(public)
        self._hall = hall
        self._board = Board.create(len(listening))
        self._asked = [0] * len(listening)
        """Requests of the fronts that each has had before the present one."""
        self._links: dict[int, Answering] = {}
        self._processes: set[Process] = set()
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    @property
    def running(self) -> int:
        """How many fronts run."""
        return len(self._links)

    @property
    def refused(self) -> int:
        """Requests that the fronts have refused as too much work."""
        return self._board.refused

    def requests(self) -> Mapping[str, float]:
        """How many requests came through each front."""
        return {
            str(number): asked + (self._links[number].requests if number in self._links else 0)
            for number, asked in enumerate(self._asked)
        }

    async def start(self) -> None:
        """Start all, and wait until they serve.

        Raises:
            OSError: one of them cannot be started.
        """
        serving = [asyncio.Event() for _ in self._listening]
        self._keepers = [
            asyncio.create_task(self._keep(number, serves), name=f"front-{number}")
            for number, serves in enumerate(serving)
        ]
        for keeper, serves in zip(self._keepers, serving, strict=True):
            waiting = asyncio.create_task(serves.wait())
            await asyncio.wait([waiting, keeper], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if keeper.done():
                keeper.result()

    def accept_no_more(self) -> None:
        """Let nobody connect who does not have yet."""
        self._stopping.set()
        for listening in self._listening:
            listening.close()

    async def stop(self) -> None:
        """End all; they may write what they have been told."""
        self.accept_no_more()
        for link in self._links.values():
            link.shutdown()
        if self._keepers:
            await asyncio.wait(self._keepers, timeout=_LAST_WORDS_SECONDS)
        for process in self._processes:
            process.kill()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._board.close()

    async def _keep(self, number: int, serves: asyncio.Event) -> None:
        """Have one front, until the server stops; `serves` is set once it has served.

        Raises:
            OSError: the first one cannot be started.
        """
        deaths = 0
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            began = loop.time()
            try:
                fate = f"ended with code {await self._run(number, serves)}"
            except OSError as error:
                fate = f"cannot be started: {error}"
            if self._stopping.is_set():
                return
            if not serves.is_set():
                raise OSError(f"a process that takes requests {fate}")
            deaths = 1 if loop.time() - began > _STEADY_SECONDS else deaths + 1
            pause = _PAUSES[min(deaths, len(_PAUSES)) - 1]
            logger.error("front %d %s; another one is started in %g s", number, fate, pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run(self, number: int, serves: asyncio.Event) -> int:
        """Run one front until it ends; its exit code."""
        loop = asyncio.get_running_loop()
        here, there = socket.socketpair()
        channel_here, channel_there = socket.socketpair()
        here.setblocking(False)
        channel_here.setblocking(False)
        _, link = await loop.connect_accepted_socket(lambda: Answering(self._hall, serves.set), here)
        entrance = Entrance(channel_here, self._hall.other)
        try:
            with there, channel_there:
                process = await self._spawn(number, there, channel_there)
        except BaseException:
            link.close()
            entrance.close()
            raise
        self._links[number] = link
        self._processes.add(process)
        await link.ended.wait()
        entrance.close()
        del self._links[number]
        self._asked[number] += link.requests
        code = await self._end(process)
        self._board.ended(number)
        return code

    async def _end(self, process: Process) -> int:
        """The exit code of a process that has hung up; it goes by itself, or is made to."""
        try:
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                code = await process.wait()
        except TimeoutError:
            process.kill()
            code = await process.wait()
        self._processes.discard(process)
        return code

    async def _spawn(self, number: int, link: socket.socket, channel: socket.socket) -> Process:
        settings = self._settings
        listening = self._listening[number]
        orders = Orders(
            number=number,
            fronts=len(self._listening),
            listening=listening.fileno(),
            link=link.fileno(),
            passage=channel.fileno(),
            board=self._board.fd,
            public=self._public,
            max_body_bytes=settings.max_body_bytes,
            max_requests_in_work=settings.max_requests_in_work,
            max_connections=settings.max_connections,
            tls_cert=None if settings.tls_cert is None else str(settings.tls_cert),
            tls_key=None if settings.tls_key is None else str(settings.tls_key),
        )
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the directory that the server was started in is no place to import from
            "-m",
            "services.fronts",
            msgspec.json.encode(orders).decode(),
            stdin=asyncio.subprocess.DEVNULL,
            env=_environment(),
            pass_fds=[orders.listening, orders.link, orders.passage, orders.board],
            start_new_session=True,  # Ctrl-C is for the owner
        )


def _environment() -> dict[str, str]:
    """The environment of a front: it reads what strangers send, so the server's secrets are kept from it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SECRETIVE)}
    path = os.pathsep.join(filter(None, [str(_ROOT), kept.get("PYTHONPATH", "")]))
    return kept | {"PYTHONPATH": path}
