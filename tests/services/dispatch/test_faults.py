"""Executors and nodes that die in the middle: every process is done, and none twice at the same time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from colonyledger.client import Client
from colonyledger.spec import function_spec
from colonyledger.wire import ProcessState

from tests.kafka_broker import KafkaBroker
from tests.servers import Server, clean_environment
from tests.services.dispatch.conftest import StartDispatching, start
from tests.services.site import PATIENCE, Site

PROGRAM = Path(__file__).with_name("executor_program.py")
PROCESSES = 60
SECONDS = 0.1
MAX_EXEC_SECONDS = 8


class Run(NamedTuple):
    """One run of a function: when it started, and when it ended or was killed."""

    processid: str
    start: int
    end: int


class Crew:
    """Executors in programs of their own, and the file that they write to."""

    def __init__(self, file: Path, broker: KafkaBroker, ledger: str) -> None:
        self.file = file
        self.file.touch()
        self._environment = clean_environment(
            LEDGER_KAFKA_BROKERS=broker.bootstrap, LEDGER_KAFKA_TOPIC=ledger
        )
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._killed: dict[int, int] = {}

    def start(self, name: str, site: Site) -> None:
        key_file = self.file.with_name(f"{name}.key")
        arguments = [name, "edge", site.name, str(key_file), site.owner.private_key, "4", "3"]
        self._running[name] = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(self.file), *arguments], env=self._environment
        )

    def kill(self, name: str) -> None:
        program = self._running.pop(name)
        program.kill()
        program.wait(PATIENCE)
        self._killed[program.pid] = time.monotonic_ns()

    def stop(self) -> list[int]:
        """Stop those that run as an operator does; their exit codes."""
        for program in self._running.values():
            program.terminate()
        codes = [program.wait(PATIENCE) for program in self._running.values()]
        self._running = {}
        return codes

    def end(self) -> None:
        for name in list(self._running):
            self.kill(name)

    async def until_ended(self, number: int) -> None:
        """Wait until so many runs have ended."""
        async with asyncio.timeout(2 * PATIENCE):
            while self.file.read_text().count("end ") < number:  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.02)

    def runs(self) -> list[Run]:
        """All runs, by their start."""
        started: dict[tuple[str, int], int] = {}
        runs = []
        for line in self.file.read_text().splitlines():
            what, processid, pid, at = line.split()
            if what == "start":
                assert (processid, int(pid)) not in started
                started[processid, int(pid)] = int(at)
            else:
                runs.append(Run(processid, started.pop((processid, int(pid))), int(at)))
        runs += [Run(processid, at, self._killed[pid]) for (processid, pid), at in started.items()]
        return sorted(runs, key=lambda run: run.start)


def twice_at_the_same_time(runs: list[Run]) -> list[tuple[Run, Run]]:
    """Pairs of runs of one process of which the second began before the first had ended."""
    latest: dict[str, Run] = {}
    found = []
    for run in runs:
        before = latest.get(run.processid)
        if before is not None and run.start < before.end:
            found.append((before, run))
        if before is None or run.end > before.end:
            latest[run.processid] = run
    return found


def test_two_runs_at_the_same_time_are_found() -> None:
    first, second, third = Run("a", 1, 10), Run("a", 5, 6), Run("a", 9, 12)
    assert twice_at_the_same_time([first, Run("b", 2, 3), second, third]) == [(first, second), (first, third)]
    assert twice_at_the_same_time([first, Run("a", 10, 11)]) == []


@pytest.fixture
def crew(tmp_path: Path, kafka_broker: KafkaBroker, ledger_topic: str) -> Iterator[Crew]:
    crew = Crew(tmp_path / "runs", kafka_broker, ledger_topic)
    yield crew
    crew.end()


async def submit(site: Site) -> list[str]:
    async with Client(site.server.url, site.user, colony=site.name) as client:
        spec = function_spec(
            "work", args=[SECONDS], executortype="edge", maxexectime=MAX_EXEC_SECONDS, maxretries=20
        )
        return [(await client.submit(spec)).processid for _ in range(PROCESSES)]


async def states(server: Server, site: Site, processids: list[str]) -> set[int]:
    """How the processes have ended, asked of a server; it is waited for."""
    async with Client(server.url, site.user, colony=site.name) as client:
        ended = [await client.wait(processid, timeout=2 * PATIENCE) for processid in processids]
    return {process.state for process in ended}


async def test_an_executor_and_the_node_are_killed(start_dispatching: StartDispatching, crew: Crew) -> None:
    server = await asyncio.to_thread(start_dispatching)
    async with Site(server) as site:
        processids = await submit(site)
        crew.start("edge-1", site)
        crew.start("edge-2", site)
        await crew.until_ended(10)
        crew.kill("edge-1")
        crew.start("edge-1", site)
        await crew.until_ended(25)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(start, server)
        assert await states(server, site, processids) == {ProcessState.SUCCESS}
        assert await asyncio.to_thread(crew.stop) == [0, 0]
    runs = crew.runs()
    assert {run.processid for run in runs} == set(processids)
    assert twice_at_the_same_time(runs) == []


async def test_one_of_two_nodes_is_killed(start_dispatching: StartDispatching, crew: Crew) -> None:
    first = await asyncio.to_thread(start_dispatching)
    second = await asyncio.to_thread(start_dispatching)
    async with Site(first) as site:
        processids = await submit(site)
        crew.start("edge-1", site)
        crew.start("edge-2", site)
        await crew.until_ended(15)
        await asyncio.to_thread(first.kill)
        assert await states(second, site, processids) == {ProcessState.SUCCESS}
        assert await asyncio.to_thread(crew.stop) == [0, 0]
    runs = crew.runs()
    assert {run.processid for run in runs} == set(processids)
    assert twice_at_the_same_time(runs) == []
