"""Replay: the whole history from the first record, as often as one likes."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.history.engine import Engine
from services.history.replay import replay
from services.ledger import EmbeddedLedger, LedgerCorrupt, open_ledger
from tests.ledgers import Ledgers
from tests.projections.world import World
from tests.services.history.asked import everything, rows
from tests.services.history.stored_ledger import StoredLedger


async def test_replaying_twice_changes_nothing(engine: Engine, world: World) -> None:
    ledger = StoredLedger(world.events)
    done = await replay(ledger, engine)
    assert done.records == len(world.events)
    assert done.rows > done.records
    once = everything(engine)
    assert await replay(ledger, engine) == done
    assert everything(engine) == once


async def test_replaying_afresh_forgets_what_was_there(directory: Engine, world: World) -> None:
    await replay(StoredLedger(world.events), directory)
    other = World()
    await replay(StoredLedger(other.events), directory, afresh=True)
    assert rows(directory, "SELECT payloadtype FROM records") == [["ledgerrules"]]
    assert directory.positions()[0].next == 1


async def test_progress_is_told(directory: Engine, world: World) -> None:
    steps: list[tuple[int, int]] = []
    await replay(
        StoredLedger(world.events), directory, progress=lambda done, all_: steps.append((done, all_))
    )
    assert steps == sorted(steps)
    assert steps[-1] == (len(world.events), len(world.events))


async def test_an_empty_ledger_makes_an_empty_history(directory: Engine) -> None:
    assert await replay(StoredLedger([]), directory) == (0, 0)
    assert rows(directory, "SELECT count() FROM records") == [[0]]
    assert directory.positions() == {}


async def test_a_real_ledger_with_several_partitions(
    directory: Engine, world: World, tmp_path: Path, ledgers: Ledgers
) -> None:
    ledger = await open_ledger(ledgers.place(tmp_path), partitions=2)
    for partition in (0, 1):
        for event in world.events:
            await ledger.append(partition, event.record)
    done = await replay(ledger, directory)
    await ledger.close()
    assert done.records == 2 * len(world.events)
    assert {part: at.next for part, at in directory.positions().items()} == dict.fromkeys(
        (0, 1), len(world.events)
    )
    sql = "SELECT partition, count() FROM records GROUP BY partition ORDER BY partition"
    assert rows(directory, sql) == [[0, len(world.events)], [1, len(world.events)]]


@pytest.mark.embedded("damages a segment file")
async def test_a_damaged_ledger_is_replayed_up_to_the_damage(
    directory: Engine, world: World, tmp_path: Path
) -> None:
    ledger = await EmbeddedLedger.open(tmp_path / "ledger")
    for event in world.events:
        await ledger.append(0, event.record)
    await ledger.close()
    segment = next((tmp_path / "ledger").rglob("*.segment"))
    content = bytearray(segment.read_bytes())
    at = content.index(world.events[20].record.payload)
    content[at] ^= 1
    segment.write_bytes(content)
    ledger = await EmbeddedLedger.open(tmp_path / "ledger", read_only=True)
    with pytest.raises(LedgerCorrupt, match="offset 20"):
        await replay(ledger, directory)
    await ledger.close()
    assert rows(directory, "SELECT max(offset) FROM records") == [[19]]
    assert directory.positions()[0].next == 20
