"""Topics of facts on a real broker, and publishers that end with the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from uuid import uuid4

import pytest

from projections.event import Event
from projections.fold import apply
from projections.state import State
from services.facts.publisher import Leads, Publisher, PublisherOptions
from services.ledger import KafkaSettings
from tests.kafka_broker import KafkaBroker
from tests.services.facts.reading import PATIENCE
from tests.services.history.stored_ledger import StoredLedger, copy

OPTIONS = PublisherOptions(poll_seconds=0.05, retry_seconds=0.05)


def state_at(events: Sequence[Event], position: int) -> State:
    """What the records before a position come to."""
    state = State()
    for event in events[:position]:
        apply(state, copy(event))
    return state


class Node:
    """A node as far as facts are concerned: a fold of one partition, and a publisher beside it."""

    def __init__(
        self,
        events: Sequence[Event],
        settings: KafkaSettings,
        leads: Leads,
        options: PublisherOptions,
        at: int,
    ) -> None:
        self.events = events
        self.states = [state_at(events, at)]
        self.publisher = Publisher(StoredLedger(events), self.states, settings, leads, options)

    def fold(self, until: int | None = None) -> None:
        """Fold up to an offset, or everything, without giving way to anybody."""
        for event in map(copy, self.events[self.states[0].next_offset : until]):
            self.publisher.accept(event, apply(self.states[0], event))

    async def published(self) -> None:
        """Wait until everything folded is published."""
        async with asyncio.timeout(PATIENCE):
            while self.publisher.lag.records:  # noqa: ASYNC110 (progress is a state, not an event)
                await asyncio.sleep(0.01)


StartNode = Callable[..., Node]


@pytest.fixture
def facts_topic(kafka_broker: KafkaBroker) -> KafkaSettings:
    """A topic of the test's own with one partition, not made yet."""
    return KafkaSettings(
        bootstrap_servers=kafka_broker.bootstrap,
        topic=f"facts-{uuid4()}",
        definition="facts",
        partitions=1,
        timeout_seconds=5,
    )


@pytest.fixture
async def start_node(facts_topic: KafkaSettings) -> AsyncIterator[StartNode]:
    """Starts nodes over given events, from the state at an offset; they end with the test."""
    nodes: list[Node] = []

    def start(
        events: Sequence[Event],
        leads: Leads = lambda _: True,
        options: PublisherOptions = OPTIONS,
        at: int = 0,
        settings: KafkaSettings = facts_topic,
    ) -> Node:
        node = Node(events, settings, leads, options, at)
        nodes.append(node)
        node.publisher.start()
        return node

    yield start
    for node in nodes:
        await node.publisher.stop()
