"""Ledgers on disk, and the command line to look at them with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from colonyledger.cli import main
from colonyledger.record import Record

from services.ledger import open_ledger
from tests.ledgers import Ledgers
from tests.projections.world import World
from tests.services.history.story import tell


class Outcome(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str
    data: bytes


Run = Callable[..., Outcome]


@dataclass(frozen=True)
class Kept:
    """A data directory, and the ledger that belongs to it."""

    directory: Path
    ledger: str

    @property
    def flags(self) -> tuple[str, ...]:
        """How commands are told where they are."""
        where = ("--data-dir", str(self.directory))
        return (*where, "--ledger", self.ledger) if "://" in self.ledger else where


Keep = Callable[..., Kept]


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
def keep(tmp_path: Path, ledgers: Ledgers) -> Keep:
    """Append records to the ledger of a data directory; says where they are."""
    kept = Kept(tmp_path, ledgers.place(tmp_path))

    def write(records: Sequence[Record], *, partitions: int = 1) -> Kept:
        async def append() -> None:
            ledger = await open_ledger(kept.ledger, partitions=partitions)
            for number, record in enumerate(records):
                await ledger.append(number % partitions, record)
            await ledger.close()

        asyncio.run(append())
        return kept

    return write


@pytest.fixture
def records() -> list[Record]:
    """The records of the story of two colonies."""
    world = World()
    tell(world)
    return [event.record for event in world.events]
