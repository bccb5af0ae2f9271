"""Measure, and print one table.

python -m benchmarks                                       the fold, the ledger, our server
python -m benchmarks --against http://127.0.0.1:50080      and another server, in turns
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from colonyledger.identity import Identity
from rich.console import Console
from rich.table import Table

from benchmarks.core import fold_rates, replay_rates
from benchmarks.programs import cpu_seconds, memory_mib, server
from benchmarks.workloads import WORKLOADS, Measured, Workload

console = Console(width=150) if not sys.stdout.isatty() else Console()

_DEVELOPMENT_SERVER_KEY = "fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure how fast everything is."
    )
    parser.add_argument(
        "--against", metavar="URL", help="another server that speaks the protocol, measured in turns"
    )
    parser.add_argument("--against-pid", type=int, default=0, help="its process, to measure what it uses")
    parser.add_argument(
        "--against-key", default=_DEVELOPMENT_SERVER_KEY, help="its server owner's private key"
    )
    parser.add_argument(
        "--ledger", default="", help="kafka://host:port for our server; the embedded ledger otherwise"
    )
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each workload; the median counts")
    parser.add_argument("--events", type=int, default=30_000, help="events of the fold and the replay")
    parser.add_argument("--json", type=Path, help="write everything here as well")
    return parser.parse_args()


async def _measure_core(events: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="colony-bench-") as directory:
        return {**fold_rates(events), **await replay_rates(Path(directory), 4 * events)}


class _Side:
    """One server that is measured."""

    def __init__(self, name: str, url: str, owner: Identity, pid: int) -> None:
        self.name, self.url, self.owner, self.pid = name, url, owner, pid
        self.runs: dict[str, list[dict[str, float]]] = {}

    async def run(self, workload: Workload) -> None:
        """Measure one workload once."""
        before = cpu_seconds(self.pid) if self.pid else 0.0
        measured: Measured = await workload.run(self.url, self.owner)
        cpu = cpu_seconds(self.pid) - before if self.pid else 0.0
        self.runs.setdefault(workload.name, []).append(
            {
                "per_s": measured.operations / measured.seconds,
                "p50_ms": _percentile(measured.latencies, 50),
                "p99_ms": _percentile(measured.latencies, 99),
                "cpu_us": cpu / measured.operations * 1e6,
            }
        )

    def median(self, workload: Workload, figure: str) -> float:
        """The median of one figure over the runs."""
        return statistics.median(run[figure] for run in self.runs[workload.name])


def _percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000


def _server_table(workloads: list[Workload], sides: list[_Side]) -> Table:
    table = Table(title="Server (median of the runs)", title_justify="left")
    table.add_column("Workload")
    for side in sides:
        for column in ("per s", "p50 / p99 ms", "CPU µs"):
            table.add_column(f"{side.name}\n{column}", justify="right")
    if len(sides) > 1:
        table.add_column("ratio", justify="right")
    for workload in workloads:
        cells = [workload.name]
        for side in sides:
            cells += [
                f"{side.median(workload, 'per_s'):,.0f}",
                f"{side.median(workload, 'p50_ms'):.2f} / {side.median(workload, 'p99_ms'):.2f}",
                f"{side.median(workload, 'cpu_us'):,.0f}" if side.pid else "",
            ]
        if len(sides) > 1:
            cells.append(f"{_ratio(workload, *sides):.1f}×")
        table.add_row(*cells)
    return table


def _ratio(workload: Workload, ours: _Side, other: _Side) -> float:
    """How much better we are."""
    if workload.by_latency:
        return other.median(workload, "p50_ms") / ours.median(workload, "p50_ms")
    return ours.median(workload, "per_s") / other.median(workload, "per_s")


async def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    result: dict[str, Any] = {}
    if not arguments.only:
        result["core"] = await _measure_core(arguments.events)
        table = Table(title="Core", title_justify="left")
        table.add_column("What")
        table.add_column("per s", justify="right")
        for name, rate in result["core"].items():
            table.add_row(name, f"{rate:,.0f}")
        console.print(table)
    workloads = [workload for workload in WORKLOADS if arguments.only in workload.name]
    owner = Identity.generate()
    flags = ("--ledger", arguments.ledger) if arguments.ledger else ()
    with (
        tempfile.TemporaryDirectory(prefix="colony-bench-") as directory,
        server(Path(directory), owner, *flags) as (url, pid),
    ):
        sides = [_Side("ours", url, owner, pid)]
        if arguments.against:
            other = Identity(arguments.against_key)
            sides.append(_Side("other", arguments.against, other, arguments.against_pid))
        for workload in workloads:
            for _ in range(arguments.repeat):
                for side in sides:
                    await side.run(workload)
        result["memory_mib"] = {side.name: memory_mib(side.pid) for side in sides if side.pid}
        console.print(_server_table(workloads, sides))
        console.print("Memory (PSS, MiB): ", result["memory_mib"])
        result["server"] = {side.name: side.runs for side in sides}
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    asyncio.run(main(_arguments()))
