"""The whole table: our server, embedded and on Kafka, and others that run already, in turns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from colonyledger.identity import Identity

from benchmarks.programs import kafka, server
from benchmarks.results import Figures, Memory, Results, Row
from benchmarks.sides import Side
from benchmarks.workload import Workload

__all__ = ["Other", "Shape", "measure", "measure_all", "ours", "results_of"]


class Other(NamedTuple):
    """Another server that runs: its name, where it is, its owner, the processes of it and of its store."""

    name: str
    url: str
    owner: Identity
    pids: Sequence[int] = ()
    store: Sequence[int] = ()


class Shape(NamedTuple):
    """Which of our servers are measured, and how they are started."""

    embedded: bool = True
    kafka: bool = False
    workers: Sequence[int] = (0,)
    """Processes of a server on the embedded ledger, one server for each number; the one on Kafka has the first.
    0 is what a server does unless told."""


def ours(stack: ExitStack, directory: Path, shape: Shape) -> list[Side]:
    """Start our servers; they stop with the stack."""
    sides = []
    owner = Identity.generate()
    for workers in shape.workers if shape.embedded else ():
        name = f"embedded, {workers} workers" if workers > 1 else "embedded"
        started = stack.enter_context(server(directory / name, owner, *_flags(workers)))
        sides.append(Side(name, started.url, owner, [started.pid], ours=True))
    if shape.kafka:
        broker = stack.enter_context(kafka(directory / "broker"))
        flags = ("--ledger", f"kafka://{broker.bootstrap}", *_flags(shape.workers[0]))
        started = stack.enter_context(server(directory / "kafka", owner, *flags))
        sides.append(Side("Kafka", started.url, owner, [started.pid], [broker.pid], ours=True))
    return sides


def _flags(workers: int) -> Sequence[str]:
    return ("--workers", str(workers)) if workers else ()


async def measure(workload: Workload, sides: Sequence[Side], repeat: int) -> None:
    """Measure a workload at each server in turns."""
    for turn in range(min(repeat, workload.most_repeats)):
        for number in range(len(sides)):
            await sides[(turn + number) % len(sides)].run(workload)


async def measure_all(
    workloads: Sequence[Workload], sides: Sequence[Side], repeat: int, told: Callable[[str], None]
) -> Results:
    """Measure everything, and the memory at the end."""
    for workload in workloads:
        told(workload.name)
        await measure(workload, sides, repeat)
        for side in sides:
            if failure := side.failures.get(workload.name):
                print(f"{side.name} failed: {workload.name}: {failure}", file=sys.stderr)
    return results_of(workloads, sides)


def results_of(workloads: Sequence[Workload], sides: Sequence[Side]) -> Results:
    """What was measured."""
    memory = {side.name: Memory(*used) for side in sides if (used := side.memory()) is not None}
    rows = [
        Row(
            workload.name,
            workload.counts,
            workload.shown,
            workload.goal.times,
            workload.goal.flat,
            {side.name: _figures(side, workload.name) for side in sides},
        )
        for workload in workloads
    ]
    return Results(
        [side.name for side in sides if side.ours],
        [side.name for side in sides if not side.ours],
        rows,
        memory,
    )


def _figures(side: Side, name: str) -> Figures:
    if name in side.failures:
        return Figures(failure=side.failures[name])

    def median(figure: str) -> float:
        return side.median(name, figure) or 0.0

    runs = side.runs.get(name, [])
    return Figures(
        per_s=median("per_s"),
        p50_ms=median("p50_ms"),
        p99_ms=median("p99_ms"),
        stalled=sum(run.stalled for run in runs),
        operations=sum(run.operations for run in runs),
        cpu_us=median("cpu_us") if side.pids else None,
        store_us=median("store_us") if side.pids else None,
        driver_cores=median("driver_cores"),
    )
