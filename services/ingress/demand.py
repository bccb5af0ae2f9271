"""One `assign` request that may have to wait, and the line that it waits in."""

from __future__ import annotations

import asyncio

from colonyledger.wire import AssignProcess, Executor, ExecutorState

from projections.event import Refusal
from projections.queue import Limits, Needs, Queue
from services.ingress.connection import Connection
from services.ingress.envelopes import Signed
from services.replica import Answer

__all__ = ["Demand", "Line", "refusal"]


def refusal(status: int, message: str) -> Answer:
    """An answer that no record stands behind."""
    return Answer(b"", Refusal(status, message, passing=True), -1)


class Demand:
    """One `assign` request; `answer` is done when there is something to say."""

    __slots__ = (
        "answer",
        "arrival",
        "connection",
        "executor",
        "expiry",
        "is_over",
        "limits",
        "message",
        "partition",
        "signed",
        "watch",
    )

    def __init__(
        self,
        signed: Signed,
        message: AssignProcess,
        executor: Executor,
        limits: Limits,
        partition: int,
        arrival: int,
        connection: Connection,
    ) -> None:
        self.signed = signed
        self.message = message
        self.executor = executor
        self.limits = limits
        self.partition = partition
        self.arrival = arrival
        self.connection = connection
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.expiry: asyncio.TimerHandle | None = None
        self.is_over = False
        """Whether its time is over."""
        self.watch: asyncio.Task[None] | None = None
        """Done when the client has hung up; only a demand that had to wait has one."""

    @property
    def is_gone(self) -> bool:
        """Whether nobody is there to take an answer."""
        return self.answer.done() or self.connection.is_closed

    @property
    def is_entitled(self) -> bool:
        """Whether the executor may work, and still has the key that signed the request."""
        executor = self.executor
        return executor.state == ExecutorState.APPROVED and executor.executorid == self.signed.caller

    @property
    def may_wait(self) -> bool:
        """Whether it is worth parking."""
        return self.message.timeout > 0 and not self.is_over and not self.is_gone

    def move_to(self, connection: Connection) -> None:
        """Go on over another connection; whoever waits at the one before is told so."""
        before, self.answer = self.answer, asyncio.get_running_loop().create_future()
        self.connection = connection
        if self.watch is not None:
            self.watch.cancel()
            self.watch = None
        if not before.done():
            before.set_result(refusal(409, "The same request came again and is answered there"))

    def settle(self, answer: Answer | Exception) -> None:
        """Say what came of it."""
        if self.expiry is not None:
            self.expiry.cancel()
        if self.watch is not None:
            self.watch.cancel()
        if self.answer.done():
            return
        if isinstance(answer, Exception):
            self.answer.set_exception(answer)
        else:
            self.answer.set_result(answer)


class Line:
    """The demands of one colony and executor type, oldest first."""

    __slots__ = ("parked", "place", "recorded")

    def __init__(self, place: tuple[str, str]) -> None:
        self.place = place
        """The colony's name and the executor type."""
        self.parked: dict[int, Demand] = {}
        self.recorded = 0
        """How many demands are on their way through the ledger, each to one of the processes that wait."""

    def park(self, demand: Demand) -> None:
        """Put a demand at its place: at the end, or back where it was."""
        last = next(reversed(self.parked), -1)
        self.parked[demand.arrival] = demand
        if demand.arrival < last:
            self.parked = dict(sorted(self.parked.items()))

    def holds(self, demand: Demand) -> bool:
        """Whether a demand is parked here."""
        return self.parked.get(demand.arrival) is demand

    def first_that_fits(self, needs: Needs) -> Demand | None:
        """The oldest parked demand that can get a process with these needs."""
        for demand in self.parked.values():
            if Queue.fits(needs, demand.executor, demand.limits):
                return demand
        return None
