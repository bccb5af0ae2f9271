"""The bytes of one segment file: frames, and how damage is told from a torn end (docs/ledger.md).

A frame is

    word   u32   bits 0-30: length of the body; bit 31: the frame starts a group
    crc    u32   CRC-32C of word, time and body
    time   i64   append time, nanoseconds since 1970
    body         Avro in Confluent framing

all big-endian. A group is what one commit wrote and synced together; its first frame is written only
after everything before it was durable. So a damaged frame before a *later* group was durable once and
is corrupt, and one with only frames of its own group behind it is the torn end of a commit that
nobody was told about.
"""

from __future__ import annotations

import os
import re
from struct import Struct
from typing import NamedTuple

from google_crc32c import extend, value

from services.ledger.codec import BODY_START, MAX_BODY_BYTES

__all__ = ["HEADER_BYTES", "Frame", "Scan", "frame", "hop", "later_frame", "parse", "read_frames", "scan"]

_HEADER = Struct(">IIq")
HEADER_BYTES = _HEADER.size
_CHECKED_HEADER = Struct(">Iq")
_GROUP_START = 1 << 31
_LENGTH = _GROUP_START - 1
_CHUNK_BYTES = 1024 * 1024
_TIME_OFFSET = 8
_LIKELY_TIME = re.compile(rb"[\x10-\x7f](?=.{7}" + re.escape(BODY_START) + rb")", re.DOTALL)
"""A time after 2006 before the start of a body: how frames are found where their chain is broken."""


Frame = tuple[int, int, int]
"""A valid frame in data that was read: where it starts, where it ends, its time. Plain: there are many."""


class Scan(NamedTuple):
    """What a look at every frame of a segment found: `frames` valid ones, which end at `position`."""

    frames: int
    position: int
    last_time: int


def frame(time: int, body: bytes, *, starts_group: bool) -> bytes:
    """The header to write before `body`."""
    word = len(body) | _GROUP_START if starts_group else len(body)
    return _HEADER.pack(word, extend(value(_CHECKED_HEADER.pack(word, time)), body), time)


def parse(data: bytes) -> list[Frame]:
    """The valid frames that `data` begins with."""
    frames: list[Frame] = []
    start, size = 0, len(data)
    while start + HEADER_BYTES <= size:
        word, crc, time = _HEADER.unpack_from(data, start)
        end = start + HEADER_BYTES + (word & _LENGTH)
        if end > size or end == start + HEADER_BYTES:
            break
        if extend(value(data[start : start + 4]), data[start + 8 : end]) != crc:
            break
        frames.append((start, end, time))
        start = end
    return frames


def read_frames(file: int, position: int) -> tuple[bytes, list[Frame]]:
    """About 1 MiB of data of the open `file` from `position` on, and the valid frames it begins with.

    No frames means that there is no valid frame at `position`.
    """
    data = os.pread(file, _CHUNK_BYTES, position)
    frames = parse(data)
    if not frames and len(data) == _CHUNK_BYTES:
        length = _HEADER.unpack_from(data)[0] & _LENGTH
        if _CHUNK_BYTES < HEADER_BYTES + length <= HEADER_BYTES + MAX_BODY_BYTES:
            data = os.pread(file, HEADER_BYTES + length, position)
            frames = parse(data)
    return data, frames


def scan(file: int) -> Scan:
    """Check every frame of the open `file` from its beginning to the first that is not valid."""
    count = position = last_time = 0
    while True:
        _, frames = read_frames(file, position)
        if not frames:
            return Scan(count, position, last_time)
        count += len(frames)
        _, end, last_time = frames[-1]
        position += end


def hop(file: int, position: int, count: int) -> int | None:
    """The position `count` frames after the frame at `position`, by their lengths alone.

    None if the file ends first or a length cannot be true. A wrong length may also lead astray:
    whoever reads at the position finds out by the checksum.
    """
    data, start = os.pread(file, _CHUNK_BYTES, position), 0
    for _ in range(count):
        if start + HEADER_BYTES > len(data):
            position += start
            data, start = os.pread(file, _CHUNK_BYTES, position), 0
            if len(data) < HEADER_BYTES:
                return None
        length = _HEADER.unpack_from(data, start)[0] & _LENGTH
        if not 0 < length <= MAX_BODY_BYTES:
            return None
        start += HEADER_BYTES + length
    return position + start


def later_frame(tail: bytes, *, starts_group: bool) -> bool:
    """Whether a valid frame lies anywhere in `tail` after its first byte; or one that starts a group."""
    search_from = _TIME_OFFSET + 1
    while (likely := _LIKELY_TIME.search(tail, search_from)) is not None:
        search_from = likely.end()
        start = likely.start() - _TIME_OFFSET
        word, crc, _ = _HEADER.unpack_from(tail, start)
        end = start + HEADER_BYTES + (word & _LENGTH)
        if end <= len(tail) and extend(value(tail[start : start + 4]), tail[start + 8 : end]) == crc:
            if word & _GROUP_START or not starts_group:
                return True
            search_from = end + _TIME_OFFSET
    return False
