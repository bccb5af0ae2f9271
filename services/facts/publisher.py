"""Sends what the fold makes true to the topic of facts, behind the fold's back.

For each partition that this node leads, the last position is read from the end of that partition of
the topic, and what comes after it is sent, in order. Whoever begins to lead does the same, so a
partition goes on from where it stopped, whoever published before. Two that publish one partition at a
time, as when a node is cut off and does not know it, send facts twice and leave none out: consumers
drop what is not behind what they have seen (`Positions`).

The newest facts of every partition are kept in memory, so that a node that takes over has them. When
they do not reach back far enough, because Kafka was away for long or the node began with a snapshot
that is newer than what is published, the ledger is folded anew, from the newest snapshot that is not
newer than what is published, or from its first record.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from projections.event import Event, Outcome
from projections.fold import apply
from projections.state import State
from services.facts.backlog import Backlog
from services.facts.deriving import facts_of
from services.facts.fact import Fact, Position
from services.facts.topic import FactsTopic
from services.ledger.base import Ledger, LedgerError
from services.ledger.kafka.settings import KafkaSettings
from services.snapshots import StateBefore, from_nothing

__all__ = ["FactsLag", "Leads", "Publisher", "PublisherOptions"]

logger = logging.getLogger(__name__)

Leads = Callable[[int], bool]
"""Whether this node is the one that publishes a partition."""

_NANOSECONDS = 1_000_000_000
_SLICE = 64
"""Events folded again in one go, so that nobody else waits for longer than a few milliseconds."""


class PublisherOptions(NamedTuple):
    """How much waits in memory, and for how long."""

    max_facts: int = 100_000
    """Facts that are kept for all partitions together, each partition its share, at least 1,000."""
    chunk: int = 500
    """Facts of a partition that are sent before the brokers must have acknowledged them."""
    poll_seconds: float = 1.0
    """How often a partition is looked at that has no news: whether it is to be led now."""
    gather_seconds: float = 0.02
    """Pause after facts were sent that were all there were: what comes meanwhile is sent together."""
    retry_seconds: float = 1.0
    """Pause after a failure."""


class FactsLag(NamedTuple):
    """How far what is published is behind the fold, in the partitions that this node leads."""

    records: int
    """Records of the ledger that were folded, from the first on whose facts are not published."""
    seconds: float
    """Ledger time from that record to the newest one, of the worst partition."""


class _Partition:
    """Where one partition stands."""

    __slots__ = ("backlog", "folded", "folded_time", "not_before", "position", "published_time", "wake")

    def __init__(self, since: int, limit: int) -> None:
        self.backlog = Backlog(since, limit)
        self.position: Position | None = None
        """What is published; None as long as it is not led, or the topic has not told."""
        self.not_before = 0
        self.folded = since
        self.folded_time = self.published_time = 0
        self.wake = asyncio.Event()


class Publisher:
    """Publishes the facts of a ledger. `states` are those that the fold changes, by partition.

    Make it before the fold begins, from the states as they are then, and let the fold tell `accept`.
    """

    def __init__(
        self,
        ledger: Ledger,
        states: Sequence[State],
        settings: KafkaSettings,
        leads: Leads,
        options: PublisherOptions | None = None,
        *,
        before: StateBefore = from_nothing,
    ) -> None:
        self._ledger = ledger
        self._states = states
        self._leads = leads
        self._before = before
        self._options = options or PublisherOptions()
        self._topic = FactsTopic(settings)
        self._limit = max(self._options.max_facts // max(len(states), 1), 1000)
        self._partitions = [_Partition(state.next_offset, self._limit) for state in states]
        self._tasks: list[asyncio.Task[None]] = []
        self._faults: dict[int, str] = {}

    @property
    def fault(self) -> str | None:
        """Why facts are not being published, in words for an operator; None if they are."""
        return next(iter(self._faults.values()), None)

    @property
    def lag(self) -> FactsLag:
        """How far what is published is behind the fold."""
        records, seconds = 0, 0.0
        for number, part in enumerate(self._partitions):
            if self._leads(number) and (first := self._first_unpublished(part)) is not None:
                records += part.folded - first[0]
                seconds = max(seconds, (part.folded_time - first[1]) / _NANOSECONDS)
        return FactsLag(records, seconds)

    def start(self) -> None:
        """Begin to publish. Returns at once; a Kafka that is away is tried again and again."""
        self._tasks = [
            asyncio.create_task(self._publish_for_ever(number), name=f"facts-{number}")
            for number in range(len(self._partitions))
        ]

    async def stop(self) -> None:
        """Stop where it is; what is not sent is sent by whoever leads next."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._topic.disconnect()

    def take(self, partition: int) -> None:
        """A partition is followed from its state as it is now; until then it was not."""
        part = self._partitions[partition]
        part.folded = self._states[partition].next_offset
        part.backlog = Backlog(part.folded, self._limit)

    def accept(self, event: Event, outcome: Outcome) -> None:
        """Take what an event came to, right after it was folded. Returns at once."""
        part = self._partitions[event.partition]
        state = self._states[event.partition]
        part.folded, part.folded_time = event.offset + 1, state.clock
        if not outcome.facts:
            return
        if part.position is not None and event.offset < part.position.offset:
            part.backlog.forget(Position(event.offset + 1, -1))
            return
        part.backlog.add(facts_of(state, event, outcome, len(self._states)))
        part.wake.set()

    def _first_unpublished(self, part: _Partition) -> tuple[int, int] | None:
        """Offset and time of the oldest record whose facts are not published; None if there is none."""
        if part.position is not None and part.backlog.holds(part.position):
            waiting = part.backlog.after(part.position, 1)
            return (waiting[0].offset, waiting[0].time) if waiting else None
        first = 0 if part.position is None else max(part.position.offset, 0)
        return (first, part.published_time or part.folded_time) if part.folded > first else None

    async def _publish_for_ever(self, number: int) -> None:
        part = self._partitions[number]
        while True:
            try:
                await self._step(number, part)
                self._faults.pop(number, None)
            except LedgerError as error:
                self._fail(number, str(error))
            except Exception as error:
                logger.exception("publishing facts of partition %d failed", number)
                self._fail(number, f"publishing facts failed: {error!r}")
            else:
                continue
            part.position = None
            await asyncio.sleep(self._options.retry_seconds)

    async def _step(self, number: int, part: _Partition) -> None:
        """Do what is next for a partition, or wait for it a while."""
        if not self._leads(number):
            part.position = None
            await asyncio.sleep(self._options.poll_seconds)
            return
        if part.position is None:
            await self._topic.connect()
            part.position, part.not_before = await self._topic.published(number)
        part.wake.clear()
        if not part.backlog.holds(part.position):
            await self._fold_anew(number, part)
        elif waiting := part.backlog.after(part.position, self._options.chunk):
            await self._send(number, part, waiting)
            if len(waiting) < self._options.chunk:
                await asyncio.sleep(self._options.gather_seconds)
        else:
            await _passed(self._options.poll_seconds, part.wake)

    async def _send(self, number: int, part: _Partition, facts: Sequence[Fact]) -> None:
        wanted = [fact for fact in facts if fact.time >= part.not_before]
        if wanted:
            await self._topic.publish(number, wanted)
        part.position, part.published_time = facts[-1].at, facts[-1].time

    async def _fold_anew(self, number: int, part: _Partition) -> None:
        """Publish what is not in memory from a second fold, until it meets what is."""
        state = await self._before(number, max(self._position_of(part).offset, 0))
        logger.info(
            "folding partition %d anew from %d for facts after %s", number, state.next_offset, part.position
        )
        chunk: list[Fact] = []
        async for events in self._ledger.read(number, state.next_offset):
            for start in range(0, len(events), _SLICE):
                for event in events[start : start + _SLICE]:
                    if event.offset >= part.backlog.since:
                        await self._send_all(number, part, chunk)
                        part.position = max(self._position_of(part), Position(event.offset, -1))
                        return
                    outcome = apply(state, event)
                    if outcome.facts and event.offset >= self._position_of(part).offset:
                        facts = facts_of(state, event, outcome, len(self._states))
                        chunk += [fact for fact in facts if fact.at > self._position_of(part)]
                if len(chunk) >= self._options.chunk:
                    await self._send_all(number, part, chunk)
                    if not self._leads(number):
                        return
                await asyncio.sleep(0)
        await self._send_all(number, part, chunk)
        part.position = max(self._position_of(part), Position(state.next_offset, -1))

    async def _send_all(self, number: int, part: _Partition, chunk: list[Fact]) -> None:
        for start in range(0, len(chunk), self._options.chunk):
            await self._send(number, part, chunk[start : start + self._options.chunk])
        chunk.clear()

    def _position_of(self, part: _Partition) -> Position:
        return part.position or Position(0, -1)

    def _fail(self, number: int, reason: str) -> None:
        if self._faults.get(number) != reason:
            logger.warning("facts of partition %d are not being published: %s", number, reason)
        self._faults[number] = reason


async def _passed(seconds: float, event: asyncio.Event) -> None:
    """Wait until the time has passed, or the event is set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
