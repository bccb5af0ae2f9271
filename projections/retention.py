"""What is to leave memory some time after it has ended (protocol: queue.md section 8, quirks Q11 and Q12).

Processes of their own leave, and workflows as a whole once nothing of them is to run; the time counts
from the end. Log lines leave by their own time, but not before their process has ended. This keeps
who is next; `projections.expiry` lets them go.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from colonyledger.wire import SECOND, ProcessState

if TYPE_CHECKING:
    from projections.graphs import LiveGraph
    from projections.process import LiveProcess
    from projections.state import Settings, State
    from projections.turn import Turn

__all__ = ["Retention", "is_over", "leaves"]


class Retention:
    """The ended processes and workflows of one colony that are to leave, by the time when they ended."""

    __slots__ = ("deadline", "ended")

    def __init__(self) -> None:
        self.ended: deque[tuple[int, str]] = deque()
        """When they ended, in nanoseconds since 1970, and their ids; oldest first."""
        self.deadline = 0
        """When it is seen to next that they leave; 0 for not at all."""

    def process_ended(self, turn: Turn, process: LiveProcess, graph: LiveGraph | None) -> None:
        """Take note that a process has reached a final state; `graph` is its workflow if it has one."""
        settings, record = turn.state.settings, process.record
        if settings.retention_seconds:
            if graph is None and leaves(settings, record.state):
                self.ended.append((turn.now, record.processid))
            elif graph is not None and is_over(graph) and leaves(settings, graph.record.state):
                self.ended.append((turn.now, record.processgraphid))
            self.look(turn.state, process.colony, turn.now)

    def look(self, state: State, colony: str, ended: int) -> None:
        """See to it that what ended at a time, or was written then, leaves when it may."""
        seconds = state.settings.retention_seconds
        if seconds and not self.deadline:
            self.look_at(state, colony, ended + seconds * SECOND)

    def look_at(self, state: State, colony: str, deadline: int) -> None:
        """See at a time to what is to leave."""
        self.deadline = deadline
        state.timers.set(deadline, "retention", colony, deadline)


def is_over(graph: LiveGraph) -> bool:
    """Whether nothing of a workflow is to run any more; one that failed may still have processes that run."""
    return graph.counts[ProcessState.WAITING] + graph.counts[ProcessState.RUNNING] == 0


def leaves(settings: Settings, state: int) -> bool:
    """Whether what ended in a state leaves at all."""
    return settings.retention_all or state == ProcessState.SUCCESS
