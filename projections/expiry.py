"""Retention: letting go what ended long enough ago; the history keeps it (protocol: queue.md section 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonyledger.wire import SECOND, Log, nanoseconds

from projections import lifecycle
from projections.limits import EXPIRED_AT_ONCE
from projections.process import FINAL
from projections.retention import Retention, is_over, leaves
from projections.timers import timer

if TYPE_CHECKING:
    from projections.state import Colony, State
    from projections.turn import Turn

__all__ = ["retain_all"]

_MILLISECOND = 1_000_000


def retain_all(state: State) -> None:
    """Collect anew what is to leave: an operator has changed what leaves, or when."""
    for name, colony in state.colonies.items():
        colony.retention = Retention()
        if state.settings.retention_seconds:
            colony.retention.ended.extend(sorted(_ended(state, colony)))
            _look_again(state, name, colony)


def _ended(state: State, colony: Colony) -> list[tuple[int, str]]:
    alone = [
        (nanoseconds(process.record.endtime), processid)
        for processid, process in colony.processes.by_id.items()
        if not process.record.processgraphid
        and process.record.state in FINAL
        and leaves(state.settings, process.record.state)
    ]
    graphs = [
        (
            max(nanoseconds(colony.processes.by_id[member].record.endtime) for member in graph.members),
            graphid,
        )
        for graphid, graph in colony.graphs.by_id.items()
        if is_over(graph) and leaves(state.settings, graph.record.state)
    ]
    return alone + graphs


def _due(state: State, name: str, deadline: int) -> tuple[str, Colony] | None:
    colony = state.colonies.get(name)
    return None if colony is None or colony.retention.deadline != deadline else (name, colony)


@timer("retention", _due)
def let_go(turn: Turn, found: tuple[str, Colony]) -> None:
    """Let go what ended before the time that the policy gives; a great many go in several steps."""
    name, colony = found
    ended = colony.retention.ended
    limit = turn.now - turn.state.settings.retention_seconds * SECOND
    left = EXPIRED_AT_ONCE
    while left > 0 and ended and ended[0][0] <= limit:
        left -= _remove(turn, colony, ended.popleft()[1])
    while left > 0 and (line := _leaving_line(colony)) is not None and line.timestamp <= limit:
        colony.logs.drop_oldest()
        left -= 1
    if left > 0:
        colony.retention.deadline = 0
        _look_again(turn.state, name, colony)
    else:
        colony.retention.look_at(turn.state, name, turn.now + _MILLISECOND)


def _look_again(state: State, name: str, colony: Colony) -> None:
    """Look again when the next one is to leave."""
    line = _leaving_line(colony)
    times = [colony.retention.ended[0][0]] if colony.retention.ended else []
    times += [line.timestamp] if line is not None else []
    if times:
        colony.retention.look(state, name, min(times))


def _leaving_line(colony: Colony) -> Log | None:
    """The oldest line; None if there is none, or if its process is still to end and brings it up then."""
    line = next(iter(colony.logs.lines), None)
    process = None if line is None else colony.processes.by_id.get(line.processid)
    return None if process is not None and process.record.state not in FINAL else line


def _remove(turn: Turn, colony: Colony, identifier: str) -> int:
    """Forget a process or a workflow that may have been removed already, and say how many processes that were."""
    graph = colony.graphs.by_id.get(identifier)
    if graph is not None:
        lifecycle.remove_graph(turn, colony, graph)
        return len(graph.members)
    process = colony.processes.by_id.get(identifier)
    if process is not None:
        lifecycle.remove(turn, colony, process)
    return 1
