"""What an archive says of itself: a label for the whole, and for each partition a chain of entries, one an object.

A manifest is lines of JSON. The first is its header, each other one an entry, which names the SHA-256 of its object and
that of the line before it in the chain: of the entry before, and in the first entry of all, of what identifies the
partition. So no entry and no object can be left out, exchanged or moved without its being noticed.

`partition-PPPPP/manifest.jsonl` is written anew whenever an object is added. It has the newest entries; once there are
many, the older half goes into a file that is never changed again, and that the header names with its SHA-256.
"""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

import msgspec

from services.ledger import LedgerCorrupt, LedgerRefused

__all__ = ["FORMAT", "LABEL", "Earlier", "Entry", "Label", "Manifest", "read_label"]

FORMAT = 1
LABEL = "archive.json"
"""Name of the object that says that this is an archive."""

_MOST_ENTRIES = 1024


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The label of an archive."""

    format: int
    partitions: int
    """How many the ledger has."""

    def encode(self) -> bytes:
        """As it is kept."""
        return msgspec.json.encode(self) + b"\n"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One object: records in the format of a ledger's segment. Times are nanoseconds since 1970."""

    offset: int
    """Of its first record."""
    records: int
    first: int
    """The time of its first record."""
    last: int
    """The time of its last record."""
    size: int
    """Bytes."""
    sha256: str
    """Of the object, in hex."""
    mark: str
    """SHA-256 of its last frame, in hex: which record it was."""
    before: str
    """SHA-256 of the entry before it, as it stands in its line; of the genesis if there is none."""

    @property
    def end(self) -> int:
        """The offset after its last record."""
        return self.offset + self.records

    def line(self) -> bytes:
        """As it stands in a manifest."""
        return msgspec.json.encode(self)

    def name(self, partition: int) -> str:
        """What its object is called."""
        return f"partition-{partition:05d}/{self.offset:020d}-{self.sha256}.segment"


class Earlier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Entries that are in a file of their own."""

    end: int
    """The offset after their last record."""
    digest: str
    """SHA-256 of the last entry."""
    sha256: str
    """Of the file, in hex."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    partitions: int
    partition: int
    earlier: Earlier | None


class Manifest(NamedTuple):
    """The manifest of one partition, or the part of it that is in one file."""

    partitions: int
    partition: int
    earlier: Earlier | None
    entries: tuple[Entry, ...]

    @classmethod
    def empty(cls, partitions: int, partition: int) -> Manifest:
        """That of a partition of which nothing is archived."""
        return cls(partitions, partition, None, ())

    @property
    def end(self) -> int:
        """The offset after the last record that is archived."""
        return self.entries[-1].end if self.entries else self._start[0]

    @property
    def digest(self) -> str:
        """What stands for everything up to the end: the SHA-256 of the last entry."""
        return sha256(self.entries[-1].line()).hexdigest() if self.entries else self._start[1]

    @property
    def name(self) -> str:
        """What the newest part is called."""
        return f"partition-{self.partition:05d}/manifest.jsonl"

    @property
    def earlier_name(self) -> str:
        """What the file with the earlier entries is called; empty if there is none."""
        if self.earlier is None:
            return ""
        return f"partition-{self.partition:05d}/manifest-{self.earlier.end:020d}-{self.earlier.sha256}.jsonl"

    def with_entry(self, entry: Entry) -> Manifest:
        """The same with one more."""
        return self._replace(entries=(*self.entries, entry))

    def halved(self) -> tuple[bytes, Manifest] | None:
        """What to keep in a file of its own, and what is left then; None if there are few entries."""
        half = len(self.entries) // 2
        if len(self.entries) < _MOST_ENTRIES:
            return None
        older = self._replace(entries=self.entries[:half])
        kept = older.encode()
        earlier = Earlier(older.end, older.digest, sha256(kept).hexdigest())
        return kept, self._replace(earlier=earlier, entries=self.entries[half:])

    def encode(self) -> bytes:
        """As it is kept."""
        header = _Header(FORMAT, self.partitions, self.partition, self.earlier)
        return b"".join(
            line + b"\n" for line in (msgspec.json.encode(header), *(each.line() for each in self.entries))
        )

    @classmethod
    def read(cls, data: bytes, partitions: int, partition: int, name: str) -> Manifest:
        """A manifest as it is kept under `name`.

        Raises:
            LedgerCorrupt: it is not as it was written, or of another partition.
        """
        lines = data.splitlines()
        try:
            header = msgspec.json.decode(lines[0] if lines else b"", type=_Header)
        except msgspec.DecodeError as error:
            raise LedgerCorrupt(partition, 0, f"{name} cannot be read: {error}") from None
        if header.format != FORMAT:
            raise LedgerRefused(f"{name} has format {header.format}, this version reads {FORMAT}")
        if (header.partitions, header.partition) != (partitions, partition):
            raise LedgerCorrupt(
                partition, 0, f"{name} is of partition {header.partition} of {header.partitions}"
            )
        read = cls(partitions, partition, header.earlier, ())
        end, digest = read._start
        entries = []
        for number, line in enumerate(lines[1:], 2):
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except msgspec.DecodeError as error:
                raise LedgerCorrupt(
                    partition, end, f"line {number} of {name} cannot be read: {error}"
                ) from None
            if entry.before != digest or entry.offset != end or entry.records < 1 or entry.line() != line:
                raise LedgerCorrupt(
                    partition, end, f"line {number} of {name} does not follow on the one before it"
                )
            end, digest = entry.end, sha256(line).hexdigest()
            entries.append(entry)
        if not data.endswith(b"\n"):
            raise LedgerCorrupt(partition, end, f"{name} is cut short")
        return read._replace(entries=tuple(entries))

    @property
    def _start(self) -> tuple[int, str]:
        """Where the entries go on, and the digest that the first of them must name."""
        if self.earlier is not None:
            return self.earlier.end, self.earlier.digest
        genesis = _Header(FORMAT, self.partitions, self.partition, None)
        return 0, sha256(msgspec.json.encode(genesis)).hexdigest()


def read_label(data: bytes, place: str) -> Label:
    """The label of the archive in `place`.

    Raises:
        LedgerRefused: it cannot be understood.
    """
    try:
        label = msgspec.json.decode(data, type=Label)
    except msgspec.DecodeError as error:
        raise LedgerRefused(f"{LABEL} in {place} cannot be understood: {error}") from None
    if label.format != FORMAT:
        raise LedgerRefused(f"{LABEL} in {place} names format {label.format}; this version reads {FORMAT}")
    return label
