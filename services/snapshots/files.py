"""A snapshot as bytes: a header, the parts of the state, an end; each framed and checked by itself.

    file    = MAGIC, frame(header), frame(part)*, frame(end)
    frame   = length and CRC-32C of the body, 4 bytes each, big-endian; the body
    header  = msgpack of `Header`
    part    = zstd of msgpack of a part (projections/image.py)
    end     = the number of parts, 8 bytes

The checksum of a frame begins with the number of the frame, so that none can be missing or moved.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO

import cramjam
import google_crc32c
import msgspec

from projections.image import IMAGE_VERSION, BrokenImage, Part, StateLoader, dump
from projections.state import State
from services.snapshots.base import ORIGIN_DIGITS, SnapshotDamaged, SnapshotName

__all__ = ["Header", "read_header", "read_state", "write_snapshot"]

_MAGIC = b"colony-ledger snapshot 1\n"
_FRAME = struct.Struct(">II")
_COUNT = struct.Struct(">Q")
_MAX_FRAME = 1 << 30
_LEVEL = 3
"""Of zstd: higher levels take longer than they save."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Part)


class Header(msgspec.Struct, frozen=True):
    """What is known of a snapshot without reading its state. Times are nanoseconds since 1970."""

    image: int
    """The version of the parts."""
    rules: int
    """The version of the rules in force at its position."""
    origin: str
    """The digest of the partition's first record, in hex: which ledger this is."""
    partitions: int
    """How many the ledger has."""
    partition: int
    position: int
    """All records with a smaller offset are folded."""
    next_offset: int
    """The offset after the last of them."""
    mark: str
    """What tells that record from all others (services/snapshots/loading.py)."""
    clock: int
    """The log's time then."""
    made: int
    """When the snapshot was made."""
    digest: str
    """The digest of the state (projections/digest.py)."""

    @property
    def name(self) -> SnapshotName:
        """What it is called."""
        return SnapshotName(self.partition, self.position, self.origin[:ORIGIN_DIGITS], self.digest)


def write_snapshot(file: BinaryIO, header: Header, state: State) -> None:
    """Write a state that does not change meanwhile, part by part."""
    file.write(_MAGIC)
    _write(file, 0, _encoder.encode(header))
    count = 0
    for part in dump(state):
        count += 1
        _write(file, count, bytes(cramjam.zstd.compress(_encoder.encode(part), level=_LEVEL)))
    _write(file, count + 1, _COUNT.pack(count))


def read_header(file: BinaryIO) -> Header:
    """The header of a snapshot that is read from its start.

    Raises:
        SnapshotDamaged: there is none, or another version wrote it.
    """
    if file.read(len(_MAGIC)) != _MAGIC:
        raise SnapshotDamaged("it does not start as a snapshot of this version does")
    try:
        header = msgspec.msgpack.decode(_read(file, 0), type=Header)
    except msgspec.DecodeError as error:
        raise SnapshotDamaged(f"its header cannot be read: {error}") from None
    if header.image != IMAGE_VERSION:
        raise SnapshotDamaged(f"it has parts of version {header.image}, this server reads {IMAGE_VERSION}")
    return header


def read_state(file: BinaryIO, progress: Callable[[int], None]) -> State:
    """The state of a snapshot whose header was just read; `progress` is told the bytes read, now and then.

    Raises:
        SnapshotDamaged: its bytes are not those that were written.
    """
    loader = StateLoader()
    count = 0
    read = 0
    while True:
        body = _read(file, count + 1)
        if len(body) == _COUNT.size and _COUNT.unpack(body)[0] == count:
            break
        count += 1
        read += len(body)
        try:
            loader.take(_decoder.decode(bytes(cramjam.zstd.decompress(body))))
        except (cramjam.DecompressionError, msgspec.DecodeError, BrokenImage, LookupError) as error:
            raise SnapshotDamaged(f"its part {count} cannot be read: {error}") from None
        progress(read)
    if file.read(1):
        raise SnapshotDamaged("something comes after its end")
    try:
        return loader.finish()
    except BrokenImage as error:
        raise SnapshotDamaged(str(error)) from None


def _write(file: BinaryIO, number: int, body: bytes) -> None:
    file.write(_FRAME.pack(len(body), _checksum(number, body)))
    file.write(body)


def _read(file: BinaryIO, number: int) -> bytes:
    frame = _exactly(file, _FRAME.size)
    length, checksum = _FRAME.unpack(frame)
    if length > _MAX_FRAME:
        raise SnapshotDamaged(f"its part {number} is damaged")
    body = _exactly(file, length)
    if _checksum(number, body) != checksum:
        raise SnapshotDamaged(f"its part {number} is damaged")
    return body


def _exactly(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) != length:
        raise SnapshotDamaged("it ends too early")
    return data


def _checksum(number: int, body: bytes) -> int:
    seed = google_crc32c.value(_COUNT.pack(number))
    return int(google_crc32c.extend(seed, body))
