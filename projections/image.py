"""The state of a partition as a series of parts that can be kept, and a state made of them again.

A part is small; a state of any size can be written and read without having all of it twice in
memory. Only what cannot be computed from the rest is kept. The state that `StateLoader` makes is
indistinguishable from the one that was dumped: it has the same digest, and folding the same records
on gives the same outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from colonyledger.wire import Colony as ColonyRecord
from colonyledger.wire import encode

from projections.colonyimage import Records, dump_records, load_records
from projections.identities import IdentitiesImage
from projections.nonces import Applied
from projections.processimage import (
    ChannelsImage,
    ProcessesEnd,
    ProcessesLoader,
    ProcessRun,
    dump_processes,
)
from projections.state import Checkpoint, Colony, Settings, State
from projections.timers import Timer

__all__ = ["IMAGE_VERSION", "BrokenImage", "Part", "StateLoader", "dump"]

IMAGE_VERSION = 1
"""The version of the parts: another one cannot be read. Changing what a part holds takes a new version."""

_RUN = 10_000
"""Most timers, and most nonces without their replies, in one part."""
_RUN_BYTES = 1 << 20
"""Bytes of replies after which a part ends."""


class BrokenImage(Exception):
    """The parts do not make a state: some are missing, or they do not belong together."""


class Head(msgspec.Struct, array_like=True, tag="state"):
    """The first part: what concerns all colonies."""

    next_offset: int
    clock: int
    rules: int
    server_id: str
    settings: Settings
    checkpoint: Checkpoint | None
    successor: str | None = None


class ColonyHead(msgspec.Struct, array_like=True, tag="colony"):
    """The first part of a colony: its processes come next, then its records."""

    record: bytes
    paused: bool
    identities: IdentitiesImage


class TimerRun(msgspec.Struct, array_like=True, tag="timers"):
    """Some timers, earliest first."""

    entries: list[Timer]


class NonceRun(msgspec.Struct, array_like=True, tag="nonces"):
    """Some nonces with what their RPCs came to, oldest first."""

    applied: list[tuple[str, Applied]]


class End(msgspec.Struct, array_like=True, tag="end"):
    """The last part: what needs all others."""

    timers: tuple[int, int]
    contested: dict[str, tuple[str, ...]]


Part = Head | ColonyHead | ProcessRun | ChannelsImage | ProcessesEnd | Records | TimerRun | NonceRun | End


def dump(state: State) -> Iterator[Part]:
    """The parts of a state that does not change meanwhile."""
    yield Head(
        state.next_offset,
        state.clock,
        state.rules,
        state.server_id,
        state.settings,
        state.checkpoint,
        state.successor,
    )
    for colony in state.colonies.values():
        yield ColonyHead(encode(colony.record), colony.paused, colony.identities.image())
        yield from dump_processes(colony.processes)
        yield from dump_records(colony)
    entries = list(state.timers)
    for start in range(0, len(entries), _RUN):
        yield TimerRun(entries[start : start + _RUN])
    yield from _nonces(state.nonces.items())
    yield End(state.timers.counters, state.contested)


def _nonces(items: Iterable[tuple[str, Applied]]) -> Iterator[NonceRun]:
    run, size = NonceRun([]), 0
    for key, applied in items:
        run.applied.append((key, applied))
        size += len(applied.reply or b"")
        if len(run.applied) == _RUN or size > _RUN_BYTES:
            yield run
            run, size = NonceRun([]), 0
    if run.applied:
        yield run


class StateLoader:
    """Makes a state of the parts that `dump` gave, taken in the same order."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._colony: Colony | None = None
        self._processes: ProcessesLoader | None = None
        self._timers: list[Timer] = []
        self._kinds: dict[str, str] = {}
        self._ended = False

    def take(self, part: Part) -> None:
        """Take the next part.

        Raises:
            BrokenImage: it cannot come here.
        """
        if isinstance(part, Head):
            self._begin(part)
        elif isinstance(part, ColonyHead):
            self._begin_colony(part)
        elif isinstance(part, ProcessRun | ChannelsImage | ProcessesEnd):
            self._take_processes(part)
        elif isinstance(part, Records):
            if self._colony is None or self._processes is not None:
                raise BrokenImage("records before their colony or its processes")
            load_records(self._colony, part)
        elif isinstance(part, TimerRun):
            self._timers.extend(map(self._shared, part.entries))
        elif isinstance(part, NonceRun):
            for key, applied in part.applied:
                self._begun.nonces.restore(key, applied)
        else:
            self._begun.timers.restore(self._timers, part.timers)
            self._begun.restore_contested(part.contested)
            self._ended = True

    def finish(self) -> State:
        """The state.

        Raises:
            BrokenImage: the last part did not come.
        """
        if not self._ended:
            raise BrokenImage("the last part is missing")
        return self._begun

    def _shared(self, timer: Timer) -> Timer:
        """A timer that holds the objects of its process where it can: a great many have one."""
        deadline, order, kind, key, stamp = timer
        kind = self._kinds.setdefault(kind, kind)
        found = self._begun.find_process(key)
        if found is not None:
            process = found[1]
            key = process.record.processid
            deadline = process.waitdeadline if process.waitdeadline == deadline else deadline
        return deadline, order, kind, key, deadline if stamp == deadline else stamp

    @property
    def _begun(self) -> State:
        if self._state is None:
            raise BrokenImage("the first part is missing")
        return self._state

    def _begin(self, head: Head) -> None:
        self._state = state = State()
        state.next_offset, state.clock, state.rules = head.next_offset, head.clock, head.rules
        state.server_id, state.settings, state.checkpoint = head.server_id, head.settings, head.checkpoint
        state.successor = head.successor

    def _begin_colony(self, head: ColonyHead) -> None:
        record = msgspec.json.decode(head.record, type=ColonyRecord)
        self._begun.add_colony(record)
        self._colony = colony = self._begun.colonies[record.name]
        colony.paused = head.paused
        colony.identities.restore(head.identities)
        self._processes = ProcessesLoader(colony.processes, record.name)

    def _take_processes(self, part: ProcessRun | ChannelsImage | ProcessesEnd) -> None:
        if self._processes is None:
            raise BrokenImage("processes without a colony")
        if isinstance(part, ProcessRun):
            self._processes.take(part)
        elif isinstance(part, ChannelsImage):
            self._processes.take_channels(part)
        else:
            self._processes.finish(part)
            self._processes = None
