"""Who waits for an executor, and which of them an executor gets (protocol: queue.md sections 3 and 4)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from colonyledger.wire import Executor

from projections.ordering import Entry, Heap

__all__ = ["UNLIMITED", "Limits", "Needs", "Queue"]

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


class Limits(msgspec.Struct, frozen=True):
    """What an assign request has free: millicores and bytes."""

    cpu: int = UNLIMITED
    mem: int = UNLIMITED


class _Groups:
    """The candidates of one executor type, apart by what they need, so that all of a group fit or none."""

    __slots__ = ("candidates", "named", "open")

    def __init__(self) -> None:
        self.candidates = 0
        self.open: dict[Needs, Heap] = {}
        self.named: dict[str, dict[Needs, Heap]] = {}

    def places(self, needs: Needs) -> list[dict[Needs, Heap]]:
        """The tables that a group belongs to: the open one, or one for each executor that it names."""
        if not needs.executornames:
            return [self.open]
        return [self.named.setdefault(name, {}) for name in needs.executornames]


class Queue:
    """The candidates of one colony: processes that are waiting and wait for no parent.

    Finding the best candidate for an executor costs O(groups + log candidates), where a group is a
    distinct combination of location, processor and memory among those that wait for its type.
    """

    __slots__ = ("_alive", "_types")

    def __init__(self, alive: Callable[[Entry], bool]) -> None:
        self._alive = alive
        self._types: dict[str, _Groups] = {}

    def add(self, needs: Needs, entry: Entry) -> None:
        """Make a process a candidate; `entry` starts with its priority time and ends with its id."""
        groups = self._types.get(needs.executortype)
        if groups is None:
            groups = self._types[needs.executortype] = _Groups()
        places = groups.places(needs)
        heap = places[0].get(needs)
        if heap is None:
            heap = Heap(self._alive)
            for place in places:
                place[needs] = heap
        heap.add(entry)
        groups.candidates += 1

    def left(self, needs: Needs) -> None:
        """Take note that one candidate with these needs is no longer one."""
        groups = self._types[needs.executortype]
        groups.candidates -= 1
        places = groups.places(needs)
        heap = places[0][needs]
        heap.left()
        if heap.live:
            return
        for place in places:
            del place[needs]
        for name in needs.executornames:
            if not groups.named[name]:
                del groups.named[name]
        if not groups.open and not groups.named:
            del self._types[needs.executortype]

    def waiting(self, executortype: str) -> int:
        """How many candidates there are for executors of a type."""
        groups = self._types.get(executortype)
        return 0 if groups is None else groups.candidates

    def best(self, executor: Executor, limits: Limits) -> str | None:
        """The id of the first candidate that `executor` can get, None if there is none."""
        groups = self._types.get(executor.executortype)
        if groups is None:
            return None
        location = executor.locationname.casefold()
        best: Entry | None = None
        for table in (groups.open, groups.named.get(executor.executorname)):
            for needs, heap in table.items() if table else ():
                if (
                    needs.cpu <= limits.cpu
                    and needs.mem <= limits.mem
                    and needs.locationname in ("", location)
                ):
                    entry = heap.first()
                    if entry is not None and (best is None or entry < best):
                        best = entry
        return None if best is None else best[-1]

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
