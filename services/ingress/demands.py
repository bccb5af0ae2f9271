"""Parked demands: executors that asked for work when there was none (architecture, Assignment).

An `assign` request is recorded when there is something to give. Until then it waits here, oldest
first, apart by colony and executor type. When the fold makes a process a candidate, the oldest
demand that fits it is recorded. A race that is lost puts the demand back at its place.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import count

import msgspec
from colonyledger.wire import AssignProcess, Executor, FunctionSpec, decode, encode, payloadtype_of

from projections.assignment import nothing_to_assign, paused
from projections.epochs import gone_on
from projections.event import (
    AssignmentsResumed,
    Change,
    ColonyRemoved,
    Event,
    ExecutorChanged,
    Outcome,
    ProcessChanged,
    Refusal,
)
from projections.process import LiveProcess
from projections.queue import Limits
from projections.specs import read_spec
from projections.system import Undelivered
from services.cluster import Alone, Membership, place_hash
from services.ingress.connection import Connection
from services.ingress.demand import Demand, Line, refusal
from services.ingress.envelopes import Signed
from services.ingress.recorder import Recorder
from services.replica import Answer, NotServed, SystemWriter

__all__ = ["MAX_DEMAND_BYTES", "Demands"]

MAX_DEMAND_BYTES = 64 * 1024
"""Largest payload of a request that may be parked."""

_TURN_SECONDS = 0.05
"""How long a node leaves a process to the one that goes before it."""

_AGAIN_SECONDS = 1.0
"""Pause before the ledger is tried again after it failed."""

_ASSIGN = payloadtype_of(AssignProcess)

logger = logging.getLogger(__name__)


class Demands:
    """All demands that wait at this node. `limit` bounds how many may be parked.

    Of the nodes of `membership` at which executors wait for a process, one goes first; the others
    follow if it still waits a moment later.
    """

    def __init__(
        self, recorder: Recorder, system: SystemWriter, limit: int, membership: Membership | None = None
    ) -> None:
        self._recorder = recorder
        self._replica = recorder.replica
        self._system = system
        self._limit = limit
        self._membership = membership or Alone()
        self._lines: dict[tuple[str, str], Line] = {}
        self._named: dict[tuple[str, str], Demand] = {}
        """Demands with a nonce that have no answer yet, by caller and nonce."""
        self._arrivals = count()
        self._closed = False
        self.parked = 0
        """How many demands are parked."""
        self._replica.listeners.append(self._on_fold)
        self._replica.orphan_listeners.append(self._on_orphan)

    def ask(
        self,
        signed: Signed,
        message: AssignProcess,
        executor: Executor,
        limits: Limits,
        partition: int,
        connection: Connection,
    ) -> Demand:
        """Serve a demand now if there is something for it, else park it for up to `message.timeout` seconds.

        The same signed request with a nonce, sent again before it was answered, takes the place of the first.

        Raises:
            Refusal: 404 or 503, there is nothing and it does not want to wait; 503, the partition is closed;
                409, its nonce stands for another request; 413, it is too large to be parked; 429, too many
                wait already.
            NotServed: the partition is not served any more. The answer may fail with it as well.
        """
        if message.nonce:
            earlier = self._named.get((signed.caller, message.nonce))
            if earlier is not None:
                return self._take_over(earlier, signed, connection)
        state = self._replica.state_served(partition)
        if state.successor is not None:
            raise gone_on(state.successor)
        colony = state.colonies[message.colonyname]
        waits = message.timeout > 0
        if colony.paused and not waits:
            raise paused(waited=False)
        queue = colony.processes.queue
        available = not colony.paused and queue.best(executor, limits) is not None
        if not available and not waits:
            raise nothing_to_assign()
        place = (message.colonyname, executor.executortype)
        line = self._lines.get(place) or Line(place)
        serve = available and (not waits or queue.waiting(executor.executortype) > line.recorded)
        if not serve:
            self._check_room(signed)
        self._lines[place] = line
        demand = Demand(signed, message, executor, limits, partition, next(self._arrivals), connection)
        if message.nonce:
            self._named[signed.caller, message.nonce] = demand
        self._set_expiry(demand)
        if serve:
            self._record(line, demand)
        else:
            self._park(line, demand)
        return demand

    def foresee(self, partition: int, spec: FunctionSpec) -> bool:
        """Have a demand recorded right behind the submit of what it waits for, which is on its way to the ledger.

        Gives whether there is one.

        Both become durable together, so the executor has its process one sync earlier. If the submit is refused
        after all, or another demand gets the process, that is a lost race. Where other nodes' executors may wait,
        whose turn it is depends on the process's id, so it is waited for.
        """
        line = self._lines.get((spec.conditions.colonyname, spec.conditions.executortype))
        if line is None or not line.parked or self._replica.ledger.is_shared:
            return False
        colony = self._replica.states[partition].colonies.get(spec.conditions.colonyname)
        if colony is None or colony.paused:
            return False
        try:
            _, needs = read_spec(spec, colony.record.name, in_workflow=False)
        except Refusal:
            return False
        demand = line.first_that_fits(needs)
        if demand is None:
            return False
        self._unpark(line, demand)
        self._record(line, demand)
        return True

    def waiting(self) -> list[tuple[int, Executor]]:
        """The partitions and records of the executors that are parked."""
        return [
            (demand.partition, demand.executor)
            for line in self._lines.values()
            for demand in line.parked.values()
        ]

    def wanted(self) -> tuple[int, ...]:
        """Where executors wait at this node (`place_hash`)."""
        return tuple(place_hash(*line.place) for line in self._lines.values() if line.parked)

    def close(self) -> None:
        """Send everybody away, and whoever comes from now on: the server is stopping."""
        self._closed = True
        self.send_away("The server is stopping; ask again")

    def send_away(self, reason: str) -> None:
        """Have everybody who is parked ask again, so that another node may serve them."""
        for line in list(self._lines.values()):
            for demand in list(line.parked.values()):
                self._unpark(line, demand)
                self._settle(demand, refusal(503, reason))
            self._drop_if_empty(line)

    def leave(self, partition: int) -> None:
        """Have those who wait for work in a partition that is not served any more go on elsewhere."""
        self._end(partition, self._replica.not_serving(partition))

    def _end(self, partition: int, answer: Answer | Exception) -> None:
        """Give an answer to all who wait for work in a partition."""
        for line in list(self._lines.values()):
            for demand in list(line.parked.values()):
                if demand.partition == partition:
                    self._unpark(line, demand)
                    self._settle(demand, answer)
            self._drop_if_empty(line)

    def _check_room(self, signed: Signed) -> None:
        if self.parked >= self._limit:
            raise Refusal(
                429, f"{self._limit} executors are waiting for work at this server already", passing=True
            )
        if len(signed.payload) > MAX_DEMAND_BYTES:
            raise Refusal(413, f"A request that waits for work has at most {MAX_DEMAND_BYTES} bytes")

    def _take_over(self, demand: Demand, signed: Signed, connection: Connection) -> Demand:
        """Let a demand go on over a new connection: the client has given up the one before."""
        if demand.signed.digest != signed.digest:
            raise Refusal(409, "This nonce was already used for another message")
        demand.move_to(connection)
        self._set_expiry(demand)
        line = self._lines.get((demand.message.colonyname, demand.executor.executortype))
        if line is not None and line.holds(demand):
            self._watch(demand)
        return demand

    def _set_expiry(self, demand: Demand) -> None:
        if demand.expiry is not None:
            demand.expiry.cancel()
        if demand.message.timeout > 0:
            loop = asyncio.get_running_loop()
            demand.expiry = loop.call_later(demand.message.timeout, self._expire, demand)

    def _settle(self, demand: Demand, answer: Answer | Exception) -> None:
        if demand.message.nonce:
            self._named.pop((demand.signed.caller, demand.message.nonce), None)
        demand.settle(answer)

    def _watch(self, demand: Demand) -> None:
        """Notice when the client of a parked demand hangs up."""
        demand.watch = asyncio.create_task(demand.connection.closed())
        demand.watch.add_done_callback(lambda watch: self._abandon(demand, watch))

    def _abandon(self, demand: Demand, watch: asyncio.Task[None]) -> None:
        """The client is gone: a parked demand leaves no trace. One on its way is looked at when it arrives."""
        if watch.cancelled():
            return
        line = self._lines.get((demand.message.colonyname, demand.executor.executortype))
        if line is not None and line.holds(demand):
            self._unpark(line, demand)
            self._settle(demand, Answer(b"", nothing_to_assign(), -1))
            self._drop_if_empty(line)

    def _park(self, line: Line, demand: Demand) -> None:
        if self._closed:
            self._settle(demand, refusal(503, "The server is stopping; ask again"))
            return
        if demand.partition not in self._replica.served:
            self._settle(demand, self._replica.not_serving(demand.partition))
            return
        if not line.parked:
            self._membership.changed()
        line.park(demand)
        self.parked += 1
        if demand.watch is None:
            self._watch(demand)

    def _unpark(self, line: Line, demand: Demand) -> None:
        del line.parked[demand.arrival]
        self.parked -= 1
        if not line.parked:
            self._membership.changed()

    def _drop_if_empty(self, line: Line) -> None:
        if not line.parked and not line.recorded and self._lines.get(line.place) is line:
            del self._lines[line.place]

    def _record(self, line: Line, demand: Demand) -> None:
        line.recorded += 1
        future = self._recorder.command(demand.signed, demand.message, demand.partition)
        future.add_done_callback(lambda done: self._recorded(line, demand, done))

    def _recorded(self, line: Line, demand: Demand, done: asyncio.Future[Answer]) -> None:
        line.recorded -= 1
        error = done.exception()
        if isinstance(error, Exception):
            # Whether it was recorded is not known; `_on_orphan` sees it if it was.
            self._settle(demand, error)
            asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._serve, line)
        elif done.result().refusal is None:
            if demand.is_gone:
                self._give_back(demand.partition, done.result())
            self._settle(demand, done.result())
            # A repeat of an earlier request has taken nothing new.
            self._serve(line)
        else:
            self._refused(line, demand, done.result())
        self._drop_if_empty(line)

    def _refused(self, line: Line, demand: Demand, answer: Answer) -> None:
        """Nothing was taken: what this demand was recorded for may still be there for another one."""
        if answer.refusal is not None and answer.refusal.passing and demand.may_wait:
            self._park(line, demand)
        elif demand.is_over:
            self._settle(demand, self._too_late(demand))
        else:
            self._settle(demand, answer)
        self._serve(line)

    def _give_back(self, partition: int, answer: Answer) -> None:
        """Let a process go back to the queue: nobody is there to take it."""
        processid = decode(answer.reply, _Assigned).processid
        undelivered = Undelivered(processid=processid, offset=answer.offset)

        def given_back(done: asyncio.Future[Answer]) -> None:
            if done.exception() is None:
                return
            if self._closed or isinstance(done.exception(), NotServed):
                logger.warning("process %s, which nobody took, is left to its deadline", processid)
            else:
                asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self._give_back, partition, answer)

        self._system.append(partition, undelivered).add_done_callback(given_back)

    def _on_orphan(self, event: Event, outcome: Outcome) -> None:
        """A record of this node turned up after its client was told that nobody knows what became of it."""
        if event.record.payloadtype == _ASSIGN and outcome.refusal is None:
            self._give_back(event.partition, Answer(encode(outcome.reply), None, event.offset))

    def _expire(self, demand: Demand) -> None:
        demand.is_over = True
        line = self._lines.get((demand.message.colonyname, demand.executor.executortype))
        if line is not None and line.holds(demand):
            self._unpark(line, demand)
            self._settle(demand, self._too_late(demand))
            self._drop_if_empty(line)

    def _too_late(self, demand: Demand) -> Answer:
        colony = self._replica.states[demand.partition].colonies.get(demand.message.colonyname)
        waited_for_resume = colony is not None and colony.paused
        return Answer(b"", paused(waited=True) if waited_for_resume else nothing_to_assign(), -1)

    def _serve(self, line: Line) -> None:
        """Record parked demands for which something waits, oldest first."""
        for demand in list(line.parked.values()):
            colony = self._replica.states[demand.partition].colonies.get(demand.message.colonyname)
            if colony is None or colony.paused:
                return
            queue = colony.processes.queue
            if queue.waiting(demand.executor.executortype) <= line.recorded:
                return
            if queue.best(demand.executor, demand.limits) is not None:
                self._unpark(line, demand)
                self._record(line, demand)

    def _on_fold(self, event: Event, outcome: Outcome) -> None:
        successor = self._replica.states[event.partition].successor
        if successor is not None:
            self._end(event.partition, Answer(b"", gone_on(successor), -1))
        for fact in outcome.facts:
            if isinstance(fact, ProcessChanged):
                if fact.change is Change.READY:
                    self._offer(event.partition, fact.process)
            elif isinstance(fact, ExecutorChanged):
                self._dismiss(fact.colony, fact.executor)
            elif isinstance(fact, AssignmentsResumed):
                for line in self._lines_of(fact.colony):
                    self._serve(line)
            elif isinstance(fact, ColonyRemoved):
                self._dismiss(fact.colony, None)

    def _offer(self, partition: int, process: LiveProcess) -> None:
        line = self._lines.get((process.colony, process.needs.executortype))
        if line is None or not line.parked or not process.is_candidate:
            return
        colony = self._replica.states[partition].colonies.get(process.colony)
        if colony is None or colony.paused:
            return
        rank = self._membership.rank(process.record.processid, place_hash(*line.place))
        if rank:
            asyncio.get_running_loop().call_later(rank * _TURN_SECONDS, self._serve, line)
            return
        if colony.processes.queue.waiting(process.needs.executortype) <= line.recorded:
            # Demands are on their way already for all that waits; when they have arrived, it is looked at again.
            return
        demand = line.first_that_fits(process.needs)
        if demand is not None:
            self._unpark(line, demand)
            self._record(line, demand)

    def _lines_of(self, colony: str) -> list[Line]:
        return [line for line in self._lines.values() if line.place[0] == colony]

    def _dismiss(self, colony: str, executor: Executor | None) -> None:
        """End the demands of an executor that may not work or has another key, or of all in a colony that is gone."""
        for line in self._lines_of(colony):
            for demand in list(line.parked.values()):
                if executor is None or (demand.executor is executor and not demand.is_entitled):
                    self._unpark(line, demand)
                    self._settle(
                        demand, refusal(403, f"Access denied, not a member of Colony with name <{colony}>")
                    )
            self._drop_if_empty(line)


class _Assigned(msgspec.Struct):
    processid: str
