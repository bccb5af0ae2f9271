"""How long to wait, and how often to try: the pure part of retrying and polling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import SystemRandom
from time import monotonic

from colonyledger.errors import WaitTimedOut

__all__ = ["DEFAULT_RETRIES", "Backoff", "Patience", "Retries"]

_CHANCE = SystemRandom()


@dataclass(frozen=True)
class Retries:
    """How a client repeats a call that found no server, or one that is not ready.

    The pause before each repeat doubles, up to `longest`, and is shortened by a random part of up
    to a half, so that many clients do not return at the same moment.
    """

    attempts: int = 6
    """How often a call is sent at most, the first time included."""
    first: float = 0.1
    """Seconds before the first repeat."""
    longest: float = 10.0
    """Seconds that no pause exceeds, not even if the server asks for more."""

    def pauses(self) -> Iterator[float]:
        """The seconds to wait before each repeat of one call."""
        pause = self.first
        for _ in range(self.attempts - 1):
            yield min(pause, self.longest) * _CHANCE.uniform(0.5, 1.0)
            pause = min(pause * 2, self.longest)


DEFAULT_RETRIES = Retries()
"""About three seconds of trying."""


class Patience:
    """The pauses between two looks at something that takes its time; they grow from 20 ms to 1 s."""

    _FIRST = 0.02
    _LONGEST = 1.0
    _GROWTH = 1.5

    def __init__(self, timeout: float | None, waiting_for: str) -> None:
        self._ends = None if timeout is None else monotonic() + timeout
        self._timeout = timeout
        self._waiting_for = waiting_for
        self._pause = self._FIRST

    def next(self) -> float:
        """The seconds to wait before the next look.

        Raises:
            WaitTimedOut: the time is over.
        """
        pause = self._pause
        self._pause = min(pause * self._GROWTH, self._LONGEST)
        if self._ends is None:
            return pause
        left = self._ends - monotonic()
        if left <= 0:
            raise WaitTimedOut(f"{self._waiting_for} did not end within {self._timeout:g} s.")
        return min(pause, left)

    def whole_seconds(self, most: int) -> int:
        """The whole seconds that are left, at most `most`."""
        return most if self._ends is None else max(0, min(int(self._ends - monotonic()), most))


class Backoff:
    """The pauses of somebody who never gives up; they double from half a second to half a minute."""

    _FIRST = 0.5
    _LONGEST = 30.0

    def __init__(self) -> None:
        self._pause = self._FIRST

    def next(self) -> float:
        """The seconds to wait before the next try."""
        pause = self._pause * _CHANCE.uniform(0.5, 1.0)
        self._pause = min(self._pause * 2, self._LONGEST)
        return pause

    def reset(self) -> None:
        """Begin again with short pauses, after a success."""
        self._pause = self._FIRST
