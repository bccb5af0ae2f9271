"""A ledger goes on while the broker that led its partition hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import uuid4

from colonyledger.wire import GetColonies

from services.ledger import LedgerUnavailable, open_ledger
from tests.chaos.brokers import Brokers
from tests.projections.world import World

R = TypeVar("R")

PATIENCE = 60.0


async def at_last(step: Callable[[], Awaitable[R]]) -> R:
    """Do something until it succeeds."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await step()
            except LedgerUnavailable:
                await asyncio.sleep(0.1)


async def test_a_leader_that_hangs_is_replaced(brokers: Brokers) -> None:
    """It refuses nothing and breaks no connection: only the clock tells."""
    topic = uuid4().hex
    ledger = await open_ledger(f"kafka://{brokers.bootstrap}/{topic}", partitions=1)
    world = World()
    records = [world.record(world.user, GetColonies(nonce=nonce)) for nonce in "ab"]
    try:
        batches = ledger.follow(0)
        await ledger.append(0, records[0])
        assert [event.record for event in await anext(batches)] == records[:1]
        leader = await brokers.leader(topic, 0)
        assert leader is not None
        await asyncio.to_thread(brokers.do, leader, "pause")
        try:
            assert await at_last(lambda: ledger.end(0)) == 1
            position = await at_last(lambda: ledger.append(0, records[1]))
            async with asyncio.timeout(PATIENCE):
                while (newest := (await anext(batches))[-1]).offset < position.offset:
                    pass
        finally:
            await asyncio.to_thread(brokers.do, leader, "resume")
        assert newest.record == records[1]
        assert await at_last(lambda: ledger.end(0)) == position.offset + 1
    finally:
        await ledger.close()
