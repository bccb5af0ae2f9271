"""How soon a server serves: over nothing, and over very many records, from a snapshot and without one."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from colonyledger.identity import Identity
from colonyledger.record import Record
from colonyledger.wire import AssignProcess, CloseSuccessful, Conditions, FunctionSpec, SubmitFunctionSpec

from benchmarks.core import Script
from benchmarks.programs import bytes_below, memory_mib, server
from benchmarks.report import Report
from services.ledger import EmbeddedLedger

__all__ = ["measure_starts"]

_STARTS = 3
_ROUND = 2000
"""Processes that are submitted, then run, before the next ones."""
_TOGETHER = 1024
"""Records that wait for the disk together."""
_EMPTY_GOAL = 1.5
_FILLED_GOAL = 10.0


async def measure_starts(records: int, told: Callable[[str], None]) -> Report:
    """Start servers until /health says that they serve."""
    rows: list[list[str]] = []
    data: dict[str, float] = {}

    def add(what: str, name: str, seconds: float, goal: float, more: str = "") -> None:
        data[name] = seconds
        verdict = ("met" if seconds < goal else "missed") if goal else ""
        rows.append([what, f"{seconds:.2f} s", f"{goal:g} s" if goal else "", verdict, more])

    with tempfile.TemporaryDirectory(prefix="colony-bench-") as scratch:
        told("start over nothing")
        owner = Identity.generate()
        empty = [_start(Path(scratch) / f"empty-{number}", owner)[0] for number in range(_STARTS)]
        add("an empty ledger", "empty", statistics.median(empty), _EMPTY_GOAL)
        told(f"write {records:,} records")
        directory = Path(scratch) / "filled"
        script = Script()
        await _fill(directory / "ledger", script, records)
        owner = script.server
        del script
        told("make a snapshot of them")
        took = _make_snapshot(directory)
        size = bytes_below(directory / "snapshots") / 2**20
        add(f"(making a snapshot of {records:,} records)", "making", took, 0, f"{size:.0f} MiB on disk")
        told("start from the snapshot")
        seconds, memory = _start(directory, owner)
        add(f"{records:,} records, from a snapshot", "snapshot", seconds, _FILLED_GOAL, f"{memory:.0f} MiB")
        (directory / "snapshots").rename(directory / "aside")
        told("start without it")
        seconds, memory = _start(directory, owner)
        add(f"{records:,} records, all folded", "folded", seconds, 0, f"{memory:.0f} MiB")
    head = ["from the start of the process until it serves", "takes", "goal", "", "memory (PSS), or size"]
    return Report("start", {"records": records, **data}, [("Starting", (head, rows))])


def _start(directory: Path, owner: Identity) -> tuple[float, float]:
    """Seconds until the server serves, and the memory it has then, in MiB. It makes no snapshots meanwhile."""
    with server(directory, owner, variables={"LEDGER_SNAPSHOT_RECORDS": "0"}) as started:
        return started.ready_seconds, memory_mib(started.pid)


def _make_snapshot(directory: Path) -> float:
    began = time.perf_counter()
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "services.snapshots",
        directory / "ledger",
        directory / "snapshots",
        "0",
        "0",
    ]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=Path(__file__).parent.parent)
    return time.perf_counter() - began


async def _fill(directory: Path, script: Script, number: int) -> None:
    """Write the records of processes that are submitted, assigned and closed, one after the other."""
    ledger = await EmbeddedLedger.open(directory)
    try:
        waiting = []
        for record in _records(script, number):
            waiting.append(ledger.append(0, record))
            if len(waiting) == _TOGETHER:
                await asyncio.gather(*waiting)
                waiting.clear()
        await asyncio.gather(*waiting)
    finally:
        await ledger.close()


def _records(script: Script, number: int) -> Iterator[Record]:
    written = 0
    conditions = Conditions("bench", executortype="edge")
    spec = FunctionSpec(funcname="bench", args=[1], maxretries=3, maxexectime=600, conditions=conditions)
    while True:
        ids: list[str] = []
        for step in range(3):
            events = []
            for turn in range(_ROUND):
                if step == 0:
                    events.append(script.event(script.user, SubmitFunctionSpec(spec=spec)))
                elif step == 1:
                    events.append(script.event(script.executor, AssignProcess(colonyname="bench", timeout=1)))
                else:
                    events.append(
                        script.event(script.executor, CloseSuccessful(processid=ids[turn], output=[1]))
                    )
            replies = script.fold(events)[1]
            if step == 1:
                ids = [reply.processid for reply in replies]
            for record in script.records:
                if written == number:
                    return
                yield record
                written += 1
            script.forget()
