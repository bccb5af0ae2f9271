"""Serves the requests on a topic as the ingress serves those over HTTP, and publishes the answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from colonyledger.kafka.protocol import DIGEST, ID, MAX_ID_BYTES, RETRY_AFTER, STATUS
from colonyledger.wire import AssignProcess, payloadtype_of

from projections.assignment import nothing_to_assign
from projections.event import Event, Outcome, Refusal
from services.dispatch.assignment import Assignment
from services.dispatch.flight import Flight
from services.dispatch.intake import Done, Intake
from services.dispatch.publisher import AnswerTooLarge, NotPublished, Publisher
from services.dispatch.request import read_request
from services.dispatch.settings import DispatchSettings
from services.ingress.connection import Connection
from services.ingress.metrics import Metrics
from services.ingress.response import Response, refused
from services.ledger.kafka.topics import ensure_topic
from services.replica import Replica, SystemWriter

__all__ = ["Dispatcher", "Respond"]

_ASSIGN = payloadtype_of(AssignProcess)
_OK = 200

_LARGE_BYTES = 256 * 1024
"""Requests and answers from this size on are read in a thread, so that the others need not wait."""

Respond = Callable[[bytes, Connection], Awaitable[Response]]
"""Answers a request body: `Api.respond`."""

logger = logging.getLogger(__name__)


class Dispatcher:
    """Takes requests from Kafka to `respond`. `start`, then `stop`; parked demands are sent away before.

    `replica` is where assignments are seen to be folded, `writer` gives back those that cannot be published.
    """

    def __init__(
        self,
        respond: Respond,
        replica: Replica,
        writer: SystemWriter,
        metrics: Metrics,
        settings: DispatchSettings,
    ) -> None:
        self._respond = respond
        self._replica = replica
        self._writer = writer
        self._settings = settings
        self._topics = settings.topics
        self._publisher = Publisher(settings)
        self._intake = Intake(settings, self._take, lambda: replica.broken is None)
        self._tasks: set[asyncio.Task[None]] = set()
        self._flights: dict[bytes, Flight] = {}
        """Commands under way, by the digest that was signed."""
        self._assigns: dict[str, Flight] = {}
        """Those of them that may be withdrawn, by each of their ids."""
        self._skipped = 0
        self._assigned = 0
        self._undelivered = 0
        self._register_metrics(metrics)

    async def start(self) -> None:
        """Make or check the topics and begin to serve. May be called again after it has failed.

        Raises:
            LedgerRefused: a topic exists with other settings, or the brokers do not allow it.
            LedgerUnavailable: the brokers do not answer.
        """
        for kind in self._topics._fields:
            await ensure_topic(self._settings.topic(kind))
        await self._publisher.start()
        try:
            await self._intake.start()
        except BaseException:
            await self._publisher.stop()
            raise
        self._replica.listeners.append(self._on_fold)
        logger.info("requests are taken from topic %s", self._topics.requests)

    async def stop(self) -> None:
        """Finish what is under way, and leave the rest to other nodes."""
        await self._intake.stop_reading()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._settings.stop_seconds)
        self._publisher.give_up()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            # What is cancelled says so to its sender.
            await asyncio.wait(self._tasks, timeout=self._settings.stop_seconds)
        await self._intake.stop()
        await self._publisher.stop()
        if self._on_fold in self._replica.listeners:
            self._replica.listeners.remove(self._on_fold)

    def _take(self, record: Any, done: Done) -> None:
        task = asyncio.create_task(self._handle(record, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, record: Any, done: Done) -> None:
        try:
            name = _id_of(record)
            if record.value is None:
                self._withdraw(name)
            else:
                await self._serve(record, name, done)
        except Exception:
            logger.exception("the request at offset %d of %s failed", record.offset, record.topic)
        finally:
            done()

    def _withdraw(self, name: str) -> None:
        flight = self._assigns.pop(name, None)
        if flight is None:
            return
        flight.ids.remove(name)
        if not flight.ids:
            flight.ids.append(name)
            flight.sender.withdraw()

    async def _serve(self, record: Any, name: str, done: Done) -> None:
        body: bytes = record.value
        try:
            if len(body) < _LARGE_BYTES:
                request = read_request(body)
            else:
                request = await asyncio.to_thread(read_request, body)
        except Refusal:
            # Whose it is cannot be known, so nobody gets an answer.
            self._skipped += 1
            return
        flight = Flight(request, name, done)
        refusal = request.refusal(time.time() - record.timestamp / 1000)
        if refusal is not None:
            await self._reply(flight, refused(refusal))
        elif not request.nonce:
            await self._reply(flight, await self._respond(body, flight.sender))
        elif (earlier := self._flights.get(request.digest)) is not None:
            self._name(earlier, name)
            await earlier.is_safe.wait()
        else:
            await self._fly(flight)

    async def _fly(self, flight: Flight) -> None:
        """Serve a command; the same bytes that come again meanwhile get its answer as well."""
        request = flight.request
        self._flights[request.digest] = flight
        if request.is_assign:
            self._assigns |= dict.fromkeys(flight.ids, flight)
        try:
            response = await self._respond(request.body, flight.sender)
        finally:
            del self._flights[request.digest]
            for name in flight.ids:
                self._assigns.pop(name, None)
            flight.is_safe.set()
        if request.is_assign and response.status == _OK:
            if flight.sender.was_missed:
                await self._reply(flight, refused(nothing_to_assign()))
            else:
                await self._deliver(flight, response)
        else:
            await self._reply(flight, response)

    def _name(self, flight: Flight, name: str) -> None:
        dropped = flight.add(name)
        if dropped is not None:
            self._assigns.pop(dropped, None)
        if flight.request.is_assign and name:
            self._assigns[name] = flight

    async def _deliver(self, flight: Flight, response: Response) -> None:
        """Publish an assignment, or give the process back if nobody can have it."""
        if len(response.body) < _LARGE_BYTES:
            assignment = Assignment.of(response.body, flight.position)
        else:
            assignment = await asyncio.to_thread(Assignment.of, response.body, flight.position)
        headers = [*_headers(flight, response), *assignment.headers]
        caller = flight.request.caller
        try:
            await self._publisher.publish(self._topics.assignments, caller, response.body, headers)
        except AnswerTooLarge as error:
            # Given back, it would come again at once; so it is left to its deadline and its retries.
            await self._reply(flight, _too_large(error))
        except NotPublished as error:
            logger.warning("process %s was not delivered: %s", assignment.processid, error)
            if error.is_certain and assignment.give_back(self._writer):
                self._undelivered += 1
        else:
            self._assigned += 1

    async def _reply(self, flight: Flight, response: Response) -> None:
        topic, caller = self._topics.replies, flight.request.caller
        try:
            try:
                await self._publisher.publish(topic, caller, response.body, _headers(flight, response))
            except AnswerTooLarge as error:
                response = _too_large(error)
                await self._publisher.publish(topic, caller, response.body, _headers(flight, response))
        except NotPublished as error:
            logger.warning("a reply to %s was not published: %s", flight.request.payloadtype, error)

    def _on_fold(self, event: Event, outcome: Outcome) -> None:
        """Note where an assignment stands in the ledger: by the newest record that asked for it."""
        record = event.record
        if record.payloadtype == _ASSIGN and record.node == self._replica.run and outcome.refusal is None:
            flight = self._flights.get(record.digest)
            if flight is not None:
                flight.position = event.partition, event.offset

    def _register_metrics(self, metrics: Metrics) -> None:
        gauge, counter = metrics.gauge, metrics.counter
        gauge("colonyledger_requests_in_flight", "Requests from Kafka under way", self._in_flight)
        gauge("colonyledger_requests_parked", "Requests from Kafka that wait for work", self._parked)
        gauge("colonyledger_requests_lag", "Requests on Kafka that this node has not read", self._lag)
        counter("colonyledger_requests_taken", "Records read from the topic of requests", self._taken)
        counter(
            "colonyledger_requests_skipped",
            "Those of them that nobody can have signed",
            lambda: self._skipped,
        )
        counter("colonyledger_assignments_published", "Assignments on their topic", lambda: self._assigned)
        counter(
            "colonyledger_assignments_undelivered",
            "Assignments that could not be published and went back to the queue",
            lambda: self._undelivered,
        )

    def _in_flight(self) -> float:
        return self._intake.in_flight

    def _parked(self) -> float:
        return sum(flight.is_safe.is_set() for flight in self._flights.values())

    def _lag(self) -> float:
        return self._intake.lag

    def _taken(self) -> float:
        return self._intake.taken


def _id_of(record: Any) -> str:
    """What the sender calls its request; empty if it gives no name that can be repeated."""
    name = next((value for key, value in record.headers if key == ID), b"")
    return name.decode() if len(name) <= MAX_ID_BYTES and name.isascii() else ""


def _headers(flight: Flight, response: Response) -> list[tuple[str, bytes]]:
    headers = [(ID, name.encode()) for name in flight.ids]
    headers += [(DIGEST, flight.request.digest.hex().encode()), (STATUS, b"%d" % response.status)]
    if response.retry_after:
        headers.append((RETRY_AFTER, b"%d" % response.retry_after))
    return headers


def _too_large(error: AnswerTooLarge) -> Response:
    return refused(Refusal(413, f"The answer is too large for Kafka ({error}); ask over HTTP"))
