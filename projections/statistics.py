"""Counts by state, of a colony and of the server (protocol: processes.md section 10)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from colonyledger.wire import (
    ExecutorState,
    GetColonyStatistics,
    GetStatistics,
    ProcessState,
    Statistics,
)

from projections.event import Refusal
from projections.locators import named_colony
from projections.registry import Role, query

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import View

__all__ = ["get_colony_statistics", "get_statistics"]


def _statistics(
    colonies: int, processes: Sequence[int], graphs: Sequence[int], executors: Sequence[int]
) -> Statistics:
    return Statistics(
        colonies=colonies,
        executors=sum(executors),
        activeexecutors=executors[ExecutorState.APPROVED],
        unregisteredexecutors=executors[ExecutorState.UNREGISTERED],
        waitingprocesses=processes[ProcessState.WAITING],
        runningprocesses=processes[ProcessState.RUNNING],
        successfulprocesses=processes[ProcessState.SUCCESS],
        failedprocesses=processes[ProcessState.FAILED],
        cancelledprocesses=processes[ProcessState.CANCELLED],
        waitingworkflows=graphs[ProcessState.WAITING],
        runningworkflows=graphs[ProcessState.RUNNING],
        successfulworkflows=graphs[ProcessState.SUCCESS],
        failedworkflows=graphs[ProcessState.FAILED],
        cancelledworkflows=graphs[ProcessState.CANCELLED],
    )


def _sum(counts: Iterable[Sequence[int]]) -> list[int]:
    return [sum(each) for each in zip(*counts, strict=True)]


@query(GetStatistics, Role.SERVER_OWNER, None, "get statistics")
def get_statistics(views: list[View], message: GetStatistics) -> Statistics:
    """Counts of the whole server; executors that were removed are not counted as executors."""
    totals = [view.state.totals for view in views]
    counted = _statistics(
        sum(len(view.state.colonies) for view in views),
        _sum(each.processes for each in totals),
        _sum(each.graphs for each in totals),
        _sum(each.executors for each in totals),
    )
    counted.executors -= counted.unregisteredexecutors
    return counted


@query(
    GetColonyStatistics,
    Role.MEMBER,
    named_colony(
        lambda message: message.colonyname, lambda name: Refusal(400, f"Colony with name <{name}> not found")
    ),
    "get colony statistics",
)
def get_colony_statistics(view: View, message: GetColonyStatistics, colony: Colony) -> Statistics:
    """Counts of one colony; executors that were removed are counted (members.md section 1)."""
    return _statistics(1, colony.processes.counts, colony.graphs.counts, colony.executors.counts)
