"""Ledgers with a known history, and places for snapshots of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from projections.digest import state_digest
from projections.event import Event
from projections.fold import apply
from projections.state import State
from services.ledger import Ledger, open_ledger
from services.snapshots.base import SnapshotStore
from services.snapshots.opening import open_store
from tests.golden.record import write
from tests.projections.workload import history


@pytest.fixture(scope="session")
def events() -> list[Event]:
    """A few hundred records of every kind."""
    return history(5, 420)[:420]


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotStore:
    """An empty store of each kind."""
    if request.param == "s3":
        return open_store(request.getfixturevalue("bucket"))
    return open_store(str(tmp_path / "snapshots"))


@pytest.fixture
def directory(tmp_path: Path) -> SnapshotStore:
    """An empty store in a directory."""
    return open_store(str(tmp_path / "snapshots"))


@pytest.fixture
async def ledger(tmp_path: Path, events: list[Event]) -> AsyncIterator[Ledger]:
    """A ledger with `events`."""
    await write(tmp_path / "ledger", events)
    opened = await open_ledger(tmp_path / "ledger", read_only=True)
    yield opened
    await opened.close()


def digest_at(events: Sequence[Event], position: int) -> str:
    """What the records before a position come to."""
    state = State()
    for event in events[:position]:
        apply(state, event)
    return state_digest(state)
