"""Workflows as the fold keeps them: counts by state, from which the workflow's own state follows at once.

Protocol: workflows.md sections 4 and 7.
"""

from __future__ import annotations

from itertools import islice
from operator import attrgetter

import msgspec
from colonyledger.wire import ProcessGraph, ProcessState

from projections.ordering import Ordered
from projections.process import FINAL

__all__ = ["Graphs", "LiveGraph"]

_NUMBER = attrgetter("number")


class LiveGraph(msgspec.Struct, gc=False):
    """A workflow: its record, its members in the order of their addition, and how many are in each state.

    The record's list of processes is that of the members.
    """

    record: ProcessGraph
    offset: int
    members: list[str]
    counts: list[int]
    number: int = 0
    """How many came before it in its colony."""

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

    __slots__ = ("_listings", "_numbers", "_totals", "by_id", "counts")

    def __init__(self, totals: list[int]) -> None:
        self.by_id: dict[str, LiveGraph] = {}
        self.counts = [0, 0, 0, 0, 0]
        self._totals = totals
        """How many workflows of all colonies are in each state."""
        self._numbers = 0
        self._listings: list[Ordered[LiveGraph] | None] = [None, None, None, None, None]

    def add(self, graph: LiveGraph) -> None:
        """Keep a new workflow."""
        graph.number = self._numbers
        self._numbers += 1
        self.by_id[graph.record.processgraphid] = graph
        self._enter(graph)

    def set_state(self, graph: LiveGraph, state: int) -> None:
        """Move a workflow to the listing of another state."""
        self._leave(graph)
        graph.record.state = state
        self._enter(graph)

    def remove(self, graph: LiveGraph) -> None:
        """Forget a workflow; its processes are the caller's to remove."""
        self._leave(graph)
        del self.by_id[graph.record.processgraphid]

    def listed(self, state: int, count: int) -> list[LiveGraph]:
        """Up to `count` workflows in `state`, newest submission first."""
        return list(islice(reversed(self._listings[state] or ()), count))

    def in_state(self, state: int) -> list[LiveGraph]:
        """The workflows in a state, oldest submission first."""
        return list(self._listings[state] or ())

    def _enter(self, graph: LiveGraph) -> None:
        state = graph.record.state
        self.counts[state] += 1
        self._totals[state] += 1
        listing = self._listings[state]
        if listing is None:
            self._listings[state] = Ordered(_NUMBER, graph)
        else:
            listing.add(graph)

    def _leave(self, graph: LiveGraph) -> None:
        state = graph.record.state
        self.counts[state] -= 1
        self._totals[state] -= 1
        listing = self._listings[state]
        if listing is not None and not listing.remove(graph):
            self._listings[state] = None
