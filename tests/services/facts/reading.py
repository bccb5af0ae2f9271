"""What is in a topic of facts, and what should be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from projections.event import Event
from projections.fold import apply
from projections.state import State
from services.facts.codec import decode
from services.facts.deriving import facts_of
from services.facts.fact import Fact
from services.facts.positions import Positions
from services.ledger import KafkaSettings
from tests.services.history.stored_ledger import copy

PATIENCE = 60


def told_by(events: Sequence[Event]) -> list[Fact]:
    """The facts of a pure fold of `events`."""
    state = State()
    facts: list[Fact] = []
    for event in map(copy, events):
        facts += facts_of(state, event, apply(state, event), 1)
    return facts


async def records_of(settings: KafkaSettings, partition: int = 0) -> list[Any]:
    """The records of a partition, as Kafka has them now."""
    tp = TopicPartition(settings.topic, partition)
    consumer = AIOKafkaConsumer(**settings.consumer())
    await consumer.start()
    try:
        consumer.assign([tp])
        end = (await consumer.end_offsets([tp]))[tp]
        await consumer.seek_to_beginning(tp)
        found: list[Any] = []
        async with asyncio.timeout(PATIENCE):
            while await consumer.position(tp) < end:
                for records in (await consumer.getmany(tp, timeout_ms=500)).values():
                    found += records
        return found
    finally:
        await consumer.stop()


async def facts_in(settings: KafkaSettings, partition: int = 0) -> list[Fact]:
    """All facts of a partition, copies included."""
    return [decode(record.value) for record in await records_of(settings, partition)]


def deduplicated(facts: Sequence[Fact]) -> list[Fact]:
    """What a consumer keeps of them."""
    positions = Positions()
    return [fact for fact in facts if positions.is_new(fact)]
