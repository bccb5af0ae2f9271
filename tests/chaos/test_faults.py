"""Three nodes and three brokers under load, while one after the other fails (docs/faults.md).

`make test` lets every fault happen once. `make chaos SEED=… SECONDS=…` goes on for as long as one asks.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx

from projections.event import Event
from projections.ids import tag_of
from services.ledger import open_ledger
from tests.chaos.brokers import NUMBER, Brokers
from tests.chaos.checker import check, unfinished
from tests.chaos.clients import Client
from tests.chaos.detour import Detour
from tests.chaos.folding import entries_of
from tests.chaos.history import History
from tests.chaos.load import Load
from tests.chaos.nemesis import Fault, Nemesis, Step, every_fault, for_ever
from tests.conftest import StartServer
from tests.servers import Server

PARTITIONS = 2
COLONIES = 2
ALONE = {"LEDGER_READS_RETENTION": "0", "LEDGER_FACTS": "false", "LEDGER_REQUESTS": "false"}
"""The ledger and nothing else: what follows from it has tests of its own."""

DRAINED_WITHIN = 90.0
"""Seconds after the last fault in which everything has to be done."""


class Scene:
    """Nodes, brokers, and clients who remember everything."""

    def __init__(
        self, servers: list[Server], brokers: Brokers, detour: Detour, topic: str, history: History
    ) -> None:
        self.servers = servers
        self.brokers = brokers
        self.detour = detour
        self.topic = topic
        self.history = history

    @property
    def ledger(self) -> str:
        return f"kafka://{self.brokers.bootstrap}/{self.topic}"

    async def play(self, seed: int, steps: Iterator[Step], seconds: float | None) -> list[str]:
        """Let everybody work while things go wrong, and until all is done; gives what was not as it should be."""
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with httpx.AsyncClient(timeout=None, limits=limits) as http:

            def client(name: str, colony: str) -> Client:
                return Client(name, colony, self.servers, self.history, http, f"{seed}/{colony}")

            loads = [Load(f"colony-{number}", client) for number in range(COLONIES)]
            for load in loads:
                await load.set_up()
            partition = partition_of(loads[0].colony)
            nemesis = Nemesis(self.servers, self.brokers, self.detour, self.topic, partition)
            stop = asyncio.Event()
            work = [asyncio.create_task(load.run(stop)) for load in loads]
            try:
                await nemesis.run(steps, seconds)
                stop.set()
                _, late = await asyncio.wait(work, timeout=DRAINED_WITHIN)
            finally:
                for task in work:
                    task.cancel()
                ended = await asyncio.gather(*work, return_exceptions=True)
                notes = [f"seed {seed}, {nemesis.faults} faults", *nemesis.notes]
                self.history.close(notes)
                sys.stdout.write("\n".join([*notes, ""]))
            problems = [repr(each) for each in ended if isinstance(each, Exception)]
            problems += [f"not done {DRAINED_WITHIN} s after the last fault"] * len(late)
            problems += [await health_of(http, server) for server in self.servers]
            return [problem for problem in problems if problem]

    async def events(self) -> list[list[Event]]:
        """What is in the ledger, by partition."""
        ledger = await open_ledger(self.ledger)
        try:
            found: list[list[Event]] = []
            for partition in range(ledger.partitions):
                found.append([])
                async for batch in ledger.read(partition):
                    found[-1] += batch
            return found
        finally:
            await ledger.close()


async def health_of(http: httpx.AsyncClient, server: Server) -> str:
    """What is wrong with a node when all is well again; empty if nothing is."""
    traceback = next((line for line in server.lines if "Traceback" in line), None)
    if traceback is not None:
        return f"{server.url} has met an error:\n" + "\n".join(
            server.lines[server.lines.index(traceback) :][:40]
        )
    answer = None
    for _ in range(round(DRAINED_WITHIN)):
        answer = await http.get(f"{server.url}/health")
        if answer.status_code == httpx.codes.OK:
            return ""
        await asyncio.sleep(1)
    return f"{server.url} does not recover: {answer and answer.text}"


def partition_of(colony: str) -> int:
    return int(tag_of(colony), 16) % PARTITIONS


@asynccontextmanager
async def scene(start_server: StartServer, brokers: Brokers, path: Path) -> AsyncIterator[Scene]:
    topic = uuid4().hex
    detour = Detour(brokers.doors, brokers.behind)
    detour.start()
    ledger = await open_ledger(f"kafka://{brokers.bootstrap}/{topic}", partitions=PARTITIONS)
    await ledger.close()
    servers: list[Server] = []
    for bootstrap in (detour.bootstrap, *[brokers.bootstrap] * (NUMBER - 1)):
        replicas = os.environ.get("CHAOS_REPLICAS", "0")
        flags = ("--dev", "--ledger", f"kafka://{bootstrap}/{topic}", "--replicas", replicas)
        servers.append(await asyncio.to_thread(start_server, *flags, **ALONE))
    try:
        yield Scene(servers, brokers, detour, topic, History(path))
    finally:
        await detour.stop()


async def test_nothing_is_lost_and_nothing_happens_twice(
    start_server: StartServer, brokers: Brokers, seed: int, tmp_path: Path
) -> None:
    seconds = float(os.environ.get("CHAOS_SECONDS", "0"))
    names = os.environ.get("CHAOS_FAULTS", "").split()
    kinds = [Fault[name.upper()] for name in names] or list(Fault)
    steps = for_ever(seed, kinds) if seconds else every_fault(seed)
    path = tmp_path / "history.jsonl"
    sys.stdout.write(f"TEST_SEED={seed}; the history is in {path}\n")
    async with scene(start_server, brokers, path) as stage:
        problems = await stage.play(seed, steps, seconds or None)
        partitions = await stage.events()
    operations = stage.history.operations
    counts = Counter(
        "done" if each.is_done else "refused" if each.refusal else "unknown" for each in operations
    )
    sizes = [len(events) for events in partitions]
    told = f"{len(operations)} operations ({dict(counts)}), {sizes} records"
    sys.stdout.write(f"TEST_SEED={seed}: {told}\n")
    for number in range(COLONIES):
        colony = f"colony-{number}"
        events = partitions[partition_of(colony)]
        problems += check([each for each in operations if each.colony == colony], events)
        problems += unfinished(events)
        if problems:
            stage.history.keep(f"{colony}.txt", entries_of(events))
    assert not problems, "\n".join([f"TEST_SEED={seed}, the history is in {path}", *problems])
