"""The running history: it continues where it stopped, rides out an engine that is away, and never lies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from colonyledger.record import RecordKind
from msgspec.structs import replace

from projections.event import Event, Outcome
from projections.fold import apply
from projections.state import State
from projections.system import Rules
from services.history.engine import Engine, HistoryRefused
from services.history.opening import open_history
from services.history.replay import replay
from services.history.rows import Batch
from services.history.sink import HistorySink, SinkOptions, logger
from tests.projections.world import World
from tests.services.history.asked import everything, rows
from tests.services.history.server import Server
from tests.services.history.stored_ledger import StoredLedger, WatchedLedger, copy

OPTIONS = SinkOptions(flush_seconds=0.05, retry_seconds=0.05)


class Run:
    """A server's run as far as the history sees it: a fold, and a sink beside it."""

    def __init__(self, engine: Engine, world: World, options: SinkOptions = OPTIONS) -> None:
        self.ledger = StoredLedger(world.events)
        self.states = [State()]
        self.sink = HistorySink(engine, self.ledger, self.states, options)

    def fold(self, events: Sequence[Event]) -> None:
        """Fold events without giving way to anybody."""
        for event in map(copy, events):
            self.sink.accept(event, apply(self.states[0], event))

    async def drained(self) -> None:
        """Wait until everything folded is written."""
        async with asyncio.timeout(60):
            await self.sink.drained()


async def expected(engine: Engine, world: World) -> dict[str, list[list[object]]]:
    """What a replay writes."""
    await replay(StoredLedger(world.events), engine, afresh=True)
    found = everything(engine)
    engine.clear()
    return found


def written(engine: Engine, table: str) -> int:
    """How many rows were written, those written again included, as long as nothing was merged."""
    reply = engine.select(f"SELECT count() FROM {engine.database}.{table}")
    return int(reply.partition(b'"data":')[2].split(b"[")[2].split(b"]")[0])


async def test_the_sink_writes_what_a_replay_writes(engine: Engine, world: World) -> None:
    whole = await expected(engine, world)
    run = Run(engine, world)
    await run.sink.start()
    assert run.sink.fault is None
    run.fold(world.events)
    assert run.sink.lag.records == len(world.events)
    await run.drained()
    assert everything(engine) == whole
    assert run.sink.lag == (0, 0.0)
    await run.sink.close()


async def test_the_lag_after_a_restart_counts_from_what_is_missing(directory: Engine, world: World) -> None:
    half = len(world.events) // 2
    first = Run(directory, world)
    await first.sink.start()
    first.fold(world.events[:half])
    await first.sink.close()
    second = Run(directory, world, OPTIONS._replace(flush_seconds=3600))
    await second.sink.start()
    second.fold(world.events)
    behind = (world.events[-1].time - world.events[half].time) / 1e9
    assert behind > 0
    assert second.sink.lag == (len(world.events) - half, behind)
    await second.sink.close()


async def test_closing_writes_what_is_at_hand(directory: Engine, world: World) -> None:
    whole = await expected(directory, world)
    run = Run(directory, world, OPTIONS._replace(flush_seconds=3600))
    await run.sink.start()
    run.fold(world.events)
    await run.sink.close()
    assert everything(directory) == whole


async def test_a_new_run_continues_where_the_last_one_stopped(engine: Engine, world: World) -> None:
    whole = await expected(engine, world)
    half = len(world.events) // 2
    first = Run(engine, world)
    await first.sink.start()
    first.fold(world.events[:half])
    await first.sink.close()
    second = Run(engine, world)
    await second.sink.start()
    second.fold(world.events)
    await second.sink.close()
    assert everything(engine) == whole
    assert written(engine, "record_rows") == len(world.events)


async def test_a_run_that_starts_from_a_snapshot_writes_what_was_missed(
    directory: Engine, world: World
) -> None:
    whole = await expected(directory, world)
    run = Run(directory, world)
    for event in world.events[:20]:
        apply(run.states[0], copy(event))
    await run.sink.start()
    run.fold(world.events[20:])
    await run.drained()
    assert everything(directory) == whole
    await run.sink.close()


