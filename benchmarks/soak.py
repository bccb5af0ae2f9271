"""Load a server with everything for a while and see whether it stays as it is; then ask too much of it.

python -m benchmarks.soak --seconds 120 [--ledger kafka://…] [--workers N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop
from colonyledger.identity import Identity
from rich.console import Console

from benchmarks.connection import Broken
from benchmarks.exchanges import connected, share
from benchmarks.mixture import Mixture
from benchmarks.overload import Overload, overload
from benchmarks.pages import record
from benchmarks.programs import Server, bytes_below, cpu_seconds, descriptors, memory_mib, server
from benchmarks.report import Report
from benchmarks.sides import percentile
from benchmarks.site import Site
from benchmarks.slopes import Sample, Verdict, verdicts
from benchmarks.table import Cells, rich_table

_SAMPLES = 24
_SHORTEST_SAMPLE = 2.0
_SHARE = 0.04
"""Processes submitted in a second, as a share of the submits that the server can do: each is five or more RPCs."""
_MOST_PER_SECOND = 300.0
_EXECUTORS = 8
_RETENTION_SECONDS = "5"
_OVERLOAD_SECONDS = 10.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=120, help="how long the mixed load lasts")
    parser.add_argument(
        "--overload", type=float, default=_OVERLOAD_SECONDS, help="how long too much is asked; 0: not"
    )
    parser.add_argument("--ledger", default="", help="kafka://host:port; the embedded ledger otherwise")
    parser.add_argument(
        "--workers", type=int, default=0, help="processes of the server; 0: what it does unless told"
    )
    parser.add_argument("--json", type=Path, help="write everything here as well")
    parser.add_argument("--record", action="store_true", help="write docs/steady.md")
    return parser.parse_args()


async def main(arguments: argparse.Namespace, command: str) -> int:
    """Load, print, and judge: 1 if anything does not hold."""
    owner, load = Identity.generate(), os.getloadavg()[0]
    flags = [*(["--ledger", arguments.ledger] if arguments.ledger else [])]
    flags += ["--workers", str(arguments.workers)] if arguments.workers else []
    variables = {
        "COLONIES_RETENTION": "true",
        "COLONIES_RETENTION_POLICY": _RETENTION_SECONDS,
        "LEDGER_RETENTION_ALL": "true",
        "LEDGER_READS_RETENTION": "3600",
    }
    with tempfile.TemporaryDirectory(prefix="colony-soak-") as scratch:
        with server(Path(scratch) / "capacity", owner, *flags) as started:
            capacity = await _capacity(started.url, owner)
        directory = Path(scratch) / "soak"
        with server(directory, owner, *flags, variables=variables) as started:
            samples = await _soak(started, directory, owner, capacity, arguments.seconds)
            strained = await _overload(started, owner, arguments.overload) if arguments.overload else None
    report = _report(samples, verdicts(samples), strained)
    console = Console(width=None if sys.stdout.isatty() else 170)
    for title, cells in report.tables:
        console.print(rich_table(title, cells))
    for failure in report.failed:
        console.print(f"FAILED: {failure}", style="bold red", markup=False)
    if arguments.json:
        arguments.json.write_text(json.dumps(report.data, indent=1))
    if arguments.record:
        record(report.section, report.markdown(), command, load, report.pictures)
    return int(bool(report.failed))


async def _soak(
    started: Server, directory: Path, owner: Identity, capacity: float, seconds: float
) -> list[Sample]:
    per_second = min(_SHARE * capacity, _MOST_PER_SECOND)
    print(
        f"{capacity:,.0f} submits per s are possible; {per_second:.0f} processes per s for {seconds:g} s",
        file=sys.stderr,
    )
    site = await Site(started.url, owner).open(_EXECUTORS)
    mixture = Mixture(site, per_second)
    loading = asyncio.create_task(mixture.run(seconds))
    every = max(_SHORTEST_SAMPLE, seconds / _SAMPLES)
    samples: list[Sample] = []
    began = last = time.perf_counter()
    cpu = cpu_seconds(started.pid)
    while not loading.done() and time.perf_counter() - began < seconds - every / 2:
        await asyncio.wait([loading], timeout=began + every * (len(samples) + 1) - time.perf_counter())
        now, used = time.perf_counter(), cpu_seconds(started.pid)
        latencies, mixture.latencies = mixture.latencies, []
        counted = await site.counts()
        samples.append(
            Sample(
                now - began,
                len(latencies),
                percentile(latencies, 50) * 1000,
                percentile(latencies, 99) * 1000,
                memory_mib(started.pid),
                (used - cpu) / (now - last),
                bytes_below(directory),
                descriptors(started.pid),
                mixture.closed,
                sum(counted),
            )
        )
        last, cpu = now, used
        print(
            f"  {samples[-1].second:6.0f} s  {samples[-1].memory_mib:6.0f} MiB  p99 {samples[-1].p99_ms:.1f} ms",
            file=sys.stderr,
        )
    await loading
    mixture.check()
    await site.close()
    return samples


async def _capacity(url: str, owner: Identity) -> float:
    site = await Site(url, owner).open()
    raw = site.submit()
    async with connected(url, 32) as connections:
        began = time.perf_counter()
        done = await share(connections, iter(lambda: raw, b""), 2.0)
        rate = len(done.latencies) / (time.perf_counter() - began)
    await site.close()
    return rate


async def _overload(started: Server, owner: Identity, seconds: float) -> Overload:
    print(f"too much for {seconds:g} s", file=sys.stderr)
    site = await Site(started.url, owner).open()
    seen = await overload(site, started.pid, seconds)
    await site.close()
    return seen


def _report(samples: list[Sample], held: list[Verdict], strained: Overload | None) -> Report:
    tables = [("Mixed load", _samples_cells(samples)), ("Does it stay as it is?", _verdict_cells(held))]
    failed = [f"{each.what}: {each.figure}, {each.limit}" for each in held if not each.holds]
    data: dict[str, Any] = {
        "samples": [each._asdict() for each in samples],
        "verdicts": [each._asdict() for each in held],
    }
    if strained is not None:
        tables.append(("Twice as much as it can do", _overload_cells(strained)))
        data["overload"] = strained._asdict()
        if not strained.holds:
            failed.append("overload: see its table")
    return Report("soak", data, tables, failed=failed)


def _samples_cells(samples: list[Sample]) -> Cells:
    head = [
        "s",
        "RPCs per s",
        "p50 / p99 ms",
        "PSS MiB",
        "cores",
        "files MiB",
        "descriptors",
        "ended",
        "known",
    ]
    rows = []
    before = 0.0
    for each in samples:
        rows.append(
            [
                f"{each.second:.0f}",
                f"{each.rpcs / (each.second - before):,.0f}",
                f"{each.p50_ms:.2f} / {each.p99_ms:.2f}",
                f"{each.memory_mib:.1f}",
                f"{each.cpu_cores:.2f}",
                f"{each.file_bytes / 2**20:.1f}",
                str(each.descriptors),
                f"{each.closed:,}",
                f"{each.kept:,}",
            ]
        )
        before = each.second
    return head, rows


def _verdict_cells(held: list[Verdict]) -> Cells:
    rows = [[each.what, each.figure, each.limit, "holds" if each.holds else "does not hold"] for each in held]
    return ["what", "after the first third", "limit", ""], rows


def _overload_cells(seen: Overload) -> Cells:
    statuses = ", ".join(f"{number:,} × {status or 'hung up'}" for status, number in seen.statuses.items())
    return ["what", "figure"], [
        ["capacity: 64 clients that wait for their replies", f"{seen.capacity:,.0f} per s"],
        ["sent", f"{seen.offered:,.0f} per s"],
        ["answered", f"{seen.answered:,.0f} per s"],
        ["refused (429, 503)", f"{seen.refused:,.0f} per s"],
        ["answers by status", statuses],
        ["cores that server and driver had meanwhile", f"{seen.server_cores:.2f}, {seen.driver_cores:.2f}"],
        ["p50 / p99 of the answered", f"{seen.p50_ms:.1f} / {seen.p99_ms:.1f} ms"],
        ["p99 of the refused", f"{seen.refused_p99_ms:.1f} ms"],
        ["p50 of one client before", f"{seen.calm_ms:.2f} ms"],
        ["all had their answers after", f"{seen.drained:.2f} s"],
        ["and p50 was back after", f"{seen.back:.2f} s more"],
        [
            "throughput kept, excess refused, latency back within 2 s",
            "holds" if seen.holds else "does not hold",
        ],
    ]


if __name__ == "__main__":
    chosen = _arguments()
    try:
        sys.exit(uvloop.run(main(chosen, f"make soak SECONDS={chosen.seconds:g}")))
    except* Broken as broken:
        sys.exit(f"FAILED: {broken.exceptions}")
