"""The sections of a run by name: each measures one thing and reports."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import msgspec
from colonyledger.identity import Identity

from benchmarks.brokers import measure_kafka
from benchmarks.budget import measure_budget
from benchmarks.charts import flat_picture, speed_picture
from benchmarks.comparing import Shape, measure, measure_all, ours
from benchmarks.core import fold_rates, replay_rates
from benchmarks.flat import flat_cells, measure_flat
from benchmarks.idle import idle_cells, measure_idle
from benchmarks.programs import server
from benchmarks.report import Report
from benchmarks.scaling import measure_scaling
from benchmarks.sides import Side
from benchmarks.starting import measure_starts
from benchmarks.table import details_table, goals_table
from benchmarks.workload import Effort
from benchmarks.workloads import workloads

__all__ = ["ALWAYS", "SECTIONS", "table"]

_QUICK = Effort(seconds=0.4, share=0.2)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def table(arguments: argparse.Namespace) -> Report:
    """The servers, in turns."""
    effort = _QUICK if arguments.quick else Effort()
    if arguments.seconds:
        effort = effort._replace(seconds=arguments.seconds)
    chosen = [workload for workload in workloads(effort) if arguments.only in workload.name]
    if not chosen:
        raise SystemExit(f"no workload's name contains {arguments.only!r}")
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="colony-bench-")))
        sides = ours(stack, directory, Shape(arguments.embedded, arguments.kafka, arguments.workers))
        sides += [Side(*other) for other in arguments.others]
        await _warm_up(sides, effort)
        results = await measure_all(chosen, sides, arguments.repeat, _say)
    failed = [
        f"{name}: {row.name}: {row.figures[name].failure}"
        for name in results.ours
        for row in results.rows
        if row.figures[name].failure
    ]
    return Report(
        "table",
        msgspec.to_builtins(results),
        [("Servers", goals_table(results)), ("Details", details_table(results))],
        {"speed.svg": speed_picture(results)},
        failed,
    )


async def _warm_up(sides: list[Side], effort: Effort) -> None:
    """Let virtual machines translate and caches fill, unmeasured."""
    for workload in workloads(effort):
        if workload.name in {"submit, 32 clients", "assign+close, 8 executors", "getprocess, 8 clients"}:
            await measure(workload, sides, 1)
    for side in sides:
        side.runs.clear()


async def core(arguments: argparse.Namespace) -> Report:
    """The fold alone, and a replay of the embedded ledger."""
    _say("core")
    with tempfile.TemporaryDirectory(prefix="colony-bench-") as directory:
        rates = {**fold_rates(arguments.events), **await replay_rates(Path(directory), 4 * arguments.events)}
    rows = [[name, f"{rate:,.0f}"] for name, rate in rates.items()]
    return Report("core", rates, [("The core, on one core", (["what", "records per s"], rows))])


async def budget(_: argparse.Namespace) -> Report:
    """Where the time of one RPC goes."""
    _say("budget")
    return await measure_budget()


async def kafka(arguments: argparse.Namespace) -> Report:
    """What the Kafka ledger adds to what the broker needs."""
    return await measure_kafka(arguments.seconds or 5, _say)


async def start(arguments: argparse.Namespace) -> Report:
    """How soon a server serves."""
    return await measure_starts(arguments.records, _say)


async def flat(arguments: argparse.Namespace) -> Report:
    """What RPCs cost in a full colony."""
    _say("flat")
    rows = measure_flat(arguments.sizes, arguments.full_of)
    return Report(
        "flat",
        [row._asdict() for row in rows],
        [("What RPCs cost in a full colony (µs, the fold alone)", flat_cells(rows))],
        {"flat.svg": flat_picture(rows)},
    )


async def idle(arguments: argparse.Namespace) -> Report:
    """What executors cost that wait for work."""
    _say("idle")
    owner = Identity.generate()
    with (
        tempfile.TemporaryDirectory(prefix="colony-bench-") as directory,
        server(Path(directory), owner) as started,
    ):
        seen = await measure_idle(started.url, owner, started.pid, arguments.parked, arguments.seconds or 30)
    return Report("idle", [each._asdict() for each in seen], [("Executors that wait", idle_cells(seen))])


async def scale(_: argparse.Namespace) -> Report:
    """How far it goes with cores, nodes and partitions."""
    return await measure_scaling(_say)


SECTIONS: dict[str, Callable[[argparse.Namespace], Awaitable[Report]]] = {
    "table": table,
    "core": core,
    "budget": budget,
    "kafka": kafka,
    "start": start,
    "flat": flat,
    "idle": idle,
    "scale": scale,
}

ALWAYS = ("table", "core", "budget", "kafka", "start")
"""What a run does unless told what to do."""
