"""Records to append, and the two ledgers that the conformance tests run over."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Protocol, cast

import pytest
from colonyledger.record import Record, RecordKind

from projections.event import Event
from services.ledger import EmbeddedLedger, KafkaLedger, KafkaSettings, Ledger

Opener = Callable[[], Awaitable[Ledger]]

PARTITIONS = 2


class RecordFactory(Protocol):
    def __call__(self, sequence: int, size: int = 100) -> Record: ...


class Collector(Protocol):
    async def __call__(
        self, batches: AsyncIterator[list[Event]], count: int | None = None
    ) -> list[Event]: ...


async def end_follower(follower: AsyncIterator[list[Event]]) -> None:
    """Ends what a ledger's `follow` gave: a generator, though the seam promises only an iterator."""
    await cast("AsyncGenerator[list[Event], None]", follower).aclose()


@pytest.fixture(scope="session")
def make_record() -> RecordFactory:
    """A valid record; `sequence` tells records apart, `size` is that of its payload."""

    def make(sequence: int, size: int = 100) -> Record:
        payload = (b"%d " % sequence).ljust(size, b"A")[:size]
        return Record(
            kind=RecordKind.RPC,
            payloadtype="submitfuncspecmsg",
            digest=hashlib.sha3_256(payload).digest(),
            signature=bytes(range(65)),
            identity="0123456789abcdef" * 4,
            arrived=1_763_700_000_000_000_000 + sequence,
            node="node-1",
            sequence=sequence,
            rules=1,
            payload=payload,
        )

    return make


@pytest.fixture(scope="session")
def collect() -> Collector:
    """The events of an iterator of batches: all of them, or as soon as there are `count`."""

    async def collect(batches: AsyncIterator[list[Event]], count: int | None = None) -> list[Event]:
        events: list[Event] = []
        async with asyncio.timeout(60):
            while count is None or len(events) < count:
                batch = await anext(batches, None)
                if batch is None:
                    break
                assert batch, "an empty batch was given"
                events += batch
        return events

    return collect


async def open_embedded(directory: Path) -> Ledger:
    return await EmbeddedLedger.open(directory, partitions=PARTITIONS)


async def open_kafka(bootstrap: str, topic: str) -> Ledger:
    ledger = KafkaLedger(KafkaSettings(bootstrap_servers=bootstrap, topic=topic, partitions=PARTITIONS))
    await ledger.start()
    return ledger


@pytest.fixture(params=["embedded", "kafka"])
async def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens the same ledger, of 2 partitions, as often as it is called; closes what was opened."""
    opened: list[Ledger] = []
    if request.param == "embedded":
        opener = partial(open_embedded, tmp_path / "ledger")
    else:
        broker = request.getfixturevalue("kafka_broker")
        opener = partial(open_kafka, broker.bootstrap, f"conformance-{uuid.uuid4()}")

    async def open_once_more() -> Ledger:
        opened.append(await opener())
        return opened[-1]

    yield open_once_more
    for ledger in opened:
        await ledger.close()


@pytest.fixture
async def ledger(open_again: Opener) -> Ledger:
    return await open_again()
