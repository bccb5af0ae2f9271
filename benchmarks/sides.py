"""Servers that are measured in turns, and how they compare."""

from __future__ import annotations

import statistics

from colonyledger.identity import Identity
from rich.table import Table

from benchmarks.programs import cpu_seconds
from benchmarks.workloads import Measured, Workload

__all__ = ["Side", "comparison"]


class Side:
    """One server that is measured; with a process id, also what it uses."""

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


def comparison(workloads: list[Workload], sides: list[Side]) -> Table:
    """A row for each workload. With two sides the last column says how many times better the first one is."""
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
            cells.append(f"{_ratio(workload, *sides):.2f}×")
        table.add_row(*cells)
    return table


def _ratio(workload: Workload, ours: Side, other: Side) -> float:
    """How much better the first one is."""
    if workload.by_latency:
        return other.median(workload, "p50_ms") / ours.median(workload, "p50_ms")
    return ours.median(workload, "per_s") / other.median(workload, "per_s")


def _percentile(values: list[float], percent: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000
