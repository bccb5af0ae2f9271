"""Who waits for an executor, and which of them an executor gets (protocol: queue.md sections 3 and 4)."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec
from colonyledger.wire import Executor

from projections.sizes import Size, Sizes

if TYPE_CHECKING:
    from projections.process import LiveProcess

__all__ = ["UNLIMITED", "Limits", "Needs", "Queue"]

_ORDER = attrgetter("place")
_SIZE = attrgetter("needs.size")
_ANY = (None,)

UNLIMITED = 2**63 - 1
"""An assign request's limit of processor or memory that it does not give."""


class Needs(msgspec.Struct, frozen=True):
    """What a process asks of an executor.

    `executornames` has no name twice, `locationname` is case-folded, `cpu` is in millicores, `mem` in bytes.
    """

    executortype: str
    executornames: tuple[str, ...]
    locationname: str
    cpu: int
    mem: int

    @property
    def size(self) -> Size:
        """What it needs of processor and memory."""
        return self.cpu, self.mem


class Limits(msgspec.Struct, frozen=True):
    """What an assign request has free: millicores and bytes."""

    cpu: int = UNLIMITED
    mem: int = UNLIMITED


_Place = tuple[str, str | None, str]
"""An executor type, the name of an executor or None for any of the type, and a location or "" for any."""


class Queue:
    """The candidates of one colony: processes that are waiting and wait for no parent.

    Finding the first one that an executor can get costs O(log candidates), also if the first ones at its
    place need more processor or memory than it has free.
    """

    __slots__ = ("_tables", "_waiting")

    def __init__(self) -> None:
        self._tables: dict[_Place, Sizes[LiveProcess]] = {}
        self._waiting: dict[str, int] = {}

    def add(self, process: LiveProcess) -> None:
        """Make a process a candidate; until it is removed, its place must stay."""
        needs = process.needs
        self._waiting[needs.executortype] = self._waiting.get(needs.executortype, 0) + 1
        for name in needs.executornames or _ANY:
            place = (needs.executortype, name, needs.locationname)
            table = self._tables.get(place)
            if table is None:
                self._tables[place] = Sizes(_ORDER, _SIZE, process)
            else:
                table.add(process)

    def remove(self, process: LiveProcess) -> None:
        """Take note that a candidate is no longer one."""
        needs = process.needs
        self._waiting[needs.executortype] -= 1
        if not self._waiting[needs.executortype]:
            del self._waiting[needs.executortype]
        for name in needs.executornames or _ANY:
            place = (needs.executortype, name, needs.locationname)
            if not self._tables[place].remove(process):
                del self._tables[place]

    def waiting(self, executortype: str) -> int:
        """How many candidates there are for executors of a type."""
        return self._waiting.get(executortype, 0)

    def best(self, executor: Executor, limits: Limits) -> str | None:
        """The id of the first candidate that `executor` can get, None if there is none."""
        kind = executor.executortype
        if kind not in self._waiting:
            return None
        firsts = []
        for location in dict.fromkeys(("", executor.locationname.casefold())):
            for name in (None, executor.executorname):
                table = self._tables.get((kind, name, location))
                first = None if table is None else table.within((limits.cpu, limits.mem))
                if first is not None:
                    firsts.append(first)
        return min(firsts, key=_ORDER).record.processid if firsts else None

    @staticmethod
    def fits(needs: Needs, executor: Executor, limits: Limits) -> bool:
        """Whether a candidate with `needs` can go to `executor`."""
        return (
            needs.executortype == executor.executortype
            and (not needs.executornames or executor.executorname in needs.executornames)
            and needs.locationname in ("", executor.locationname.casefold())
            and needs.cpu <= limits.cpu
            and needs.mem <= limits.mem
        )