async def test_what_was_missed_is_folded_from_a_snapshot_before_it(directory: Engine, world: World) -> None:
    """It is asked for what is not after the written rows, and no record before it is read."""
    whole = await expected(directory, world)
    first = Run(directory, world)
    await first.sink.start()
    first.fold(world.events[:30])
    await first.sink.close()
    asked: list[int] = []

    async def before(partition: int, position: int) -> State:
        asked.append(position)
        state = State()
        for event in world.events[:20]:
            apply(state, copy(event))
        return state

    ledger, state = WatchedLedger(world.events), State()
    for event in world.events[:50]:
        apply(state, copy(event))
    sink = HistorySink(directory, ledger, [state], OPTIONS, before=before)
    await sink.start()
    for event in map(copy, world.events[50:]):
        sink.accept(event, apply(state, event))
    async with asyncio.timeout(60):
        await sink.drained()
    await sink.close()
    assert everything(directory) == whole
    assert (asked, ledger.read_from) == ([30], [20])


@pytest.mark.parametrize("most", [1, 7, 40])
async def test_rows_that_did_not_fit_are_folded_anew(directory: Engine, world: World, most: int) -> None:
    whole = await expected(directory, world)
    run = Run(directory, world, OPTIONS._replace(flush_rows=3, max_rows=most))
    await run.sink.start()
    run.fold(world.events[:30])
    await asyncio.sleep(0)
    for event in world.events[30:]:
        run.fold([event])
        await asyncio.sleep(0)
    await run.drained()
    assert everything(directory) == whole
    assert directory.positions()[0].next == len(world.events)
    await run.sink.close()


async def test_large_rows_count_by_their_size(directory: Engine) -> None:
    world = World()
    world.colony()
    for _ in range(5):
        world.submit("big", args=["x" * 10_000])
    whole = await expected(directory, world)
    run = Run(directory, world, OPTIONS._replace(max_bytes=20_000))
    await run.sink.start()
    run.fold(world.events)
    await run.drained()
    assert everything(directory) == whole
    await run.sink.close()


