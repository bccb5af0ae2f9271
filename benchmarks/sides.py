"""Servers that are measured in turns, and what was measured at each."""

from __future__ import annotations

import asyncio
import gc
import math
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from colonyledger.identity import Identity

from benchmarks.connection import Broken, Refused
from benchmarks.programs import cpu_seconds, memory_mib

if TYPE_CHECKING:
    from benchmarks.workload import Workload

__all__ = ["Measured", "Run", "Side", "percentile"]

_GIVES_UP_SECONDS = 600
"""Time for one run of one workload, with what it prepares; a server that takes longer has failed it."""


@dataclass
class Measured:
    """What came of one run of a workload."""

    operations: int = 0
    rpcs: int = 0
    latencies: list[float] = field(default_factory=list)
    """Seconds of each operation."""
    stalled: int = 0
    """Operations that took a second or longer although somebody was there to be served at once."""
    seconds: float = 0.0
    """Time that was measured, without preparations and checks."""
    server_cpu: float = 0.0
    store_cpu: float = 0.0
    driver_cpu: float = 0.0


class Run(NamedTuple):
    """The figures of one run."""

    per_s: float
    p50_ms: float
    p99_ms: float
    stalled: int
    operations: int
    cpu_us: float
    """Processor time of the server and of what it stores in, per RPC, in µs; not a number if not known."""
    store_us: float
    """The part of it that is not the server's own."""
    driver_cores: float
    """Share of a core that this program took from the machine meanwhile."""


class Side:
    """One server that is measured: where it is, the processes that are its own and those of its store."""

    def __init__(
        self,
        name: str,
        url: str,
        owner: Identity,
        pids: Sequence[int] = (),
        store: Sequence[int] = (),
        *,
        ours: bool = False,
    ) -> None:
        self.name, self.url, self.owner = name, url, owner
        self.pids, self.store = tuple(pids), tuple(store)
        self.ours = ours
        self.runs: dict[str, list[Run]] = {}
        self.failures: dict[str, str] = {}
        """Why a workload has no figures, by its name."""

    @contextmanager
    def measuring(self, measured: Measured) -> Iterator[None]:
        """Add time and processor time of what happens inside to `measured`."""
        gc.collect()
        gc.disable()
        server, store = cpu_seconds(*self.pids), cpu_seconds(*self.store)
        driver, began = time.process_time(), time.perf_counter()
        try:
            yield
        finally:
            measured.seconds += time.perf_counter() - began
            measured.driver_cpu += time.process_time() - driver
            measured.server_cpu += cpu_seconds(*self.pids) - server
            measured.store_cpu += cpu_seconds(*self.store) - store
            gc.enable()

    async def run(self, workload: Workload) -> None:
        """Measure one workload once. If the server fails it, that is kept instead, and it is not asked again."""
        if workload.name in self.failures:
            return
        try:
            async with asyncio.timeout(_GIVES_UP_SECONDS):
                measured = await workload.run(self)
        except (Broken, Refused, TimeoutError, OSError) as error:
            self.failures[workload.name] = f"{type(error).__name__}: {error}"
            self.runs.pop(workload.name, None)
        else:
            self.runs.setdefault(workload.name, []).append(_run(measured, known=bool(self.pids)))

    def median(self, name: str, figure: str) -> float | None:
        """The median of one figure over the runs of a workload; None if there are none."""
        runs = self.runs.get(name)
        return statistics.median(getattr(run, figure) for run in runs) if runs else None

    def memory(self) -> tuple[float, float] | None:
        """PSS of the server and of its store, in MiB; None if its processes are not known."""
        return (memory_mib(*self.pids), memory_mib(*self.store)) if self.pids else None


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` of all values are not above; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] if ordered else 0.0


def _run(measured: Measured, *, known: bool) -> Run:
    rpcs = measured.rpcs or measured.operations
    return Run(
        per_s=measured.operations / measured.seconds,
        p50_ms=percentile(measured.latencies, 50) * 1000,
        p99_ms=percentile(measured.latencies, 99) * 1000,
        stalled=measured.stalled,
        operations=measured.operations,
        cpu_us=(measured.server_cpu + measured.store_cpu) / rpcs * 1e6 if known else math.nan,
        store_us=measured.store_cpu / rpcs * 1e6 if known else math.nan,
        driver_cores=measured.driver_cpu / measured.seconds,
    )
