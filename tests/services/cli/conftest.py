"""Ledgers on disk, and the command line to look at them with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from colonyledger.cli import main
from colonyledger.record import Record

from services.ledger import EmbeddedLedger
from tests.projections.world import World
from tests.services.history.story import tell


class Outcome(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str
    data: bytes


Run = Callable[..., Outcome]
Keep = Callable[..., Path]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in an environment with no settings but those given."""

    def go(*arguments: str | Path, **variables: str) -> Outcome:
        for name in ("SERVER_PORT", "COLONY_NAME", "PRVKEY", "COLONY_PRVKEY", "SERVER_PRVKEY"):
            monkeypatch.delenv(f"COLONIES_{name}", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return Outcome(int(ended.value.code or 0), out.decode("utf-8", "replace"), err.decode(), out)

    return go


@pytest.fixture
def keep(tmp_path: Path) -> Keep:
    """Write records to the ledger of a data directory, which is given back."""

    def write(records: Sequence[Record], *, partitions: int = 1) -> Path:
        async def append() -> None:
            ledger = await EmbeddedLedger.open(tmp_path / "ledger", partitions=partitions)
            for number, record in enumerate(records):
                await ledger.append(number % partitions, record)
            await ledger.close()

        asyncio.run(append())
        return tmp_path

    return write


@pytest.fixture
def records() -> list[Record]:
    """The records of the story of two colonies."""
    world = World()
    tell(world)
    return [event.record for event in world.events]
