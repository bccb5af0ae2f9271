"""Makes a ledger of an archive, or of another ledger: the same offsets, bytes and times."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

from services.ledger import LedgerRefused
from services.ledger.copying import Copied, CopySource, CopyTarget, copy_target

__all__ = ["restore"]

Progress = Callable[[int, int], None]
"""Called from time to time with the records written and the records there are."""


async def restore(
    source: CopySource, place: str | Path, *, until: int | None = None, progress: Progress | None = None
) -> list[int]:
    """Write all records of `source` into a new ledger, or go on with one that was left; gives where each partition ends.

    With `until`, nanoseconds since 1970, each partition ends before its first record that is younger.

    Raises:
        LedgerCorrupt: a record or an object of the source is damaged or missing. The ledger stays unfinished.
        LedgerRefused: there is something else in that place.
        LedgerUnavailable: the source or the place cannot be used now.
    """
    ends = [await source.end(partition) for partition in range(source.partitions)]
    written: list[int] = []
    async with copy_target(place, source.partitions) as target:
        for partition in range(source.partitions):

            def report(records: int, done: int = sum(ends[:partition])) -> None:
                if progress is not None:
                    progress(done + records, sum(ends))

            written.append(await _restore(source, target, partition, until, report))
        await target.finish()
    return written


async def _restore(
    source: CopySource, target: CopyTarget, partition: int, until: int | None, report: Callable[[int], None]
) -> int:
    begin = end = await target.end(partition)
    if begin > await source.end(partition):
        raise _another(partition, f"it has {begin} records of it already")
    last = await target.last(partition)
    if last is not None and until is not None and last.time > until:
        raise _another(partition, "it has younger records already")
    async with aclosing(_behind(source, partition, begin, last)) as batches:
        async for batch in batches:
            count = next((n for n, each in enumerate(batch) if until is not None and each.time > until), None)
            records = batch[:count]
            if records:
                await target.write(partition, records)
            end += len(records)
            report(end)
            if count is not None:
                break
    return end


async def _behind(
    source: CopySource, partition: int, begin: int, last: Copied | None
) -> AsyncGenerator[list[Copied], None]:
    """The records from `begin` on. The one before them must be `last`."""
    checks = begin > 0
    async with aclosing(source.read(partition, begin - 1 if checks else 0)) as batches:
        async for batch in batches:
            if checks and batch[0] != last:
                raise _another(partition, f"offset {begin - 1}: another record is there")
            if rest := batch[1:] if checks else batch:
                yield rest
            checks = False


def _another(partition: int, reason: str) -> LedgerRefused:
    return LedgerRefused(
        f"what was begun in that place is not a copy of this: partition {partition}, {reason}; "
        "delete it and begin again"
    )
