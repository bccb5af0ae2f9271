"""Counts by state, of a colony and of the server (protocol: processes.md section 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonyledger.wire import ExecutorState, GetColonyStatistics, GetStatistics, Statistics

from projections.event import Refusal
from projections.locators import named_colony
from projections.registry import Role, query

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import View

__all__ = ["get_colony_statistics", "get_statistics"]


def _count(colonies: list[Colony]) -> Statistics:
    counted = Statistics(colonies=len(colonies))
    for colony in colonies:
        counted.executors += sum(colony.executors.counts)
        counted.activeexecutors += colony.executors.counts[ExecutorState.APPROVED]
        counted.unregisteredexecutors += colony.executors.counts[ExecutorState.UNREGISTERED]
        waiting, running, successful, failed, cancelled = colony.processes.counts
        counted.waitingprocesses += waiting
        counted.runningprocesses += running
        counted.successfulprocesses += successful
        counted.failedprocesses += failed
        counted.cancelledprocesses += cancelled
        waiting, running, successful, failed, cancelled = colony.graphs.counts
        counted.waitingworkflows += waiting
        counted.runningworkflows += running
        counted.successfulworkflows += successful
        counted.failedworkflows += failed
        counted.cancelledworkflows += cancelled
    return counted


@query(GetStatistics, Role.SERVER_OWNER, None, "get statistics")
def get_statistics(views: list[View], message: GetStatistics) -> Statistics:
    """Counts of the whole server; executors that were removed are not counted as executors."""
    counted = _count([colony for view in views for colony in view.state.colonies.values()])
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
    return _count([colony])
