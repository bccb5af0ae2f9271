"""Clients that share requests, and executors that share work: what the workloads are made of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from colonyledger.identity import Identity

from benchmarks.connection import Broken, Connection, Refused
from benchmarks.sides import Measured, Side
from benchmarks.site import Site

__all__ = ["Exchanged", "Tickets", "Worker", "connected", "share", "work"]

_NOTHING_WAITS = 404
POLL_SECONDS = 20
"""How long an executor asks the server to wait for work."""


@asynccontextmanager
async def connected(url: str, number: int) -> AsyncIterator[list[Connection]]:
    """So many connections, closed at the end."""
    connections = [await Connection.open(url) for _ in range(number)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


class Exchanged(NamedTuple):
    """The replies to shared requests, each with the number of its request, and the seconds that each took."""

    replies: list[tuple[int, bytes]]
    latencies: list[float]


async def share(
    connections: list[Connection],
    requests: Iterable[bytes],
    seconds: float = 600,
    *,
    keeps_equal: bool = True,
) -> Exchanged:
    """Send requests over connections, each as fast as it is answered, until there are no more or the time is over.

    Without `keeps_equal`, a reply is kept only if it is not that to the first request.
    """
    exchanged = Exchanged([], [])
    pending = enumerate(requests)
    until = time.perf_counter() + seconds
    first: bytes | None = None

    def client(connection: Connection) -> asyncio.Future[None] | None:
        number, raw = next(pending, (-1, b""))
        if number < 0:
            return None

        def then(body: bytes, took: float) -> bytes | None:
            nonlocal number, first
            exchanged.latencies.append(took)
            if keeps_equal or body != first:
                exchanged.replies.append((number, body))
                first = first or body
            if time.perf_counter() > until:
                return None
            number, following = next(pending, (-1, b""))
            return following if number >= 0 else None

        return connection.converse(raw, then)

    await asyncio.gather(*(talk for each in connections if (talk := client(each)) is not None))
    return exchanged


class Tickets:
    """So many processes to take, for at most so long."""

    def __init__(self, number: int, seconds: float) -> None:
        self._left = number
        self._until = time.perf_counter() + seconds

    def take(self) -> bool:
        """Whether one more is to be taken."""
        if self._left <= 0 or time.perf_counter() > self._until:
            return False
        self._left -= 1
        return True


class Worker:
    """An executor that takes a process and closes it, over and over. `seen` is what any of them got."""

    def __init__(
        self,
        site: Site,
        executor: Identity,
        connection: Connection,
        tickets: Tickets,
        seen: dict[str, None],
        *,
        closes: bool = True,
        poll: int = POLL_SECONDS,
        told: Callable[[str], None] | None = None,
    ) -> None:
        self.latencies: list[float] = []
        """Seconds of each process: to get it and, if it `closes`, to close it."""
        self.stalled = 0
        """How often it was told that there is nothing."""
        self._site, self._executor, self._connection = site, executor, connection
        self._tickets, self._seen, self._closes, self._told = tickets, seen, closes, told
        self._assign = site.assign(executor, poll)
        self._took = 0.0
        self._is_closing = False

    def start(self) -> asyncio.Future[None] | None:
        """Begin; done when there are no tickets left, None if there was none."""
        return self._connection.converse(self._assign, self._then) if self._tickets.take() else None

    def _then(self, body: bytes, took: float) -> bytes | None:
        if self._is_closing:
            if self._connection.status != 200:
                raise Broken(f"a process could not be closed: {body[:300]!r}")
            self._is_closing = False
            self.latencies.append(self._took + took)
            return self._assign if self._tickets.take() else None
        try:
            processid = self._site.assigned(body, self._executor).processid
        except Refused as refusal:
            if refusal.status != _NOTHING_WAITS:
                raise
            self.stalled += 1
            return self._assign
        if processid in self._seen:
            raise Broken(f"process {processid} was assigned twice")
        self._seen[processid] = None
        if self._told is not None:
            self._told(processid)
        if self._closes:
            self._took, self._is_closing = took, True
            return self._site.close_process(self._executor, processid, [1])
        self.latencies.append(took)
        return self._assign if self._tickets.take() else None


async def work(
    side: Side,
    site: Site,
    seen: dict[str, None],
    measured: Measured,
    tickets: tuple[int, float],
    *,
    closes: bool = True,
) -> None:
    """Let a site's executors take so many processes in at most so many seconds, measured.

    Their connections are new: a server closes one over which nothing comes, and what was prepared may have taken long.
    """
    async with connected(side.url, len(site.executors)) as connections:
        shared = Tickets(*tickets)
        workers = [
            Worker(site, executor, connection, shared, seen, closes=closes)
            for executor, connection in zip(site.executors, connections, strict=True)
        ]
        with side.measuring(measured):
            await asyncio.gather(*(done for each in workers if (done := each.start()) is not None))
    for worker in workers:
        measured.latencies += worker.latencies
        measured.stalled += worker.stalled
