"""A snapshot as bytes: what was written is read, and whatever else is there is noticed."""

from __future__ import annotations

import random
from io import BytesIO

import pytest

from projections.digest import state_digest
from projections.event import Event
from projections.fold import apply
from projections.image import IMAGE_VERSION
from projections.state import State
from services.snapshots.base import SnapshotDamaged, SnapshotName
from services.snapshots.files import Header, read_header, read_state, write_snapshot


@pytest.fixture(scope="module")
def state(events: list[Event]) -> State:
    state = State()
    for event in events:
        apply(state, event)
    return state


def header_of(state: State, image: int = IMAGE_VERSION) -> Header:
    return Header(
        image,
        1,
        "a" * 64,
        1,
        0,
        state.next_offset,
        state.next_offset,
        "",
        state.clock,
        1,
        state_digest(state),
    )


@pytest.fixture(scope="module")
def written(state: State) -> bytes:
    file = BytesIO()
    write_snapshot(file, header_of(state), state)
    return file.getvalue()


def read(data: bytes) -> State:
    file = BytesIO(data)
    read_header(file)
    return read_state(file, lambda _: None)


def test_what_was_written_is_read(state: State, written: bytes) -> None:
    file = BytesIO(written)
    header = read_header(file)
    assert header == header_of(state)
    assert header.name == SnapshotName(0, state.next_offset, "a" * 16, header.digest)
    assert SnapshotName.read(header.name.path) == header.name
    told: list[int] = []
    assert state_digest(read_state(file, told.append)) == header.digest
    assert told == sorted(told)
    assert 0.9 * len(written) < told[-1] < len(written)


def test_one_changed_byte_anywhere_is_noticed(written: bytes, seed: int) -> None:
    places = random.Random(seed).sample(range(len(written)), 300)
    for place in [*range(40), *range(len(written) - 40, len(written)), *places]:
        damaged = bytearray(written)
        damaged[place] ^= 1 << place % 8
        with pytest.raises(SnapshotDamaged):
            read(bytes(damaged))


def test_an_early_end_is_noticed(written: bytes, seed: int) -> None:
    for length in [0, 10, len(written) - 1, *random.Random(seed).sample(range(len(written)), 60)]:
        with pytest.raises(SnapshotDamaged):
            read(written[:length])


def test_more_after_the_end_is_noticed(written: bytes) -> None:
    with pytest.raises(SnapshotDamaged, match="after its end"):
        read(written + b"\0")


def test_another_version_is_not_read(state: State) -> None:
    file = BytesIO()
    write_snapshot(file, header_of(state, IMAGE_VERSION + 1), state)
    file.seek(0)
    with pytest.raises(SnapshotDamaged, match="version"):
        read_header(file)


def test_it_is_small(state: State, written: bytes, events: list[Event]) -> None:
    """Less than the payloads of the ledger that it stands for."""
    assert len(written) < sum(len(event.record.payload) for event in events)
