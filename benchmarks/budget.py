"""Where the time of one RPC goes: each step alone, and what a whole server takes for it, in µs of processor time."""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from colonyledger.identity import Identity
from colonyledger.record import Record
from colonyledger.wire import (
    AssignProcess,
    CloseSuccessful,
    Conditions,
    FunctionSpec,
    GetProcess,
    SubmitFunctionSpec,
)

from benchmarks.connection import Broken
from benchmarks.core import Script
from benchmarks.doors import http_micros
from benchmarks.programs import server
from benchmarks.report import Report
from benchmarks.sides import Side
from benchmarks.steps import FOLD, STEPS, Case, Step, exchange_bare, micros, parse_bare, prepare
from benchmarks.table import Cells
from benchmarks.workload import Effort
from benchmarks.workloads import workloads
from services.ledger import EmbeddedLedger
from services.ledger.codec import encode
from services.replica.replica import GC_THRESHOLD

__all__ = ["Cost", "beside_the_floor", "budget_cells", "measure_budget", "with_rest"]

T = TypeVar("T")

_CASES = 2000
_GROUP = 32
"""Records that wait for the disk together when 32 clients submit."""
_GROUPS = 150
_SINGLES = 300
_RUNS = 3
_COMMANDS = ("submit", "assign+close")
_WHOLE = {
    "submit": "submit, 32 clients",
    "assign+close": "assign+close, 32 executors",
    "getprocess": "getprocess, 8 clients",
}
"""The workload that is a whole server's share of a kind."""
_FLOOR = "recover"
_PARTS = ("base64", "authorise")
"""Steps that others hold."""


class Cost(NamedTuple):
    """What a step takes for one RPC of each kind, ours and at least, in µs."""

    step: str
    ours: dict[str, float]
    bare: dict[str, float]
    library: str


class _Batch(NamedTuple):
    """Many alike RPCs, and what the fold took for each."""

    cases: Sequence[Case]
    folded: float


class _Append(NamedTuple):
    """Of one record, in a group: processor time in µs; alone: waiting in µs."""

    grouped: float
    alone: float


async def measure_budget() -> Report:
    """Measure the steps and the whole."""
    kinds = _batches()
    costs = [_cost(step, kinds) for step in STEPS]
    records = [case.record for case in kinds["submit"][0].cases]
    with tempfile.TemporaryDirectory(prefix="colony-bench-") as directory:
        ours = await _append(Path(directory) / "ledger", records)
        bare = _append_bare(Path(directory) / "bare", [encode(record) for record in records])
    costs.append(
        Cost(
            f"append, {_GROUP} records at a time",
            dict.fromkeys(_COMMANDS, ours.grouped),
            dict.fromkeys(_COMMANDS, bare.grouped),
            "pwrite, fdatasync",
        )
    )
    costs.insert(0, await _http(kinds))
    whole = await _whole()
    costs = with_rest(
        costs, whole, {kind: _mean(exchange_bare, batches) / 2 for kind, batches in kinds.items()}
    )
    waiting = ["append of one record, durable (waiting)", f"{ours.alone:,.0f}", f"{bare.alone:,.0f}"]
    return Report(
        "budget",
        {"steps": [cost._asdict() for cost in costs], "whole": whole, "append": [ours, bare]},
        [
            ("One RPC on the server, µs of processor time: ours / at least", budget_cells(costs, whole)),
            ("The disk, µs", (["what", "ours", "pwrite and fdatasync"], [waiting])),
        ],
    )


def _batches() -> dict[str, list[_Batch]]:
    """By kind; a kind may be several RPCs, each of which counts alike."""
    script = Script()
    conditions = Conditions("bench", executortype="edge")
    spec = FunctionSpec(
        "", "bench", [1, "two"], maxwaittime=-1, maxexectime=-1, maxretries=3, conditions=conditions
    )

    def batch(who: Identity, messages: Sequence[Any]) -> _Batch:
        cases = [prepare(script.state, who, script.event(who, message)) for message in messages]
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        return _Batch(cases, micros(FOLD.ours, cases, once=True))

    submits = batch(script.user, [SubmitFunctionSpec(spec=spec)] * _CASES)
    assigns = batch(script.executor, [AssignProcess(colonyname="bench", timeout=1)] * _CASES)
    ids = [case.reply.processid for case in assigns.cases]
    closes = batch(script.executor, [CloseSuccessful(processid=each, output=[1]) for each in ids])
    reads = [
        prepare(script.state, script.user, script.event(script.user, GetProcess(processid=each)))
        for each in ids
    ]
    return {"submit": [submits], "assign+close": [assigns, closes], "getprocess": [_Batch(reads, 0.0)]}


def _cost(step: Step, kinds: dict[str, list[_Batch]]) -> Cost:
    ours, bare = {}, {}
    for kind, batches in kinds.items():
        if not (step.commands if kind in _COMMANDS else step.queries):
            continue
        if step is FOLD:
            ours[kind] = statistics.mean(batch.folded for batch in batches)
        else:
            ours[kind] = _mean(step.ours, batches)
        if step.bare is not None:
            bare[kind] = _mean(step.bare, batches)
    return Cost(step.name, ours, bare, step.library)


