"""More requests than a server can serve, from clients that do not wait for each other; and how soon it is over."""

from __future__ import annotations

import asyncio
import resource
import time
from collections import Counter, deque
from typing import NamedTuple

from benchmarks.connection import Broken, Connection
from benchmarks.exchanges import connected, share
from benchmarks.programs import cpu_seconds
from benchmarks.sides import percentile
from benchmarks.site import Site

__all__ = ["Overload", "overload"]

_CLIENTS = 64
_CAPACITY_SECONDS = 3.0
_TIMES = 2.0
"""How much more is asked of the server than it can do."""
_CONNECTIONS = 5000
_BATCH_SECONDS = 0.002
_REFUSED = {429, 503}
_PROBES = 20
_CALM_TIMES = 2.0
_CALM_MS = 1.0
"""The latency is back when p50 of some probes is at most so many times what it was, and this."""
_PATIENCE = 30.0


class Overload(NamedTuple):
    """What was seen."""

    capacity: float
    """RPCs per second that were served when each client waited for its reply."""
    offered: float
    """Sent per second; fewer than twice the capacity if all connections were in use."""
    answered: float
    refused: float
    statuses: dict[int, int]
    p50_ms: float
    p99_ms: float
    """Of what was answered."""
    refused_p99_ms: float
    calm_ms: float
    """p50 before."""
    drained: float
    """Seconds from the last request until every one had its reply."""
    back: float
    """Seconds from then until the latency was back."""

    server_cores: float
    driver_cores: float

    @property
    def holds(self) -> bool:
        """Whether the excess was sent away early, the throughput kept, and the latency soon back."""
        return self.refused > 0 and self.answered >= 0.75 * self.capacity and self.back < 2.0


class _Flood:
    """Requests at their times, each over a connection that is free."""

    def __init__(self, site: Site, connections: list[Connection]) -> None:
        self.answered: list[float] = []
        self.refused: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.sent = 0
        self.broken: Exception | None = None
        self._free = deque(connections)
        """The one that was not used for longest is next: a server closes connections over which nothing comes."""
        self._opened: list[Connection] = []
        self._site = site
        self._raw = site.submit()
        """Without a nonce the same bytes are a new process each time."""
        self._reopening: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        """Requests without a reply."""
        return self.sent - sum(self.statuses.values())

    async def run(self, per_second: float, seconds: float) -> float:
        """Send; gives the seconds that it took."""
        began = time.perf_counter()
        due = 0
        while (elapsed := time.perf_counter() - began) < seconds:
            now = int(elapsed * per_second)
            while due < now:
                due += 1
                if self._free:
                    self._send(self._free.popleft())
            await asyncio.sleep(_BATCH_SECONDS)
        return time.perf_counter() - began

    def _send(self, connection: Connection) -> None:
        def then(body: bytes, took: float) -> None:
            status = connection.status
            self.statuses[status] += 1
            if status == 200:
                self.answered.append(took)
            elif status in _REFUSED and body.startswith(b"{"):
                self.refused.append(took)
            else:
                self.broken = Broken(f"{status}: {body[:300]!r}")
            self._free.append(connection)

        self.sent += 1
        try:
            connection.converse(self._raw, then).add_done_callback(self._ended)
        except ConnectionResetError:
            self._lose()

    def _ended(self, talk: asyncio.Future[None]) -> None:
        if not talk.cancelled() and talk.exception() is not None:
            self._lose()

    def _lose(self) -> None:
        """The server has closed a connection: take a new one."""
        self.statuses[0] += 1
        task = asyncio.ensure_future(self._reopen())
        self._reopening.add(task)
        task.add_done_callback(self._reopening.discard)

    async def _reopen(self) -> None:
        connection = await Connection.open(self._site.url)
        self._opened.append(connection)
        self._free.append(connection)

    async def drain(self) -> float:
        """Wait for the replies that are still to come; gives the seconds that it took."""
        began = time.perf_counter()
        while self.under_way and time.perf_counter() - began < _PATIENCE:  # noqa: ASYNC110 (it costs nothing here)
            await asyncio.sleep(_BATCH_SECONDS)
        for connection in self._opened:
            connection.close()
        return time.perf_counter() - began


async def overload(site: Site, pid: int, seconds: float) -> Overload:
    """Find out what the server can do, ask for twice as much for so long, and wait until it is calm again.

    Raises:
        Broken: it answered with neither a reply nor a refusal, or lost a process that it acknowledged.
    """
    _allow_connections()
    before = sum(await site.counts())
    async with connected(site.url, _CLIENTS) as connections:
        raw = site.submit()
        began = time.perf_counter()
        done = await share(connections, iter(lambda: raw, b""), _CAPACITY_SECONDS)
        capacity = len(done.latencies) / (time.perf_counter() - began)
    calm = await _probe(site)
    async with connected(site.url, _CONNECTIONS) as connections:
        flood = _Flood(site, connections)
        server_cpu, driver_cpu = cpu_seconds(pid), time.process_time()
        took = await flood.run(_TIMES * capacity, seconds)
        server_cpu, driver_cpu = cpu_seconds(pid) - server_cpu, time.process_time() - driver_cpu
        drained = await flood.drain()
        began, back = time.perf_counter(), 0.0
        while await _probe(site) > _CALM_TIMES * calm + _CALM_MS / 1000 and back < _PATIENCE:
            back = time.perf_counter() - began
    if flood.broken is not None:
        raise flood.broken
    kept = sum(await site.counts()) - before
    known = len(done.latencies) + len(flood.answered)
    if kept < known:
        raise Broken(f"{known} processes were acknowledged, {kept} are there")
    return Overload(
        capacity,
        flood.sent / took,
        len(flood.answered) / (took + drained),
        len(flood.refused) / (took + drained),
        dict(sorted(flood.statuses.items())),
        percentile(flood.answered, 50) * 1000,
        percentile(flood.answered, 99) * 1000,
        percentile(flood.refused, 99) * 1000,
        calm * 1000,
        drained,
        back,
        server_cpu / took,
        driver_cpu / took,
    )


async def _probe(site: Site) -> float:
    """p50 of a few submits, one after the other, in seconds."""
    async with connected(site.url, 1) as connections:
        done = await share(connections, [site.submit() for _ in range(_PROBES)])
    return percentile(done.latencies, 50)


def _allow_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, max(soft, 2 * _CONNECTIONS))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
