"""Writes what is new in a ledger to its archive: objects first, then the manifest that names them.

Whatever ends it, the archive is what its manifests say, and the next run goes on from there. Objects are named by what
is in them and never changed, and a manifest is written whole, so two that archive at a time do no harm: the manifest
that is written last counts, each of them is a whole one, and whoever finds that another one was written goes on from that.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing
from hashlib import sha256

import msgspec

from services.archive.manifest import FORMAT, LABEL, Entry, Label, Manifest, read_label
from services.archive.stores import ArchiveStore
from services.ledger import LedgerCorrupt, LedgerError, LedgerRefused
from services.ledger.copying import Copied, CopySource
from services.ledger.embedded.segment import frame

__all__ = ["OBJECT_BYTES", "Archived", "archive"]

OBJECT_BYTES = 16 * 1024 * 1024
"""Size from which another object is begun. A record alone may be larger."""


class Archived(msgspec.Struct, frozen=True):
    """How far a partition is archived."""

    partition: int
    end: int
    """The offset after the last record in the archive."""
    records: int
    """How many of them were added now."""
    objects: int
    """In how many objects."""
    size: int
    """Bytes of these."""
    digest: str
    """What stands for the whole partition up to there: SHA-256 of the last entry of its manifest."""


class _Overtaken(Exception):
    """Another one has archived the partition meanwhile."""


async def archive(
    source: CopySource,
    store: ArchiveStore,
    partitions: Iterable[int] | None = None,
    *,
    object_bytes: int = OBJECT_BYTES,
) -> list[Archived]:
    """Archive all records that the ledger has now, of some partitions or of all.

    Raises:
        LedgerCorrupt: a record of the ledger, or a manifest of the archive, is damaged. What comes before it is archived,
            and so are the other partitions.
        LedgerRefused: the archive is of another ledger. The other partitions are archived if theirs is not.
        LedgerUnavailable: the ledger or the archive cannot be used now.
    """
    await asyncio.to_thread(_label, store, source.partitions)
    archived = []
    wrong: LedgerError | None = None
    for partition in range(source.partitions) if partitions is None else partitions:
        try:
            archived.append(await _Archiver(source, store, partition, object_bytes).run())
        except (LedgerCorrupt, LedgerRefused) as error:
            wrong = wrong or error
    if wrong is not None:
        raise wrong
    return archived


def _label(store: ArchiveStore, partitions: int) -> None:
    """See that the archive is of a ledger with as many partitions."""
    data = store.read(LABEL)
    if data is None:
        store.write(LABEL, Label(FORMAT, partitions).encode())
        return
    label = read_label(data, store.place)
    if label.partitions != partitions:
        raise LedgerRefused(
            f"the archive {store.place} is of a ledger with {label.partitions} partitions, not {partitions}"
        )


class _Archiver:
    """Archives one partition, up to where it ends now."""

    def __init__(self, source: CopySource, store: ArchiveStore, partition: int, object_bytes: int) -> None:
        self._source = source
        self._store = store
        self._partition = partition
        self._object_bytes = object_bytes
        self._manifest = Manifest.empty(source.partitions, partition)
        self._kept: bytes | None = None
        """The manifest as it was read or written last."""
        self._records = self._objects = self._size = 0

    async def run(self) -> Archived:
        """Archive what is new."""
        while True:
            try:
                await self._go_on()
            except _Overtaken:
                continue
            return Archived(
                self._partition,
                self._manifest.end,
                self._records,
                self._objects,
                self._size,
                self._manifest.digest,
            )

    async def _go_on(self) -> None:
        """Archive everything behind what the manifest has.

        Raises:
            _Overtaken: the manifest is not the one that was read; what was added before that is in it or will be again.
        """
        await asyncio.to_thread(self._load)
        begin, end = self._manifest.end, await self._source.end(self._partition)
        if end < begin:
            raise self._another(f"ends at offset {end}, and the archive at {begin}")
        waiting: list[Copied] = []
        waiting_bytes = 0
        damage: LedgerCorrupt | None = None
        try:
            async for record in self._news(begin):
                if waiting and waiting_bytes + len(record.body) > self._object_bytes:
                    await asyncio.to_thread(self._keep, waiting)
                    waiting, waiting_bytes = [], 0
                waiting.append(record)
                waiting_bytes += len(record.body)
        except LedgerCorrupt as error:
            damage = error
        if waiting:
            await asyncio.to_thread(self._keep, waiting)
        if damage is not None:
            raise damage

    async def _news(self, begin: int) -> AsyncIterator[Copied]:
        """The records from `begin` on. The one before them must be the last that is archived."""
        checked = begin == 0
        async with aclosing(self._source.read(self._partition, max(begin - 1, 0))) as batches:
            async for batch in batches:
                if not checked:
                    self._check(batch[0], begin - 1)
                for record in batch if checked else batch[1:]:
                    yield record
                checked = True

    def _load(self) -> None:
        """Read the manifest as it is now."""
        empty = Manifest.empty(self._source.partitions, self._partition)
        self._kept = self._store.read(empty.name)
        self._manifest = empty
        if self._kept is not None:
            self._manifest = Manifest.read(self._kept, *empty[:2], empty.name)

    def _check(self, record: Copied, offset: int) -> None:
        """See that the ledger has the last record that is archived."""
        if _mark(record) != self._manifest.entries[-1].mark:
            raise self._another(f"has another record at offset {offset}")

    def _another(self, reason: str) -> LedgerRefused:
        return LedgerRefused(
            f"the archive {self._store.place} is of another ledger, or of one that has lost records since: "
            f"partition {self._partition} of this one {reason}; archive it to a new place"
        )

    def _keep(self, records: Sequence[Copied]) -> None:
        """Keep an object, and then the manifest that names it."""
        data = b"".join(_frames(records))
        manifest = self._manifest
        entry = Entry(
            offset=manifest.end,
            records=len(records),
            first=records[0].time,
            last=records[-1].time,
            size=len(data),
            sha256=sha256(data).hexdigest(),
            mark=_mark(records[-1]),
            before=manifest.digest,
        )
        self._store.write(entry.name(self._partition), data)
        manifest = manifest.with_entry(entry)
        halved = manifest.halved()
        if halved is not None:
            older, manifest = halved
            self._store.write(manifest.earlier_name, older)
        if self._store.read(manifest.name) != self._kept:
            raise _Overtaken
        kept = manifest.encode()
        self._store.write(manifest.name, kept)
        self._manifest, self._kept = manifest, kept
        self._records += len(records)
        self._objects += 1
        self._size += len(data)


def _frames(records: Sequence[Copied]) -> Iterator[bytes]:
    """The bytes of a segment. Every frame is a group by itself, so that the same records are the same bytes."""
    for time, body in records:
        yield frame(time, body, starts_group=True)
        yield body


def _mark(record: Copied) -> str:
    return sha256(b"".join(_frames([record]))).hexdigest()