class Warnings(logging.Handler):
    """Tells when the sink has warned its operator."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.given = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.given.set()


@pytest.fixture
async def warnings() -> AsyncIterator[Warnings]:
    """What the sink warns of."""
    handler = Warnings()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def fragile(tmp_path: Path) -> Server:
    """A ClickHouse server of this test alone, not started."""
    return Server(tmp_path / "clickhouse")


async def test_an_engine_that_goes_away_and_comes_back_misses_nothing(
    fragile: Server, world: World, warnings: Warnings
) -> None:
    fragile.start()
    try:
        engine = open_history(fragile.url("fragile"))
        whole = await expected(engine, world)
        run = Run(engine, world, OPTIONS._replace(max_rows=20))
        await run.sink.start()
        run.fold(world.events[:10])
        await run.drained()
        fragile.stop()
        run.fold(world.events[10:30])
        await asyncio.wait_for(warnings.given.wait(), 60)
        assert run.sink.fault is not None
        assert run.sink.lag.records == 20
        assert run.sink.lag.seconds > 0
        run.fold(world.events[30:])
        fragile.start()
        await run.drained()
        assert run.sink.fault is None
        assert everything(engine) == whole
        await run.sink.close()
        engine.close()
    finally:
        fragile.stop()


async def test_a_server_starts_while_the_engine_is_away(fragile: Server, world: World) -> None:
    engine = open_history(fragile.url("late"))
    run = Run(engine, world)
    await run.sink.start()
    assert run.sink.fault is not None
    run.fold(world.events)
    fragile.start()
    try:
        await run.drained()
        assert rows(engine, "SELECT count() FROM records") == [[len(world.events)]]
        await run.sink.close()
        engine.close()
    finally:
        fragile.stop()


async def test_closing_does_not_wait_for_an_engine_that_is_away(fragile: Server, world: World) -> None:
    run = Run(open_history(fragile.url("gone")), world)
    await run.sink.start()
    run.fold(world.events)
    async with asyncio.timeout(60):
        await run.sink.close()


async def test_the_history_of_another_ledger_is_not_continued(directory: Engine, world: World) -> None:
    await replay(StoredLedger(world.events), directory)
    other = World()
    first = other.record(other.node, Rules(serverid=other.user.id), RecordKind.SYSTEM)
    other.events[0] = Event(0, 0, other.now, first)
    with pytest.raises(HistoryRefused, match="another ledger"):
        await Run(directory, other).sink.start()


async def test_a_history_that_is_ahead_of_the_ledger_is_not_continued(
    directory: Engine, world: World
) -> None:
    await replay(StoredLedger(world.events), directory)
    del world.events[-1]
    with pytest.raises(HistoryRefused, match="another ledger"):
        await Run(directory, world).sink.start()


async def test_a_history_without_its_ledger_is_not_continued(directory: Engine, world: World) -> None:
    await replay(StoredLedger(world.events), directory)
    world.events.clear()
    with pytest.raises(HistoryRefused, match="another ledger"):
        await Run(directory, world).sink.start()


async def test_a_history_of_another_version_is_written_anew(
    directory: Engine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await expected(directory, world)
    await replay(StoredLedger(world.events), directory)
    monkeypatch.setattr("services.history.clickhouse.SCHEMA", 1_000_000)
    run = Run(directory, world)
    await run.sink.start()
    assert directory.positions() == {}
    run.fold(world.events)
    await run.sink.close()
    assert everything(directory) == whole


async def test_the_story_goes_on(directory: Engine, world: World) -> None:
    run = Run(directory, world)
    await run.sink.start()
    run.fold(world.events)
    await run.drained()
    before = rows(directory, "SELECT count() FROM records")[0][0]
    told = len(world.events)
    world.submit("more")
    run.fold(world.events[told:])
    await run.drained()
    assert rows(directory, "SELECT count() FROM records") == [[before + 1]]
    await run.sink.close()


async def test_a_record_that_cannot_be_told_of_stops_the_history_and_nothing_else(
    directory: Engine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Batch.add

    def fail_at_ten(batch: Batch, state: State, event: Event, outcome: Outcome) -> None:
        if event.offset == 10:
            raise KeyError(event.offset)
        add(batch, state, event, outcome)

    run = Run(directory, world)
    await run.sink.start()
    monkeypatch.setattr(Batch, "add", fail_at_ten)
    run.fold(world.events)
    assert run.states[0].next_offset == len(world.events)
    assert run.sink.fault == "the history cannot tell of partition 0, offset 10"
    await run.sink.close()
    assert rows(directory, "SELECT max(offset) FROM records") == [[9]]
    monkeypatch.setattr(Batch, "add", add)
    mended = Run(directory, world)
    await mended.sink.start()
    mended.fold(world.events)
    await mended.drained()
    assert rows(directory, "SELECT count() FROM records") == [[len(world.events)]]
    await mended.sink.close()


def copied(events: Sequence[Event], origin: int) -> list[Event]:
    """What the ledger after an epoch begins with."""
    return [Event(0, each.offset, each.time, replace(each.record, origin=origin)) for each in events]


async def test_the_history_of_the_ledger_before_an_epoch_is_refused(engine: Engine, world: World) -> None:
    await replay(StoredLedger(world.events), engine)
    world.events = copied(world.events, 0)
    with pytest.raises(HistoryRefused, match="such as the one that this ledger continues; keep this one's"):
        await Run(engine, world).sink.start()
    await replay(StoredLedger(world.events), engine, afresh=True)
    again = Run(engine, world)
    await again.sink.start()
    await again.sink.close()


class OfTwo(StoredLedger):
    """A ledger of two partitions, with records in the first."""

    partitions = 2

    async def end(self, partition: int) -> int:
        return 0 if partition else await super().end(partition)


async def test_what_is_told_in_another_partition_is_done_with_here(engine: Engine, world: World) -> None:
    ledger, states = OfTwo(copied(world.events[:1], 1)), [State(), State()]
    sink = HistorySink(engine, ledger, states, OPTIONS)
    await sink.start()
    for event in ledger.events:
        sink.accept(event, apply(states[0], event))
    async with asyncio.timeout(60):
        await sink.drained()
    await sink.close()
    assert engine.positions()[0].next == 1
    assert written(engine, "record_rows") == 0
