"""New records of all partitions that somebody follows, from the brokers that lead them, into their tails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from projections.event import Event
from services.ledger.base import LedgerCorrupt
from services.ledger.codec import CodecError, decode
from services.ledger.kafka.consumers import leader_of
from services.ledger.kafka.ends import Ends
from services.ledger.kafka.session import Fetched, Session
from services.ledger.kafka.stamps import time_of
from services.ledger.tail import Tail

__all__ = ["Feed", "events_of"]

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 0.1
_SLICE = 500
"""Records that are decoded before others have their turn."""


def events_of(partition: int, records: Sequence[Any]) -> tuple[list[Event], LedgerCorrupt | None]:
    """The events of what a broker gave, and the damage that ends them if there is any."""
    events = []
    for record in records:
        try:
            events.append(Event(partition, record.offset, time_of(record), decode(record.value or b"")))
        except CodecError as error:
            return events, LedgerCorrupt(partition, record.offset, str(error))
    return events, None


class Feed:
    """Fetches from the end of each joined partition, as it was then.

    One request at a time is with each broker that leads a joined partition. When another one becomes leader, both may be
    asked for a while; what was given already is dropped.
    """

    def __init__(self, client: AIOKafkaClient, ends: Ends, topic: str, tails: list[Tail]) -> None:
        self._client = client
        self._ends = ends
        self._topic = topic
        self._tails = tails
        self._joined: dict[int, int] = {}
        """The offset that is fetched next, of each partition."""
        self._leaders: dict[int, int | None] = {}
        """Who leads the joined partitions; looked up when something changes, not for every request."""
        self._brokers: dict[int, asyncio.Task[None]] = {}
        client.cluster.add_listener(self._ask_leaders)

    async def join(self, partition: int) -> None:
        """Have the tail of `partition` moved from now on.

        Raises:
            LedgerUnavailable: the brokers do not say where it ends.
        """
        if partition in self._joined:
            return
        end = await self._ends.of(partition)
        if partition in self._joined:
            return
        self._tails[partition].end = end
        self._joined[partition] = end
        self._ask_leaders()

    def leave(self, partition: int) -> None:
        """Fetch nothing more of a partition that nobody follows."""
        if self._joined.pop(partition, None) is not None:
            self._tails[partition].forget()

    async def stop(self) -> None:
        """Fetch no more."""
        self._client.cluster.remove_listener(self._ask_leaders)
        asking = list(self._brokers.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def _ask_leaders(self, _cluster: object = None) -> None:
        """See to it that every broker is asked that leads a joined partition."""
        self._leaders = {
            partition: leader_of(self._client, self._topic, partition) for partition in self._joined
        }
        for leader in self._leaders.values():
            if leader is not None and leader not in self._brokers:
                task = asyncio.create_task(self._ask(leader), name=f"fetch-{leader}")
                self._brokers[leader] = task

    async def _ask(self, broker: int) -> None:
        """Fetch from a broker as long as it leads any joined partition."""
        session = Session(self._topic)
        try:
            while wanted := {
                partition: offset
                for partition, offset in self._joined.items()
                if self._tails[partition].damage is None and self._leaders.get(partition) == broker
            }:
                try:
                    answer = await self._client.send(broker, session.request(wanted))
                    for fetched in session.answered(answer):
                        await self._take(fetched)
                except KafkaError as error:
                    logger.warning(
                        "topic %s cannot be followed at broker %d: %s", self._topic, broker, repr(error)
                    )
                except Exception:
                    logger.exception("following topic %s at broker %d failed", self._topic, broker)
                else:
                    continue
                session.restart()
                self._client.force_metadata_update()
                await asyncio.sleep(_RETRY_SECONDS)
        finally:
            del self._brokers[broker]

    async def _take(self, fetched: Fetched) -> None:
        """Move a tail by what was fetched.

        Raises:
            KafkaError: the broker did not give the partition, or its bytes are broken.
        """
        partition, since = fetched.partition, 0
        if isinstance(fetched.error, OffsetOutOfRangeError):
            self._damage(partition, "the topic does not reach this offset any more")
        elif fetched.error is not None:
            raise fetched.error
        for records, behind in fetched.batches():
            for start in range(0, len(records), _SLICE):
                if since >= _SLICE:
                    since = await asyncio.sleep(0, 0)
                since += len(records)
                self._append(partition, records[start : start + _SLICE])
            if partition in self._joined:
                self._joined[partition] = max(self._joined[partition], behind)

    def _append(self, partition: int, records: Sequence[Any]) -> None:
        position = self._joined.get(partition)
        if position is None:
            return
        if records[0].offset < position:
            # Batches are given whole, and two brokers may give the same.
            records = [record for record in records if record.offset >= position]
        events, damage = events_of(partition, records)
        if events:
            self._tails[partition].advance(events)
            self._joined[partition] = events[-1].offset + 1
        if damage is not None:
            self._damage(partition, str(damage), damage)

    def _damage(self, partition: int, reason: str, damage: LedgerCorrupt | None = None) -> None:
        """Fetch nothing more; whoever follows comes upon the damage."""
        tail = self._tails[partition]
        tail.damage = damage or LedgerCorrupt(partition, tail.end, reason)
        logger.error("topic %s is damaged: %s", self._topic, tail.damage)
        tail.wake()
