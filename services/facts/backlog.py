"""The newest facts of one partition in memory, so that whoever begins to publish them need not read the ledger."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice

from services.facts.fact import Fact, Position

__all__ = ["Backlog"]


class Backlog:
    """All facts of the records from `since` on that were folded, at most `limit` or those of one record."""

    def __init__(self, since: int, limit: int) -> None:
        self.since = since
        """The offset from which on no fact is missing."""
        self._limit = limit
        self._facts: deque[Fact] = deque()

    def __len__(self) -> int:
        return len(self._facts)

    def add(self, facts: Sequence[Fact]) -> None:
        """Take the facts of the next record; the oldest ones go if there are too many."""
        self._facts.extend(facts)
        while len(self._facts) > max(self._limit, len(facts)):
            self.forget(Position(self._facts[0].offset + 1, -1))

    def forget(self, position: Position) -> None:
        """Let the facts of records before `position` go."""
        while self._facts and self._facts[0].offset < position.offset:
            self._facts.popleft()
        self.since = max(self.since, position.offset)

    def holds(self, position: Position) -> bool:
        """Whether every fact after `position` is here, as far as it was folded."""
        return self.since <= max(position.offset, 0)

    def after(self, position: Position, most: int) -> list[Fact]:
        """The next facts after `position`, which it must hold; records before that of `position` are forgotten."""
        self.forget(position)
        return list(islice((fact for fact in self._facts if fact.at > position), most))
