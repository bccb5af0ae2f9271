"""Today's code folds the ledgers of every earlier version to the state that they came to then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from projections.digest import state_digest
from projections.fold import apply
from projections.state import State
from services.ledger import EmbeddedLedger

HERE = Path(__file__).parent
DIGESTS: dict[str, str] = json.loads((HERE / "digests.json").read_text())


def recorded() -> Iterator[str]:
    """Every golden ledger by its path."""
    for ledger in sorted(HERE.glob("*/*/ledger.json")):
        yield ledger.parent.relative_to(HERE).as_posix()


def test_every_history_has_its_digest() -> None:
    """Nothing is left out."""
    assert list(recorded()) == sorted(DIGESTS)


@pytest.mark.parametrize("path", sorted(DIGESTS))
async def test_it_folds_to_its_digest(path: str) -> None:
    """Records, payloads and rules of that time are understood as they were."""
    ledger = await EmbeddedLedger.open(HERE / path, read_only=True)
    state = State()
    failures: list[Exception] = []
    try:
        async for events in ledger.read(0):
            for event in events:
                failures += apply(state, event).failures
    finally:
        await ledger.close()
    assert not failures
    assert state.next_offset > 100
    assert state_digest(state) == DIGESTS[path]