def _mean(step: Callable[[Case], Any], batches: Sequence[_Batch]) -> float:
    return statistics.mean(micros(step, batch.cases) for batch in batches)


async def _http(kinds: dict[str, list[_Batch]]) -> Cost:
    """HTTP, once the steps have made the replies."""
    ours = {
        kind: statistics.mean([await http_micros(batch.cases) for batch in batches])
        for kind, batches in kinds.items()
    }
    bare = {kind: _mean(parse_bare, batches) for kind, batches in kinds.items()}
    return Cost("HTTP: request and reply, a task", ours, bare, "httptools")


async def _append(directory: Path, records: Sequence[Record]) -> _Append:
    """Through the embedded ledger, without what the encoding takes."""
    ledger = await EmbeddedLedger.open(directory)
    try:
        for record in records[:_GROUP]:
            await ledger.append(0, record)
        waits = [await _wait_for(ledger, record) for record in records[:_SINGLES]]
        began = time.process_time()
        for group in range(_GROUPS):
            await asyncio.gather(*(ledger.append(0, record) for record in _group(records, group)))
        spent = time.process_time() - began
    finally:
        await ledger.close()
    began = time.process_time()
    for group in range(_GROUPS):
        for record in _group(records, group):
            encode(record)
    spent -= time.process_time() - began
    return _Append(spent / _GROUPS / _GROUP * 1e6, statistics.median(waits) * 1e6)


async def _wait_for(ledger: EmbeddedLedger, record: Record) -> float:
    began = time.perf_counter()
    await ledger.append(0, record)
    return time.perf_counter() - began


def _append_bare(path: Path, bodies: Sequence[bytes]) -> _Append:
    """Into a file that is there already, as the ledger prepares its own."""
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        size = sum(map(len, bodies)) + _GROUPS * _GROUP * max(map(len, bodies))
        os.pwrite(file, bytes(size), 0)
        os.fsync(file)
        position, waits = 0, []
        for body in bodies[:_SINGLES]:
            began = time.perf_counter()
            position += os.pwrite(file, body, position)
            os.fdatasync(file)
            waits.append(time.perf_counter() - began)
        spent = time.process_time()
        for group in range(_GROUPS):
            position += os.pwrite(file, b"".join(_group(bodies, group)), position)
            os.fdatasync(file)
        spent = time.process_time() - spent
    finally:
        os.close(file)
    return _Append(spent / _GROUPS / _GROUP * 1e6, statistics.median(waits) * 1e6)


def _group(items: Sequence[T], number: int) -> Sequence[T]:
    start = number * _GROUP % (len(items) - _GROUP)
    return items[start : start + _GROUP]


async def _whole() -> dict[str, float]:
    """What a server of its own takes, all its threads together."""
    owner = Identity.generate()
    with (
        tempfile.TemporaryDirectory(prefix="colony-bench-") as directory,
        server(Path(directory), owner) as started,
    ):
        side = Side("ours", started.url, owner, [started.pid])
        chosen = [workload for workload in workloads(Effort()) if workload.name in _WHOLE.values()]
        for _ in range(_RUNS):
            for workload in chosen:
                await side.run(workload)
    if side.failures:
        raise Broken(f"{side.failures}")
    return {kind: side.median(name, "cpu_us") or 0.0 for kind, name in _WHOLE.items()}


def with_rest(costs: Sequence[Cost], whole: dict[str, float], least: dict[str, float]) -> list[Cost]:
    """The costs, and what of the whole is none of them: sockets, the event loop, threads, waking who waits."""
    steps = [cost for cost in costs if cost.step not in _PARTS]
    rest = {kind: total - sum(cost.ours.get(kind, 0.0) for cost in steps) for kind, total in whole.items()}
    return [*costs, Cost("the rest: sockets, event loop, threads", rest, least, "send, recv")]


def beside_the_floor(costs: Sequence[Cost], whole: dict[str, float]) -> dict[str, float]:
    """All but the recovery of the signer, as a multiple of it."""
    floor = next(cost.bare for cost in costs if cost.step == _FLOOR)
    return {kind: (total - floor[kind]) / floor[kind] for kind, total in whole.items()}


def budget_cells(costs: Sequence[Cost], whole: dict[str, float]) -> Cells:
    """Ours and at least, for each kind; the last rows are the sum and what of it is not the recovery."""
    head = ["step", *whole, "at least with"]
    rows = []
    for cost in costs:
        cells = [_pair(cost.ours.get(kind), cost.bare.get(kind)) for kind in whole]
        rows.append([f"(in it: {cost.step})" if cost.step in _PARTS else cost.step, *cells, cost.library])
    rows.append(["the whole server", *(f"{total:.0f}" for total in whole.values()), ""])
    beside = beside_the_floor(costs, whole)
    rows.append(
        ["all but the recovery, in recoveries", *(f"{times:.1f}×" for times in beside.values()), "goal: 2×"]
    )
    return head, rows


def _pair(ours: float | None, bare: float | None) -> str:
    if ours is None:
        return ""
    return f"{ours:.1f}" if bare is None else f"{ours:.1f} / {bare:.1f}"
