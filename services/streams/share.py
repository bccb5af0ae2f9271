"""The facts that one worker of several counts: its share of the partitions, as the group gives them out.

The order in which things happen is what makes every fact count once. What the facts changed is stored
and acknowledged by the brokers before the facts are noted as done, so a worker that dies at any moment
leaves facts that come again, and windows that say which of them they hold already. Nothing is under
way while the partitions are given out anew: whoever gets a partition reads what is stored of it then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from services.facts.codec import decode
from services.facts.positions import Positions
from services.ledger.codec import CodecError
from services.ledger.kafka.settings import KafkaSettings
from services.streams.counting import Counting
from services.streams.stored import Stored

__all__ = ["Share"]

_BATCH = 1000
"""Facts that are counted before what they changed is stored, at most."""
_FLUSH_SECONDS = 0.5
"""How long facts wait for that, at most."""
_SESSION_SECONDS = 10.0
"""How long a worker may be silent before its partitions go to others."""


class Share(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts facts for as long as the brokers answer: `count_for_ever`, once."""

    def __init__(self, facts: KafkaSettings, group: str, stored: Stored, counting: Counting) -> None:
        """`stored` is connected, and `counting` counts from it."""
        self.partitions: frozenset[int] = frozenset()
        """The partitions of this worker."""
        self._facts = facts
        self._stored = stored
        self._counting = counting
        self._consumer = AIOKafkaConsumer(
            **facts.consumer()
            | {
                "group_id": group,
                "auto_offset_reset": "earliest",
                "session_timeout_ms": int(_SESSION_SECONDS * 1000),
                "heartbeat_interval_ms": int(_SESSION_SECONDS * 1000 / 5),
            }
        )
        self._seen = Positions()
        self._held: set[int] = set()
        """Partitions whose windows are brought back."""
        self._waiting = 0
        """Facts that are counted, and not stored."""
        self._since = 0.0
        self._counted: dict[TopicPartition, int] = {}
        """The offset of the next fact, by partition of the facts that wait."""
        self._turn = asyncio.Lock()

    async def count_for_ever(self) -> None:
        """Join the others and count.

        Raises:
            CodecError: what came is no fact.
            KafkaError, TimeoutError, LedgerUnavailable: the brokers do not answer, or have given the partitions away.
        """
        try:
            await self._consumer.start()
            self._consumer.subscribe([self._facts.topic], listener=self)
            while True:
                # Records are never those of partitions that are being given out anew: aiokafka waits for that
                # to be over. And as it tells `on_partitions_revoked` first, it is not over during our turn.
                records = await self._consumer.getmany(timeout_ms=self._patience(), max_records=_BATCH)
                async with self._turn:
                    await self._bring_back({*self.partitions, *(tp.partition for tp in records)})
                    self._take(records)
                    if self._waiting >= _BATCH or not self._patience():
                        await self._store()
        finally:
            await self._consumer.stop()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Let go of everything; what is not stored comes again, here or at another worker."""
        async with self._turn:
            gone, self.partitions = frozenset(self._held), frozenset()
            self._stored.let_go(gone)
            self._counting.drop(gone)
            for partition in gone:
                self._seen.forget(partition)
            self._held.clear()
            self._counted.clear()
            self._waiting = 0

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Know which partitions are to be counted here."""
        self.partitions = frozenset(tp.partition for tp in assigned)

    def _patience(self) -> int:
        """For how many milliseconds facts may be waited for before those that wait are stored."""
        left = self._since + _FLUSH_SECONDS - monotonic() if self._waiting else _FLUSH_SECONDS
        return max(int(left * 1000), 0)

    async def _bring_back(self, partitions: set[int]) -> None:
        missing = partitions - self._held
        if missing:
            await self._stored.bring_back(missing)
            self._held |= missing

    def _take(self, records: Mapping[TopicPartition, Sequence[Any]]) -> None:
        if not self._waiting:
            self._since = monotonic()
        for tp, some in records.items():
            for record in some:
                try:
                    fact = decode(record.value or b"")
                except CodecError as error:
                    where = f"topic {tp.topic}, partition {tp.partition}, offset {record.offset}"
                    raise CodecError(f"{where}: {error}") from error
                if self._seen.is_new(fact):
                    self._counting.take(fact)
            self._waiting += len(some)
            self._counted[tp] = some[-1].offset + 1

    async def _store(self) -> None:
        """Store what the facts that wait have changed, and note them as done."""
        counting = self._counting
        moments, windows, spent = counting.new_moments(), counting.changed_windows(), counting.spent_moments()
        await self._stored.write(windows, moments)
        await self._stored.write(counting.old_windows(), spent)
        if self._counted:
            await self._consumer.commit(dict(self._counted))
        self._counted.clear()
        self._waiting = 0
