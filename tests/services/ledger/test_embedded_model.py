"""An embedded ledger against a list, through crashes, tears and reopenings in any order."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from colonyledger.record import Record, RecordKind
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.ledger import EmbeddedLedger, EmbeddedOptions

SEGMENT_BYTES = 4096


def record(sequence: int, size: int) -> Record:
    return Record(
        kind=RecordKind.SYSTEM,
        payloadtype="tick",
        digest=bytes(32),
        signature=bytes(65),
        identity="00" * 32,
        arrived=0,
        node="model",
        sequence=sequence,
        rules=1,
        payload=bytes(size),
    )


class LedgerMachine(RuleBasedStateMachine):
    """`kept` is what the ledger must hold: the sequences of all acknowledged records, in order."""

    @initialize()
    def begin(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="ledger-model-"))
        self.copies = 0
        self.directory = self.place / "0"
        self.runner = asyncio.Runner()
        self.kept: list[int] = []
        self.sequence = 0
        self.open()

    def open(self) -> None:
        options = EmbeddedOptions(segment_bytes=SEGMENT_BYTES)
        self.ledger = self.runner.run(EmbeddedLedger.open(self.directory, options=options))
        assert self.ledger.fault is None

    def last_segment(self, directory: Path) -> Path:
        return max((directory / "0").glob("*.segment"))

    @rule(sizes=st.lists(st.integers(0, 2000), min_size=1, max_size=8))
    def append_group(self, sizes: list[int]) -> None:
        async def append() -> None:
            records = [record(self.sequence + number, size) for number, size in enumerate(sizes)]
            positions = await asyncio.gather(*(self.ledger.append(0, one) for one in records))
            assert [position.offset for position in positions] == [
                len(self.kept) + number for number in range(len(sizes))
            ]

        self.runner.run(append())
        self.kept += range(self.sequence, self.sequence + len(sizes))
        self.sequence += len(sizes)

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.ledger.close())
        self.open()

    @rule(garbage=st.binary(max_size=200))
    def crash_with_garbage_behind_the_end(self, garbage: bytes) -> None:
        """What a kill leaves: the files as they are, perhaps with part of a write that was not acknowledged."""
        self.copies += 1
        crashed = self.place / str(self.copies)
        shutil.copytree(self.directory, crashed)
        self.runner.run(self.ledger.close())
        valid_bytes = self.last_segment(self.directory).stat().st_size
        with self.last_segment(crashed).open("r+b") as file:
            file.seek(valid_bytes)
            file.write(garbage)
        self.directory = crashed
        self.open()

    @precondition(lambda self: self.kept)
    @rule(cut=st.integers(1, 300))
    def lose_part_of_the_end(self, cut: int) -> None:
        """A torn write: whole records before the tear stay, the torn one and those behind it go."""
        self.runner.run(self.ledger.close())
        last = self.last_segment(self.directory)
        size = max(last.stat().st_size - cut, 0)
        with last.open("r+b") as file:
            file.truncate(size)
        self.open()
        kept = self.runner.run(self.ledger.end(0))
        assert kept <= len(self.kept)
        self.kept = self.kept[:kept]
        self.reopen()
        assert self.last_segment(self.directory).stat().st_size >= 0

    @rule(start=st.integers(0, 100))
    def read_from(self, start: int) -> None:
        async def read() -> list[tuple[int, int]]:
            return [
                (event.offset, event.record.sequence)
                async for batch in self.ledger.read(0, start)
                for event in batch
            ]

        assert self.runner.run(read()) == list(enumerate(self.kept))[start:]

    @invariant()
    def end_is_the_number_of_kept_records(self) -> None:
        assert self.runner.run(self.ledger.end(0)) == len(self.kept)

    def teardown(self) -> None:
        self.read_from(0)
        self.runner.run(self.ledger.close())
        self.runner.close()
        shutil.rmtree(self.place)


TestLedgerAgainstAList = LedgerMachine.TestCase
TestLedgerAgainstAList.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
