"""What a rule is given: a View to answer from, or a Turn to change state in."""

from __future__ import annotations

import hashlib
from datetime import datetime

from colonyledger.wire import Executor, instant

from projections.event import Event, Fact
from projections.state import Colony, State

__all__ = ["Turn", "View"]


class View:
    """The state as one caller sees it. `executor` is the caller's record if it is an executor of the colony."""

    __slots__ = ("caller", "executor", "now", "state")

    def __init__(self, state: State, caller: str, now: int = 0) -> None:
        self.state = state
        self.caller = caller
        self.executor: Executor | None = None
        self.now = max(now, state.clock)
        """When the question is asked, nanoseconds since 1970. A log that rests has an older clock."""


class Turn(View):
    """One event's turn to change the state."""

    __slots__ = ("_ids", "_moment", "event", "facts", "failures")

    def __init__(self, state: State, event: Event) -> None:
        self.state = state
        self.caller = event.record.identity
        self.executor = None
        self.event = event
        self.now = state.clock
        """The log's clock, nanoseconds since 1970."""
        self.facts: list[Fact] = []
        self.failures: list[Exception] = []
        self._moment: datetime | None = None
        self._ids = 0

    @property
    def moment(self) -> datetime:
        """The log's clock as it is written on the wire."""
        if self._moment is None:
            self._moment = instant(self.now)
        return self._moment

    def tell(self, fact: Fact) -> None:
        """State a fact that became true."""
        self.facts.append(fact)

    def new_id(self, colony: Colony) -> str:
        """A fresh id of 64 hex digits: the colony's tag, then a hash of the record's place and content."""
        event = self.event
        seed = b"%d/%d/%d/%b" % (event.origin, event.offset, self._ids, event.record.digest)
        self._ids += 1
        return colony.tag + hashlib.sha3_256(seed).hexdigest()[:56]

    def next_index(self) -> int:
        """The number of the next id; with the offset it orders what one record created."""
        return self._ids
