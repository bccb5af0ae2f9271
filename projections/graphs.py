"""Workflows as the fold keeps them: counts by state, from which the workflow's own state follows at once.

Protocol: workflows.md sections 4 and 7.
"""

from __future__ import annotations

from itertools import islice

import msgspec
from colonyledger.wire import ProcessGraph, ProcessState

from projections.ordering import Entry, Heap
from projections.process import FINAL

__all__ = ["Graphs", "LiveGraph"]


class LiveGraph(msgspec.Struct, gc=False):
    """A workflow: its record, its members in the order of their addition, and how many are in each state."""

    record: ProcessGraph
    offset: int
    members: list[str]
    counts: list[int]
    changes: int = 0
    """How often its state changed."""
    entry: Entry | None = None

    @property
    def derived_state(self) -> int:
        """The state that follows from the members' states (workflows.md section 4)."""
        waiting, running, success, failed, cancelled = self.counts
        if failed:
            return ProcessState.FAILED.value
        if cancelled:
            return ProcessState.CANCELLED.value
        if not waiting and not running:
            return ProcessState.SUCCESS.value
        return ProcessState.RUNNING.value if running or success else ProcessState.WAITING.value

    @property
    def is_final(self) -> bool:
        """Whether its state is one that it never leaves."""
        return self.record.state in FINAL


class Graphs:
    """The workflows of one colony by id, and a listing for each state, newest first."""

    __slots__ = ("_listings", "by_id", "counts")

    def __init__(self) -> None:
        self.by_id: dict[str, LiveGraph] = {}
        self.counts = [0, 0, 0, 0, 0]
        self._listings = [Heap(self._alive) for _ in range(5)]

    def _alive(self, entry: Entry) -> bool:
        graph = self.by_id.get(entry[-1])
        return graph is not None and graph.entry is entry

    def add(self, graph: LiveGraph) -> None:
        """Keep a new workflow."""
        self.by_id[graph.record.processgraphid] = graph
        self._enter(graph)

    def set_state(self, graph: LiveGraph, state: int) -> None:
        """Move a workflow to the listing of another state."""
        self._leave(graph)
        graph.record.state = state
        graph.changes += 1
        self._enter(graph)

    def remove(self, graph: LiveGraph) -> None:
        """Forget a workflow; its processes are the caller's to remove."""
        self._leave(graph)
        del self.by_id[graph.record.processgraphid]

    def listed(self, state: int, count: int) -> list[LiveGraph]:
        """Up to `count` workflows in `state`, newest submission first."""
        return [self.by_id[entry[-1]] for entry in islice(self._listings[state], count)]

    def _enter(self, graph: LiveGraph) -> None:
        state = graph.record.state
        graph.entry = (-graph.offset, -graph.changes, graph.record.processgraphid)
        self.counts[state] += 1
        self._listings[state].add(graph.entry)

    def _leave(self, graph: LiveGraph) -> None:
        state = graph.record.state
        graph.entry = None
        self.counts[state] -= 1
        self._listings[state].left()
