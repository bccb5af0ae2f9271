"""Windows counted beside the fold, in the server's own process: for a ledger that has no topics beside it.

The same counting as in a worker. Nothing is stored: after a restart, windows are counted from the
records that are folded then, and those that began before the first of them are not shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from projections.event import Change, ColonyRemoved, Event, Outcome, ProcessChanged
from projections.event import Fact as FoldFact
from projections.state import State
from services.facts.deriving import facts_of
from services.streams.counting import Counting
from services.streams.held import HeldWindows

__all__ = ["KEPT_SECONDS", "WINDOW_SECONDS", "CountingBeside"]

WINDOW_SECONDS = 60
"""How long a window is."""
KEPT_SECONDS = 3600
"""For how long windows are kept, by the ledger's time."""

_STORE_SECONDS = 1.0
_NANOSECONDS = 1_000_000_000
_COUNTED = (Change.ASSIGNED, Change.PUT_BACK, Change.CLOSED, Change.REMOVED)


class CountingBeside:
    """Counts what the fold of `states` makes true into `held`, from the states as they are now.

    `now` is the time, nanoseconds since 1970: what is too old to be kept is not counted.
    """

    def __init__(self, states: Sequence[State], held: HeldWindows, now: int) -> None:
        self._states = states
        self._held = held
        self._ready: dict[bytes, bytes] = {}
        oldest = now - KEPT_SECONDS * _NANOSECONDS
        self._begun = [max(state.clock + 1, oldest) for state in states]
        """From when on facts are counted, by partition: nobody asks for older ones."""
        self._counting = [
            Counting(held.all, self._ready, WINDOW_SECONDS, KEPT_SECONDS, begun) for begun in self._begun
        ]
        self._storing: asyncio.TimerHandle | None = None

    def accept(self, event: Event, outcome: Outcome) -> None:
        """Take what an event came to, right after it was folded. Returns at once."""
        state = self._states[event.partition]
        if state.clock < self._begun[event.partition]:
            return
        if not any(_matters(fact, state.clock) for fact in outcome.facts):
            return
        counting = self._counting[event.partition]
        for fact in facts_of(state, event, outcome, len(self._states)):
            counting.take(fact)
        if self._storing is None:
            self._storing = asyncio.get_running_loop().call_later(_STORE_SECONDS, self.store)

    def store(self) -> None:
        """Have everything that was folded by now in `held`; this happens by itself within a second."""
        if self._storing is not None:
            self._storing.cancel()
            self._storing = None
        for counting in self._counting:
            for _, key, value in (*counting.new_moments(), *counting.spent_moments()):
                if value is None:
                    self._ready.pop(key, None)
                else:
                    self._ready[key] = value
            for _, key, value in (*counting.changed_windows(), *counting.old_windows()):
                if not self._held.put(key, value):
                    counting.let_go(key)

    def stop(self) -> None:
        """Store nothing more."""
        if self._storing is not None:
            self._storing.cancel()


def _matters(fact: FoldFact, now: int) -> bool:
    """Whether windows depend on a fact, as they do not on a process that is ready at its submission."""
    if isinstance(fact, ProcessChanged):
        return fact.change in _COUNTED or (fact.change is Change.READY and fact.process.submitted != now)
    return isinstance(fact, ColonyRemoved)
