"""A process as the fold keeps it, and the table of a colony's processes with its listings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeAlias

import msgspec
from colonyledger.wire import ProcessOf, ProcessState

from projections.channel import Channels
from projections.ids import Aliases
from projections.ordering import Entry, Heap, Series
from projections.queue import Needs, Queue

__all__ = ["FINAL", "Filter", "LiveProcess", "Processes", "StoredProcess"]

StoredProcess: TypeAlias = ProcessOf[msgspec.Raw]
"""The process record with its spec kept as JSON: it is encoded once and never read whole again."""

Filter = tuple[str, str]
"""What a listing is narrowed by: "type", "initiator" or "label", and its value; two empty texts for everything."""

EVERYTHING: Filter = ("", "")

FINAL = (ProcessState.SUCCESS, ProcessState.FAILED, ProcessState.CANCELLED)
"""States that a process never leaves."""

_SHARED = 4096
"""Distinct needs, and distinct filters, whose objects are shared."""

_WAITING, _RUNNING = ProcessState.WAITING.value, ProcessState.RUNNING.value


class LiveProcess(msgspec.Struct, gc=False):
    """A process with what the queue needs to know of it. Times are nanoseconds since 1970, 0 for none."""

    record: StoredProcess
    colony: str
    needs: Needs
    funcname: str
    nodename: str
    label: str
    maxwaittime: int
    maxexectime: int
    maxretries: int
    submitted: int
    offset: int
    """The record that created it, and its place among what that record created: ties are broken by them."""
    index: int
    started: int = 0
    waitdeadline: int = 0
    execdeadline: int = 0
    attempt: int = 0
    """How many times it was assigned."""
    assigned_by: int = -1
    """The offset of the record that assigned it last."""
    nonce: str = ""
    """The nonce of the RPC that assigned it last."""
    unfinished_parents: int = 0
    channels: Channels | None = None
    """None if its spec declares none, or once it has ended."""
    closed: bool = False
    """Whether its executor gave it up itself: it may say so again, but not of one that time ran out for."""
    moved: int = 0
    """The number of its last change of state, among those of its colony: endings at one moment have an order."""
    filters: tuple[Filter, ...] = ()
    """The filters of `listed` that it passes; the first one passes everything."""
    entry: Entry | None = None
    """Its entry in the listings of its present state; None once it is removed."""

    @property
    def is_candidate(self) -> bool:
        """Whether an executor may get it now."""
        return self.record.state == _WAITING and not self.record.waitforparents


class Processes:
    """The processes of one colony by id, in the order of submission, and listings for each state and filter."""

    __slots__ = (
        "_aliases",
        "_filters",
        "_listings",
        "_moves",
        "_needs",
        "attributes",
        "by_id",
        "counts",
        "queue",
        "running",
    )

    def __init__(self, aliases: Aliases) -> None:
        self._aliases = aliases
        self._listings: list[dict[Filter, Heap | Series]] = [{}, {}, {}, {}, {}]
        self._moves = 0
        self._needs: dict[Needs, Needs] = {}
        self._filters: dict[tuple[str, str, str], tuple[Filter, ...]] = {}
        self.by_id: dict[str, LiveProcess] = {}
        self.attributes: dict[str, str] = {}
        """The process of each attribute."""
        self.counts = [0, 0, 0, 0, 0]
        """How many processes there are in each state."""
        self.queue = Queue(self._alive)
        self.running: dict[str, dict[str, None]] = {}
        """The running processes of each executor id, in the order of assignment."""

    def _alive(self, entry: Entry) -> bool:
        process = self.by_id.get(entry[-1])
        return process is not None and process.entry is entry

    def shared(self, needs: Needs) -> Needs:
        """One object that stands for these needs, to save memory: most processes need the same."""
        if len(self._needs) > _SHARED:
            self._needs.clear()
        return self._needs.setdefault(needs, needs)

    def add(self, process: LiveProcess) -> None:
        """Keep a new process, and queue it if it waits for no parent."""
        process.filters = self._shared_filters(process)
        self.by_id[process.record.processid] = process
        for attribute in process.record.attributes:
            self.add_attribute(process, attribute.attributeid)
        self.enter(process)

    def add_attribute(self, process: LiveProcess, attributeid: str) -> None:
        """Let an attribute's id lead to its process."""
        self.attributes[attributeid] = process.record.processid
        self._aliases.add(attributeid)

    def leave(self, process: LiveProcess) -> None:
        """Take a process out of the listings of its state, before the state changes."""
        record = process.record
        candidate = process.is_candidate
        process.entry = None
        self.counts[record.state] -= 1
        listings = self._listings[record.state]
        for each in process.filters:
            listing = listings[each]
            listing.left()
            if not listing.live:
                del listings[each]
        if candidate:
            self.queue.left(process.needs)
        elif record.state == _RUNNING:
            own = self.running[record.assignedexecutorid]
            del own[record.processid]
            if not own:
                del self.running[record.assignedexecutorid]

    def ready(self, process: LiveProcess) -> None:
        """Make a waiting process a candidate: it waits for no parent any more."""
        process.record.waitforparents = False
        if process.entry is not None:
            self.queue.add(process.needs, process.entry)

    def hold(self, process: LiveProcess) -> None:
        """Make a candidate wait for a parent again."""
        self.leave(process)
        process.record.waitforparents = True
        self.enter(process)

    def remove(self, process: LiveProcess) -> None:
        """Forget a process and its attributes."""
        self.leave(process)
        del self.by_id[process.record.processid]
        for attribute in process.record.attributes:
            self.attributes.pop(attribute.attributeid, None)
            self._aliases.remove(attribute.attributeid)

    def hand_over(self, former: str, executorid: str) -> None:
        """Let what an executor runs stay with it under its new id."""
        own = self.running.pop(former, None)
        if own is not None:
            self.running[executorid] = own
            for processid in own:
                self.by_id[processid].record.assignedexecutorid = executorid

    def enter(self, process: LiveProcess) -> None:
        """Put a process into the listings of its state, after the state has changed."""
        record = process.record
        state = record.state
        entry = (record.prioritytime, process.offset, process.index, process.attempt, record.processid)
        process.entry = entry
        self._moves += 1
        process.moved = self._moves
        self.counts[state] += 1
        listings = self._listings[state]
        for each in process.filters:
            listing = listings.get(each)
            if listing is None:
                listing = Heap(self._alive) if state == _WAITING else Series(self._alive)
                listings[each] = listing
            listing.add(entry)
        if state == _WAITING:
            if not record.waitforparents:
                self.queue.add(process.needs, entry)
        elif state == _RUNNING:
            self.running.setdefault(record.assignedexecutorid, {})[record.processid] = None

    def listed(self, state: int, count: int, filters: Sequence[Filter]) -> list[StoredProcess]:
        """Up to `count` processes in `state` that pass all filters.

        Waiting ones come in the order of the queue, running ones oldest start first, finished ones
        newest end first (protocol: processes.md section 7.4).
        """
        wanted = filters or (EVERYTHING,)
        listings = [self._listings[state].get(each) for each in wanted]
        shortest = min(listings, key=lambda listing: 0 if listing is None else listing.live)
        if shortest is None:
            return []
        entries: Iterator[Entry] = iter(shortest)
        if isinstance(shortest, Series) and state != _RUNNING:
            entries = reversed(shortest)
        found = (self.by_id[entry[-1]] for entry in entries)
        passing = (process.record for process in found if all(each in process.filters for each in wanted))
        return list(islice(passing, count))

    def submitted_since(self, start: int) -> list[LiveProcess]:
        """The processes submitted at `start` or later, oldest first."""
        recent = []
        for process in reversed(self.by_id.values()):
            if process.submitted < start:
                break
            recent.append(process)
        recent.reverse()
        return recent

    def _shared_filters(self, process: LiveProcess) -> tuple[Filter, ...]:
        key = (process.needs.executortype, process.record.initiatorname, process.label)
        filters = self._filters.get(key)
        if filters is None:
            if len(self._filters) > _SHARED:
                self._filters.clear()
            executortype, initiator, label = key
            filters = (EVERYTHING, ("type", executortype), ("initiator", initiator))
            filters = self._filters[key] = (*filters, ("label", label)) if label else filters
        return filters
