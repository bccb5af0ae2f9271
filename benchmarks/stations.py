"""A simulation of processes that share cores: what so many of them would do that cannot all be tried here."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

__all__ = ["Commit", "Machine", "Process", "Simulation"]

Then = Callable[[], None]


class Simulation:
    """A clock and what happens when; the same seed, the same run. Times are in seconds."""

    def __init__(self, seed: int = 1) -> None:
        self.now = 0.0
        self.random = random.Random(seed)  # noqa: S311 (it hides nothing)
        self._events: list[tuple[float, int, Then]] = []
        self._numbers = count()

    def after(self, seconds: float, then: Then) -> None:
        """Call `then` when that time has passed."""
        heappush(self._events, (self.now + seconds, next(self._numbers), then))

    def run(self, until: float) -> None:
        """Let happen what happens until then."""
        while self._events and self._events[0][0] <= until:
            self.now, _, then = heappop(self._events)
            then()


class Machine:
    """Cores, and the processes that want one; whoever has done one piece of work goes behind the others."""

    def __init__(self, simulation: Simulation, cores: int) -> None:
        self.simulation = simulation
        self._free = cores
        self._ready: deque[Process] = deque()

    def wants(self, process: Process) -> None:
        """A process has work to do."""
        self._ready.append(process)
        self._go_on()

    def done(self) -> None:
        """A core is free again."""
        self._free += 1
        self._go_on()

    def _go_on(self) -> None:
        while self._free and self._ready:
            self._free -= 1
            self._ready.popleft().work()


class Process:
    """Does one thing at a time, first come, first served; how long it takes varies around a mean."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._waiting: deque[tuple[float, Then]] = deque()
        self._is_ready = False

    def take(self, seconds: float, then: Then) -> None:
        """Have something done that takes so long on average."""
        self._waiting.append((seconds, then))
        if not self._is_ready:
            self._is_ready = True
            self._machine.wants(self)

    def work(self) -> None:
        """Do what waits longest; there is a core."""
        seconds, then = self._waiting.popleft()
        simulation = self._machine.simulation
        simulation.after(seconds * simulation.random.uniform(0.5, 1.5), lambda: self._finish(then))

    def _finish(self, then: Then) -> None:
        then()
        self._is_ready = bool(self._waiting)
        if self._is_ready:
            self._machine.wants(self)
        self._machine.done()


class Commit:
    """Makes durable what waits, all of it together, in a time that does not depend on how much it is."""

    def __init__(self, simulation: Simulation, seconds: float) -> None:
        self._simulation = simulation
        self._seconds = seconds
        self._waiting: list[Then] = []
        self._is_busy = False

    def take(self, then: Then) -> None:
        """Have something made durable."""
        self._waiting.append(then)
        if not self._is_busy:
            self._begin()

    def _begin(self) -> None:
        group, self._waiting = self._waiting, []
        self._is_busy = True
        self._simulation.after(self._seconds, lambda: self._end(group))

    def _end(self, group: list[Then]) -> None:
        self._is_busy = False
        for then in group:
            then()
        if self._waiting and not self._is_busy:
            self._begin()
