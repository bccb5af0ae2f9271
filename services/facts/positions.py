"""What a consumer of facts has seen. Two publishers at a time send some facts twice; here they are dropped."""

from __future__ import annotations

from services.facts.fact import NO_POSITION, Fact, Position

__all__ = ["Positions"]


class Positions:
    """The newest position that was seen of each partition.

    Each publisher sends the facts of a partition in order and leaves none out, so of all copies the
    first one counts, and whatever is not behind the newest one seen is a copy.
    """

    def __init__(self) -> None:
        self._seen: dict[int, Position] = {}

    def is_new(self, fact: Fact) -> bool:
        """Whether `fact` was not seen before; from now on it was."""
        if fact.at <= self._seen.get(fact.partition, NO_POSITION):
            return False
        self._seen[fact.partition] = fact.at
        return True

    def forget(self, partition: int) -> None:
        """Begin anew with a partition: what comes next was not seen."""
        self._seen.pop(partition, None)

    def of(self, partition: int) -> Position:
        """The newest position that was seen of a partition."""
        return self._seen.get(partition, NO_POSITION)
