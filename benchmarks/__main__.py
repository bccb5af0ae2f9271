"""Measure, print tables, write JSON and pictures, and keep the newest figures in docs/.

python -m benchmarks                                       everything but what only runs when it is named
python -m benchmarks --quick                               the table of servers, roughly, in a minute
python -m benchmarks --only submit                         workloads of the table whose name contains this
python -m benchmarks --only budget,kafka                   sections by name
python -m benchmarks --against http://127.0.0.1:50080      another server too, in turns
python -m benchmarks --only flat --sizes 1e3,1e6           what RPCs cost in a full colony, the fold alone
python -m benchmarks --only idle                           what executors cost that wait for work
python -m benchmarks --record                              and write docs/performance.md and docs/steady.md

--against may be repeated, with names; the best of the others counts. --processes names the processes of such a
server and of its store, with all their children: exclusive=1234,1200 (the first is the server, the rest the store).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop
from colonyledger.identity import Identity
from rich.console import Console

from benchmarks.comparing import Other
from benchmarks.connection import Broken, Refused
from benchmarks.pages import machine, record
from benchmarks.programs import can_run_kafka
from benchmarks.report import Report
from benchmarks.sections import ALWAYS, SECTIONS, table
from benchmarks.table import rich_table

_DEVELOPMENT_SERVER_KEY = "fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d"
_NEWEST = Path(__file__).parent.parent / ".cache" / "benchmarks"


def arguments_of(words: list[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", default="", help=f"sections ({', '.join(SECTIONS)}), or a part of a workload's name")
    add("--quick", action="store_true", help="the table of servers alone, in a minute; figures are rough")
    add(
        "--repeat",
        type=int,
        default=0,
        help="runs of each workload; the median counts. Default: 3, 1 if quick",
    )
    add("--seconds", type=float, default=0, help="what one run measures, and each load of idle and kafka")
    add(
        "--kafka",
        action=argparse.BooleanOptionalAction,
        help="our server on Kafka too. Default: if Java is there",
    )
    add(
        "--embedded",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="our server on the embedded ledger",
    )
    add(
        "--workers", type=_sizes, default=[0], help="processes of our server; 1,2 measures one server of each"
    )
    add(
        "--against",
        action="append",
        default=[],
        metavar="[NAME=]URL",
        help="another server, measured in turns",
    )
    add(
        "--processes", action="append", default=[], metavar="NAME=PID,…", help="its processes and its store's"
    )
    add("--against-key", default=_DEVELOPMENT_SERVER_KEY, help="the private key of its owner")
    add("--sizes", type=_sizes, default=_sizes("1e2,1e3,1e4,1e5"), help="with flat: how full a colony is")
    add("--full-of", default="", help="with flat: crowds whose name contains this")
    add("--parked", type=int, default=1000, help="with idle: executors that wait")
    add("--events", type=int, default=30_000, help="with core: events of the fold and the replay")
    add(
        "--records",
        type=lambda text: int(float(text)),
        default=1_000_000,
        help="with start: records to start from",
    )
    add("--json", type=Path, help="write everything here; .cache/benchmarks has it in any case")
    add("--record", action="store_true", help="write docs/performance.md, docs/steady.md and their pictures")
    arguments = parser.parse_args(words)
    if arguments.kafka is None:
        arguments.kafka = can_run_kafka()
    arguments.repeat = arguments.repeat or (1 if arguments.quick else 3)
    arguments.others = _others(arguments)
    return arguments


def command_of(words: list[str]) -> str:
    """The command as a reader can repeat it: process ids are other ones next time."""
    told = [re.sub(r"(?<==)\d+(,\d+)*$", "PID,…", word) for word in words if word != "--record"]
    return f"make bench ARGS={shlex.quote(' '.join(told))}" if told else "make bench"


def _sizes(text: str) -> list[int]:
    return [int(float(size)) for size in text.split(",")]


def _others(arguments: argparse.Namespace) -> list[Other]:
    processes = {
        name: [int(pid) for pid in pids.split(",")]
        for name, _, pids in (words.partition("=") for words in arguments.processes)
    }
    owner = Identity(arguments.against_key)
    others = []
    for number, words in enumerate(arguments.against, 1):
        name, _, url = words.rpartition("=")
        name = name or ("other" if len(arguments.against) == 1 else f"other {number}")
        pids = processes.get(name, [])
        others.append(Other(name, url, owner, pids[:1], pids[1:]))
    return others


def _chosen(arguments: argparse.Namespace) -> list[Callable[[argparse.Namespace], Awaitable[Report]]]:
    words = arguments.only.split(",")
    if arguments.only and all(word in SECTIONS for word in words):
        arguments.only = ""
        return [SECTIONS[word] for word in words]
    return [table] if arguments.quick or arguments.only else [SECTIONS[name] for name in ALWAYS]


async def main(arguments: argparse.Namespace, command: str) -> int:
    """Measure, print and write; 1 if anything was wrong with what our servers did."""
    console = Console(width=None if sys.stdout.isatty() else 180)
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    load = os.getloadavg()[0]
    result: dict[str, Any] = {"machine": machine(), "load": load, "command": command, "began": began}
    failed: list[str] = []
    _NEWEST.mkdir(parents=True, exist_ok=True)
    for section in _chosen(arguments):
        try:
            report = await section(arguments)
        except (Broken, Refused, OSError, RuntimeError, subprocess.SubprocessError) as error:
            # The others may still be measured: a run takes long, and nobody watches it.
            failed.append(f"{section.__name__}: {type(error).__name__}: {error}")
            continue
        for title, cells in report.tables:
            console.print(rich_table(title, cells))
        failed += report.failed
        result[report.section] = report.data
        for target in filter(None, (arguments.json, _NEWEST / f"{began.replace(':', '')}.json")):
            target.write_text(json.dumps(result, indent=1))
        for name, picture in report.pictures.items():
            (_NEWEST / name).write_text(picture, "utf-8")
        if arguments.record:
            record(report.section, report.markdown(), command, load, report.pictures)
    for failure in failed:
        console.print(f"FAILED: {failure}", style="bold red", markup=False)
    return int(bool(failed))


if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(uvloop.run(main(arguments_of(words), command_of(words))))
