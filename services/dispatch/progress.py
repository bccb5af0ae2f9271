"""How far a partition of requests is done."""

from __future__ import annotations

__all__ = ["Progress"]


class Progress:
    """The requests of one partition: begun in order, done in any."""

    __slots__ = ("_open", "committed", "next")

    def __init__(self, offset: int) -> None:
        self.next = offset
        """The offset that comes next."""
        self.committed = offset
        """What the group knows to be done: everything before it."""
        self._open: dict[int, None] = {}

    def begin(self, offset: int) -> None:
        """The request at `offset` is taken."""
        self._open[offset] = None
        self.next = offset + 1

    def finish(self, offset: int) -> None:
        """It needs nothing more from this partition."""
        self._open.pop(offset, None)

    @property
    def done(self) -> int:
        """The lowest offset that is not done."""
        return next(iter(self._open), self.next)
