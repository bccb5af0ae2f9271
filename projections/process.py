"""A process as the fold keeps it, and the table of a colony's processes with its listings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from operator import attrgetter
from typing import TypeAlias

import msgspec
from colonyledger.wire import ProcessOf, ProcessState

from projections.channel import Channels
from projections.ids import Aliases
from projections.listings import Filter, Listings
from projections.ordering import Ordered
from projections.queue import Needs, Queue

__all__ = ["FINAL", "LiveProcess", "Processes", "StoredProcess"]

StoredProcess: TypeAlias = ProcessOf[msgspec.Raw]
"""The process record with its spec kept as JSON: it is encoded once and never read whole again."""

FINAL = (ProcessState.SUCCESS, ProcessState.FAILED, ProcessState.CANCELLED)
"""States that a process never leaves."""

_INDEX_BITS = 24
"""Enough for the processes that one record makes: it has at most 64 MiB."""

_SHARED = 4096
"""Distinct needs whose objects are shared."""

_NUMBER, _SUBMITTED, _MOVED = attrgetter("number"), attrgetter("submitted"), attrgetter("moved")

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
    """The offset of the record that assigned it last; -1 once that was asked for again."""
    nonce: str = ""
    """The nonce of the RPC that assigned it last."""
    unfinished_parents: int = 0
    channels: Channels | None = None
    """None if its spec declares none, or once it has ended."""
    closed: bool = False
    """Whether its executor gave it up itself: it may say so again, but not of one that time ran out for."""
    moved: int = 0
    """The number of its last change of state, among those of its colony: endings at one moment have an order."""
    number: int = 0
    """How many came before it in its colony."""
    place: tuple[int, int] | int = 0
    """Where it stands in the listings of its state: while it waits by the queue's order, else by `moved`."""

    @property
    def age(self) -> int:
        """Orders processes by their submission: a smaller number is that of an earlier one."""
        return self.offset << _INDEX_BITS | self.index

    @property
    def is_candidate(self) -> bool:
        """Whether an executor may get it now."""
        return self.record.state == _WAITING and not self.record.waitforparents


class Processes:
    """The processes of one colony by id, in the order of submission, and listings for each state and filter."""

    __slots__ = (
        "_aliases",
        "_listings",
        "_needs",
        "_numbers",
        "_submitted",
        "_totals",
        "attributes",
        "by_id",
        "counts",
        "moves",
        "queue",
        "running",
    )

    def __init__(self, aliases: Aliases, totals: list[int]) -> None:
        self._aliases = aliases
        self._listings = Listings()
        self._submitted: dict[tuple[int, str], Ordered[LiveProcess]] = {}
        """The processes in each state, and those of them that each executor id has or had, by submission."""
        self.moves = 0
        """How many changes of state there were, of all processes together."""
        self._numbers = 0
        self._needs: dict[Needs, Needs] = {}
        self.by_id: dict[str, LiveProcess] = {}
        self.attributes: dict[str, str] = {}
        """The process of each attribute."""
        self.counts = [0, 0, 0, 0, 0]
        """How many processes there are in each state."""
        self._totals = totals
        """The same of all colonies together."""
        self.queue = Queue()
        self.running: dict[str, dict[str, None]] = {}
        """The running processes of each executor id, in the order of assignment."""

    def shared(self, needs: Needs) -> Needs:
        """One object that stands for these needs, to save memory: most processes need the same."""
        if len(self._needs) > _SHARED:
            self._needs.clear()
        return self._needs.setdefault(needs, needs)

    def add(self, process: LiveProcess) -> None:
        """Keep a new process, and queue it if it waits for no parent."""
        self._keep(process)
        self.enter(process)

    def restore(self, processes: Iterable[LiveProcess], moves: int) -> None:
        """Keep the processes of another table, given in the order of submission, each with what `moved` says."""
        for process in processes:
            self._keep(process)
        for process in sorted(self.by_id.values(), key=_MOVED):
            self.moves = process.moved - 1
            self.enter(process)
        self.moves = moves

    def _keep(self, process: LiveProcess) -> None:
        process.number = self._numbers
        self._numbers += 1
        self.by_id[process.record.processid] = process
        for attribute in process.record.attributes:
            self.add_attribute(process, attribute.attributeid)

    def add_attribute(self, process: LiveProcess, attributeid: str) -> None:
        """Let an attribute's id lead to its process."""
        self.attributes[attributeid] = process.record.processid
        self._aliases.add(attributeid)

    def leave(self, process: LiveProcess) -> None:
        """Take a process out of the listings of its state, before the state changes."""
        record = process.record
        self.counts[record.state] -= 1
        self._totals[record.state] -= 1
        self._listings.remove(process)
        for key in self._holders(record):
            if not self._submitted[key].remove(process):
                del self._submitted[key]
        if process.is_candidate:
            self.queue.remove(process)
        elif record.state == _RUNNING:
            own = self.running[record.assignedexecutorid]
            del own[record.processid]
            if not own:
                del self.running[record.assignedexecutorid]

    def ready(self, process: LiveProcess) -> None:
        """Make a waiting process a candidate: it waits for no parent any more."""
        process.record.waitforparents = False
        if process.record.processid in self.by_id:
            self.queue.add(process)

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
            self._submitted[_RUNNING, executorid] = self._submitted.pop((_RUNNING, former))
            for processid in own:
                self.by_id[processid].record.assignedexecutorid = executorid

    def enter(self, process: LiveProcess) -> None:
        """Put a process into the listings of its state, after the state has changed."""
        record = process.record
        state = record.state
        self.moves += 1
        process.moved = process.place = self.moves
        if state == _WAITING:
            process.place = (record.prioritytime, process.number)
        self.counts[state] += 1
        self._totals[state] += 1
        self._listings.add(process)
        for key in self._holders(record):
            submitted = self._submitted.get(key)
            if submitted is None:
                self._submitted[key] = Ordered(_NUMBER, process)
            else:
                submitted.add(process)
        if process.is_candidate:
            self.queue.add(process)
        elif state == _RUNNING:
            self.running.setdefault(record.assignedexecutorid, {})[record.processid] = None

    @staticmethod
    def _holders(record: StoredProcess) -> tuple[tuple[int, str], ...]:
        anybody = (record.state, "")
        return (
            (anybody, (record.state, record.assignedexecutorid)) if record.assignedexecutorid else (anybody,)
        )

    def in_state(self, state: int) -> Iterator[LiveProcess]:
        """The processes in a state, in the order of submission."""
        return iter(self._submitted.get((state, ""), ()))

    def listed(self, state: int, count: int, wanted: Filter) -> list[StoredProcess]:
        """Up to `count` processes in `state` that pass a filter.

        Waiting ones come in the order of the queue, running ones oldest start first, finished ones
        newest end first (protocol: processes.md section 7.4).
        """
        found = self._listings.listed(state, wanted, newest_first=state > _RUNNING)
        return [process.record for process in islice(found, count)]

    def submitted_since(self, start: int, state: int, executorid: str) -> list[StoredProcess]:
        """The processes in `state` submitted at `start` or later, oldest first; of one executor if it is named."""
        submitted = self._submitted.get((state, executorid))
        return [] if submitted is None else [each.record for each in submitted.since(start, _SUBMITTED)]
