"""How many requests are in work, and from when on more are refused: early and cheaply, before anything is read."""

from __future__ import annotations

__all__ = ["Load", "Work"]


class Load:
    """Counts the requests in work, of which there are at most `limit`. One that waits for work to do is none."""

    __slots__ = ("in_work", "limit", "refused")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_work = 0
        self.refused = 0
        """How many requests were refused."""

    def begin(self) -> Work | None:
        """Count one more; None if it is too much."""
        if self.in_work >= self.limit:
            self.refused += 1
            return None
        self.in_work += 1
        return Work(self)


class Work:
    """One request in work."""

    __slots__ = ("_load",)

    def __init__(self, load: Load) -> None:
        self._load: Load | None = load

    def end(self) -> None:
        """It is answered, or waits. May be called twice."""
        if self._load is not None:
            self._load.in_work -= 1
            self._load = None
