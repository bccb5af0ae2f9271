"""Reads an archive: the manifests when it is opened, each object when its records are wanted, and checks both."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator
from hashlib import sha256

from services.archive.manifest import LABEL, Entry, Manifest, read_label
from services.archive.stores import ArchiveStore, open_archive_store
from services.ledger import LedgerCorrupt, LedgerRefused
from services.ledger.base import Copied
from services.ledger.embedded.segment import HEADER_BYTES, parse

__all__ = ["Archive"]

_BATCH_BYTES = 1024 * 1024


class Archive:
    """An archive as it was when it was opened (`services.ledger.copying.CopySource`)."""

    def __init__(self, store: ArchiveStore, entries: list[tuple[Entry, ...]]) -> None:
        self._store = store
        self._entries = entries

    @classmethod
    async def open(cls, place: str) -> Archive:
        """Open it and check its manifests.

        Raises:
            LedgerCorrupt: a manifest is not as it was written.
            LedgerRefused: there is no archive, or one of another version.
            LedgerUnavailable: it cannot be read now.
        """
        store = await asyncio.to_thread(open_archive_store, place)
        return cls(store, await asyncio.to_thread(_all_entries, store))

    @property
    def partitions(self) -> int:
        """How many the ledger has."""
        return len(self._entries)

    def entries(self, partition: int) -> tuple[Entry, ...]:
        """What the manifest of a partition says."""
        return self._entries[partition]

    async def end(self, partition: int) -> int:
        """The offset after the last record that is archived."""
        entries = self._entries[partition]
        return entries[-1].end if entries else 0

    async def read(self, partition: int, offset: int = 0) -> AsyncGenerator[list[Copied], None]:
        """The records from `offset` on, in batches of about 1 MiB. An object is checked before any record of it is given.

        Raises:
            LedgerCorrupt: an object is missing, or is not what the manifest says.
            LedgerUnavailable: the archive cannot be read now.
        """
        entries = self._entries[partition]
        start = max(bisect_right(entries, offset, key=lambda entry: entry.offset) - 1, 0)
        for entry in entries[start:]:
            records = await asyncio.to_thread(self._load, partition, entry)
            batch: list[Copied] = []
            size = 0
            for record in records[max(offset - entry.offset, 0) :]:
                batch.append(record)
                size += len(record.body)
                if size >= _BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
            if batch:
                yield batch

    def _load(self, partition: int, entry: Entry) -> list[Copied]:
        name = entry.name(partition)
        data = self._store.read(name)
        if data is None:
            raise LedgerCorrupt(partition, entry.offset, f"{name} is missing in {self._store.place}")
        if sha256(data).hexdigest() != entry.sha256:
            raise LedgerCorrupt(
                partition, entry.offset, f"{name} is not what was archived: its SHA-256 differs"
            )
        frames = parse(data)
        records = [Copied(time, data[start + HEADER_BYTES : end]) for start, end, time in frames]
        told = (len(data), len(records), records[0].time, records[-1].time) if records else ()
        if told != (entry.size, entry.records, entry.first, entry.last) or frames[-1][1] != len(data):
            raise LedgerCorrupt(partition, entry.offset, f"{name} has other records than its manifest says")
        return records


def _all_entries(store: ArchiveStore) -> list[tuple[Entry, ...]]:
    label = store.read(LABEL)
    if label is None:
        raise LedgerRefused(f"{store.place} holds no archive: it has no {LABEL}")
    partitions = read_label(label, store.place).partitions
    return [_entries(store, partitions, partition) for partition in range(partitions)]


def _entries(store: ArchiveStore, partitions: int, partition: int) -> tuple[Entry, ...]:
    """All entries of a partition, oldest first."""
    manifest = Manifest.empty(partitions, partition)
    data = store.read(manifest.name)
    if data is None:
        return ()
    manifest = Manifest.read(data, partitions, partition, manifest.name)
    parts = [manifest.entries]
    while manifest.earlier is not None:
        name, earlier = manifest.earlier_name, manifest.earlier
        data = store.read(name)
        if data is None:
            raise LedgerCorrupt(partition, 0, f"{name} is missing in {store.place}")
        manifest = Manifest.read(data, partitions, partition, name)
        told = (sha256(data).hexdigest(), manifest.end, manifest.digest)
        if told != (earlier.sha256, earlier.end, earlier.digest):
            raise LedgerCorrupt(partition, 0, f"{name} is not what was archived: its SHA-256 differs")
        parts.append(manifest.entries)
    return tuple(entry for part in reversed(parts) for entry in part)
