"""Executors that are not heard from any more (protocol: members.md section 3.3, queue.md quirk Q5).

Any signed call is a sign of life, and so is a running process whose deadline is to come. After
`stale_executor_seconds` without one an executor gets `cleanup_seconds` more, for the server may have
been away meanwhile; then it is unregistered.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from colonyledger.wire import SECOND, ZERO_TIME, Executor, ExecutorState, nanoseconds

from projections.executors import unregister
from projections.timers import timer

if TYPE_CHECKING:
    from projections.state import Colony, State
    from projections.turn import Turn

__all__ = ["Watch", "hear", "watch_all"]


class Watch(msgspec.Struct, frozen=True, gc=False):
    """When an executor is looked at next, in nanoseconds since 1970."""

    deadline: int
    silent_since: int
    """The last sign of life of one that was found silent before, else 0."""


class _Watched(NamedTuple):
    colony: Colony
    executor: Executor
    watch: Watch


def hear(state: State, executor: Executor, moment: datetime) -> None:
    """Take note of a sign of life; the first one begins the watch."""
    if executor.lastheardfromtime == ZERO_TIME:
        colony = state.colonies[executor.colonyname]
        _watch(state, colony, executor, nanoseconds(moment) + _patience(state))
    executor.lastheardfromtime = moment


def watch_all(state: State) -> None:
    """Look after all executors anew: an operator has changed how long they may be silent."""
    for colony in state.colonies.values():
        colony.watches.clear()
        for executor in colony.executors.by_name.values():
            if executor.state != ExecutorState.UNREGISTERED and executor.lastheardfromtime != ZERO_TIME:
                heard = nanoseconds(executor.lastheardfromtime)
                _watch(state, colony, executor, heard + _patience(state))


def _patience(state: State) -> int:
    return state.settings.stale_executor_seconds * SECOND


def _watch(state: State, colony: Colony, executor: Executor, deadline: int, silent_since: int = 0) -> None:
    if state.settings.stale_executor_seconds:
        colony.watches[executor.executorname] = Watch(deadline, silent_since)
        state.timers.set(deadline, "stale", colony.tag + executor.executorname, deadline)


def _watched(state: State, key: str, deadline: int) -> _Watched | None:
    for colony in state.homes(key):
        name = key.removeprefix(colony.tag)
        watch = colony.watches.get(name)
        if watch is not None and watch.deadline == deadline:
            return _Watched(colony, colony.executors.by_name[name], watch)
    return None


@timer("stale", _watched)
def look_after(turn: Turn, watched: _Watched) -> None:
    """Unregister an executor if it has been silent for too long; else look again when it may be."""
    colony, executor, watch = watched
    del colony.watches[executor.executorname]
    if executor.state == ExecutorState.UNREGISTERED or executor.lastheardfromtime == ZERO_TIME:
        return
    heard = nanoseconds(executor.lastheardfromtime)
    running = colony.processes.running.get(executor.executorid, ())
    deadlines = [colony.processes.by_id[processid].execdeadline for processid in running]
    alive_until = max([heard + _patience(turn.state), *deadlines])
    grace = turn.state.settings.cleanup_seconds * SECOND
    if alive_until > turn.now:
        _watch(turn.state, colony, executor, alive_until)
    elif watch.silent_since == heard or not grace:
        unregister(turn, colony, executor)
    else:
        _watch(turn.state, colony, executor, turn.now + grace, heard)
