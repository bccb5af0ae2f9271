"""Measure, and print one table.

python -m benchmarks                                       the fold, the ledger, our server
python -m benchmarks --against http://127.0.0.1:50080      and another server, in turns
python -m benchmarks --only flat --sizes 1e3,1e6           what RPCs cost in a full colony, the fold alone
python -m benchmarks --only idle                           what executors cost that wait for work
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from colonyledger.identity import Identity
from rich.console import Console
from rich.table import Table

from benchmarks.core import fold_rates, replay_rates
from benchmarks.flat import flat_table, measure_flat
from benchmarks.idle import idle_table, measure_idle
from benchmarks.programs import memory_mib, server
from benchmarks.sides import Side, comparison
from benchmarks.workloads import WORKLOADS

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
    parser.add_argument(
        "--only", default="", help="workloads whose name contains this; or flat, or idle, which run only so"
    )
    parser.add_argument(
        "--sizes", type=_sizes, default="1e2,1e3,1e4,1e5", help="with --only flat: how full a colony is"
    )
    parser.add_argument("--full-of", default="", help="with --only flat: crowds whose name contains this")
    parser.add_argument("--parked", type=int, default=1000, help="with --only idle: executors that wait")
    parser.add_argument(
        "--seconds", type=float, default=30, help="with --only idle: how long each load is measured"
    )
    parser.add_argument("--repeat", type=int, default=3, help="runs of each workload; the median counts")
    parser.add_argument("--events", type=int, default=30_000, help="events of the fold and the replay")
    parser.add_argument("--json", type=Path, help="write everything here as well")
    return parser.parse_args()


def _sizes(text: str) -> list[int]:
    return [int(float(size)) for size in text.split(",")]


async def _measure_core(events: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="colony-bench-") as directory:
        return {**fold_rates(events), **await replay_rates(Path(directory), 4 * events)}


async def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    special = {"flat": _flat, "idle": _idle}.get(arguments.only, _compare)
    result = await special(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1))


async def _flat(arguments: argparse.Namespace) -> dict[str, Any]:
    rows = measure_flat(arguments.sizes, arguments.full_of)
    console.print(flat_table(rows))
    return {"flat": [row._asdict() for row in rows]}


async def _idle(arguments: argparse.Namespace) -> dict[str, Any]:
    owner = Identity.generate()
    with (
        tempfile.TemporaryDirectory(prefix="colony-bench-") as directory,
        server(Path(directory), owner) as (url, pid),
    ):
        seen = await measure_idle(url, owner, pid, arguments.parked, arguments.seconds)
    console.print(idle_table(seen))
    return {"idle": [each._asdict() for each in seen]}


async def _compare(arguments: argparse.Namespace) -> dict[str, Any]:
    """Our server, and another one if there is one to compare with."""
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
        sides = [Side("ours", url, owner, pid)]
        if arguments.against:
            other = Identity(arguments.against_key)
            sides.append(Side("other", arguments.against, other, arguments.against_pid))
        for workload in workloads:
            for _ in range(arguments.repeat):
                for side in sides:
                    await side.run(workload)
        result["memory_mib"] = {side.name: memory_mib(side.pid) for side in sides if side.pid}
        console.print(comparison(workloads, sides))
        console.print("Memory (PSS, MiB): ", result["memory_mib"])
        result["server"] = {side.name: side.runs for side in sides}
    return result


if __name__ == "__main__":
    asyncio.run(main(_arguments()))
