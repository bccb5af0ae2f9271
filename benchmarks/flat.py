"""Whether what an RPC costs depends on how many other things there are: the bare fold, at several sizes.

The sizes take turns, so that what else the machine does bears on all of them alike. What counts is
processor time, without signatures and HTTP, with the encoding of the reply.
"""

from __future__ import annotations

import gc
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.crowd import Crowd
from benchmarks.crowds import CROWDS
from benchmarks.folded import Folded
from benchmarks.table import Cells
from services.replica.replica import GC_THRESHOLD

__all__ = ["Flatness", "flat_cells", "measure_flat"]

_ROUNDS = 9
_TURNS = 20
"""Operations in one round."""
_ENOUGH = 1_000_000_000
"""Processor time, in nanoseconds, after which an operation was measured well enough at one size."""
_REFERENCE = 1000
"""The size to which the others are compared."""


class Flatness(NamedTuple):
    """What one operation costs at each size."""

    crowd: str
    operation: str
    microseconds: dict[int, float]
    """The median, by size."""
    bytes_each: int
    """Memory that each thing of the crowd takes, 0 where the crowd is too small to tell."""

    @property
    def ratio(self) -> float:
        """What the largest size costs, compared to 1000."""
        largest = self.microseconds[max(self.microseconds)]
        return largest / self.microseconds.get(_REFERENCE, self.microseconds[min(self.microseconds)])


def measure_flat(sizes: Sequence[int], only: str = "") -> list[Flatness]:
    """Measure every operation whose crowd has `only` in its name."""
    return [
        row for crowd in CROWDS if only in crowd.name for row in _measure(crowd, [*_allowed(crowd, sizes)])
    ]


def _allowed(crowd: Crowd, sizes: Sequence[int]) -> list[int]:
    return sorted(size for size in sizes if size <= crowd.largest)


def _measure(crowd: Crowd, sizes: Sequence[int]) -> list[Flatness]:
    colonies: dict[int, Folded] = {}
    gc.set_threshold(GC_THRESHOLD)
    used = 0
    for size in sizes:
        gc.freeze()
        before = _resident_bytes()
        colonies[size] = Folded()
        crowd.build(colonies[size], size)
        used = (_resident_bytes() - before) // size
    gc.collect()
    gc.freeze()
    rows = []
    for name, operation in crowd.operations:
        laps: dict[int, list[int]] = {size: [] for size in sizes}
        for _ in range(_ROUNDS):
            for size, folded in colonies.items():
                for _ in range(_TURNS):
                    if sum(laps[size]) < _ENOUGH:
                        before = folded.spent
                        operation(folded)
                        laps[size].append(folded.spent - before)
        costs = {size: statistics.median(each) / 1000 for size, each in laps.items()}
        rows.append(Flatness(crowd.name, name, costs, used if sizes[-1] >= 10**5 else 0))
    gc.unfreeze()
    return rows


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def flat_cells(rows: Sequence[Flatness]) -> Cells:
    """The costs by size, and how the largest compares to 1000."""
    sizes = sorted({size for row in rows for size in row.microseconds})
    head = ["full of", "what is done", *(f"{size:,}" for size in sizes), "ratio", "bytes each"]
    cells = []
    former = ""
    for row in rows:
        costs = [f"{row.microseconds[size]:,.1f}" if size in row.microseconds else "" for size in sizes]
        again = row.crowd == former
        each = f"{row.bytes_each:,}" if row.bytes_each and not again else ""
        cells.append(["" if again else row.crowd, row.operation, *costs, f"{row.ratio:.1f}×", each])
        former = row.crowd
    return head, cells
