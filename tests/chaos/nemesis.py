"""What goes wrong, and when: a plan that follows from a seed, and whoever carries it out."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from tests.chaos.brokers import NUMBER, Brokers
from tests.chaos.detour import Cut, Detour
from tests.servers import Server

__all__ = ["Fault", "Nemesis", "Step", "every_fault", "for_ever"]


class Fault(StrEnum):
    """What can happen."""

    KILL_NODE = "kill -9 of a node"
    PAUSE_NODE = "a node hangs"
    KILL_BROKER = "kill -9 of a broker"
    PAUSE_BROKER = "a broker hangs"
    CUT_SILENT = "a node hears nothing of Kafka, nor Kafka of it"
    CUT_DEAF = "a node hears nothing of Kafka, which hears it"
    CUT_RESET = "a node's connections to Kafka break"


BROKER_FAULTS = (Fault.KILL_BROKER, Fault.PAUSE_BROKER)
NODE_FAULTS = tuple(fault for fault in Fault if fault not in BROKER_FAULTS)

CUTS = {Fault.CUT_SILENT: Cut.SILENT, Fault.CUT_DEAF: Cut.DEAF, Fault.CUT_RESET: Cut.RESET}


class Step(NamedTuple):
    """Some faults at the same time, for so many seconds, and a rest after it.

    `victim` is the number of the node, or how far behind the leader of a partition the broker comes.
    """

    faults: tuple[Fault, ...]
    victim: int
    seconds: float
    rest: float

    def __str__(self) -> str:
        return f"{' and '.join(self.faults)} (victim {self.victim}) for {self.seconds:.1f} s"


def every_fault(seed: int) -> Iterator[Step]:
    """Each fault once, for a few seconds."""
    chance = random.Random(f"{seed}/plan")
    faults = list(Fault)
    chance.shuffle(faults)
    for fault in faults:
        yield Step((fault,), _victim(chance, fault), chance.uniform(1.5, 4), chance.uniform(0.3, 1))


def for_ever(seed: int, kinds: Sequence[Fault] = tuple(Fault)) -> Iterator[Step]:
    """Faults of some kinds, short and long; sometimes a node and a broker fail together."""
    chance = random.Random(f"{seed}/plan")
    while True:
        fault = chance.choice(kinds)
        faults: tuple[Fault, ...] = (fault,)
        others = [other for other in kinds if other in NODE_FAULTS]
        if fault in BROKER_FAULTS and others and chance.random() < 0.3:
            faults = (fault, chance.choice(others))
        seconds = chance.choice((0.5, 2.0, 5.0, 15.0)) * chance.uniform(0.7, 1.3)
        yield Step(faults, _victim(chance, fault), seconds, chance.choice((0.2, 2.0, 8.0)))


def _victim(chance: random.Random, fault: Fault) -> int:
    """A broker that leads is worth more than another."""
    return chance.choice((0, 0, 1, 2)) if fault in BROKER_FAULTS else chance.randrange(NUMBER)


class Nemesis:
    """Breaks nodes, brokers and the network of node 0. `partition` is the one whose leader counts."""

    def __init__(
        self, servers: Sequence[Server], brokers: Brokers, detour: Detour, topic: str, partition: int
    ) -> None:
        self.notes: list[str] = []
        """What was done, with seconds since the start."""
        self.faults = 0
        self._servers = servers
        self._brokers = brokers
        self._detour = detour
        self._place = topic, partition
        self._start = time.monotonic()

    async def run(self, steps: Iterator[Step], seconds: float | None = None) -> None:
        """Carry out a plan, for `seconds` if it has no end; then everything is well."""
        for step in steps:
            if seconds is not None and time.monotonic() - self._start > seconds:
                return
            mends = []
            try:
                for fault in step.faults:
                    self.faults += 1
                    mends.append(await self._break(fault, step))
                await asyncio.sleep(step.seconds)
            finally:
                for mend in mends:
                    await mend()
                self._note("mended")
            await asyncio.sleep(step.rest)

    def _note(self, what: str) -> None:
        self.notes.append(f"{time.monotonic() - self._start:.1f} s: {what}")

    async def _break(self, fault: Fault, step: Step) -> Callable[[], Awaitable[None]]:
        """Let something go wrong; gives what mends it."""
        if fault in CUTS:
            self._note(f"{fault}: node 0 for {step.seconds:.1f} s")
            self._detour.cut(CUTS[fault])
            return self._mend_network
        if fault in BROKER_FAULTS:
            return await self._break_broker(fault, step)
        number = step.victim % len(self._servers)
        server = self._servers[number]
        self._note(f"{fault}: node {number} for {step.seconds:.1f} s")
        if fault is Fault.PAUSE_NODE:
            server.send_signal(signal.SIGSTOP)
            return lambda: asyncio.to_thread(server.send_signal, signal.SIGCONT)
        await asyncio.to_thread(server.kill)
        return lambda: asyncio.to_thread(server.start, until_ready=False)

    async def _break_broker(self, fault: Fault, step: Step) -> Callable[[], Awaitable[None]]:
        leader = await self._brokers.leader(*self._place)
        number = ((leader or 1) - 1 + step.victim) % NUMBER + 1
        self._note(
            f"{fault}: broker {number} for {step.seconds:.1f} s; partition {self._place[1]} is led by {leader}"
        )
        breaks, mends = ("kill", "start") if fault is Fault.KILL_BROKER else ("pause", "resume")
        await asyncio.to_thread(self._brokers.do, number, breaks)
        return lambda: asyncio.to_thread(self._brokers.do, number, mends)

    async def _mend_network(self) -> None:
        self._detour.mend()
