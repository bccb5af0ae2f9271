"""Shorthands for writing a world to a history and asking it."""

from __future__ import annotations

from typing import Any

import msgspec

from projections.fold import apply
from projections.state import State
from services.history.asking import ask
from services.history.engine import Engine
from services.history.rows import Batch
from services.history.scope import Limits
from tests.projections.world import World

LIMITS = Limits(rows=1000)


def batch_of(world: World) -> Batch:
    """All rows of a world."""
    batch, state = Batch(1), State()
    for event in world.events:
        batch.add(state, event, apply(state, event))
    return batch


def write(engine: Engine, world: World) -> None:
    """Write all rows of a world to a new history."""
    engine.prepare()
    batch = batch_of(world)
    engine.write(batch, batch.origins)


def rows(engine: Engine, sql: str, colony: str | None = None, **parameters: Any) -> list[list[Any]]:
    """The rows of an answer."""
    answer = ask(engine, colony, sql, parameters, LIMITS)
    found: list[list[Any]] = msgspec.json.decode(msgspec.json.encode(answer.rows))
    return found


def everything(engine: Engine) -> dict[str, list[list[Any]]]:
    """All rows of all tables, each in the order of the ledger."""
    orders = {
        "records": "partition, offset",
        "processes": "created, processid",
        "attempts": "assigned_offset",
        "logs": "partition, offset, fact",
    }
    return {table: rows(engine, f"SELECT * FROM {table} ORDER BY {order}") for table, order in orders.items()}
