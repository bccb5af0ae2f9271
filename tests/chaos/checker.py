"""Whether what clients were told fits the ledger: the judge of the fault tests.

The ledger's order is the order in which everything happened, if anything is. So nobody has to search
for a linearization: each operation is looked up in the ledger, and what remains to be shown is that

- whoever was told of an effect finds it there, once, and was told what it came to (`check_promises`);
- nothing stands there that nobody sent, or more often than it was sent (`check_sources`);
- the order agrees with the clients' clock: what was acknowledged before another operation began stands
  before it, and a read saw a state that was neither older than what anybody had been told nor newer
  than its own end (`check_order`, `check_reads`);
- a process has one executor at a time, who keeps it until the deadline or its end (`check_holders`, `check_told`);
- each executor got the best candidate there was (`check_priority`).

Every check gives sentences, one for each thing that is wrong.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from colonyledger.wire import Process, decode

from projections.event import Change, Event
from tests.chaos.folding import Effect, Entry, Told, answer_from, entries_of, prefixes
from tests.chaos.history import Operation

__all__ = ["check", "unfinished"]

ASSIGN, SUBMIT = "assignprocessmsg", "submitfuncspecmsg"
UNDELIVERED = "ledgerundelivered"
PASSING = (404, 408)
"""Statuses with which an `assign` is told that there was nothing."""

_OWN = {
    SUBMIT: Change.SUBMITTED,
    ASSIGN: Change.ASSIGNED,
    "closesuccessfulmsg": Change.CLOSED,
    "closefailedmsg": Change.CLOSED,
}
"""What each message changes itself."""

Named = dict[tuple[str, str], list[Entry]]
"""The records of each message with a nonce, by who signed it."""


def check(operations: Sequence[Operation], events: Sequence[Event]) -> list[str]:
    """Everything that is wrong with the operations of one colony, whose partition holds `events`."""
    entries = entries_of(events)
    named: Named = defaultdict(list)
    for entry in entries:
        if entry.is_rpc and entry.nonce:
            named[entry.identity, entry.nonce].append(entry)
    positions, problems = _positions(operations, named)
    problems += check_sources(operations, entries)
    problems += check_once(named, entries)
    problems += check_order(operations, named, positions)
    problems += check_reads(operations, events, named, positions)
    problems += check_holders(operations, entries, named)
    problems += check_told(operations)
    problems += check_priority(entries)
    return problems


def unfinished(events: Sequence[Event]) -> list[str]:
    """The processes that were submitted and have not come to an end."""
    open_: dict[str, None] = {}
    for entry in entries_of(events):
        for effect in entry.effects:
            if effect.change is Change.SUBMITTED:
                open_[effect.processid] = None
            elif effect.change in (Change.CLOSED, Change.REMOVED):
                open_.pop(effect.processid, None)
    return [f"process {processid} was never finished" for processid in open_]


def _positions(operations: Iterable[Operation], named: Named) -> tuple[dict[int, int], list[str]]:
    """Where the answered commands stand, by when they were invoked; and those that do not stand where they should."""
    positions: dict[int, int] = {}
    problems = []
    for operation in operations:
        if operation.completed is None or operation.is_read:
            continue
        told: Told = operation.reply, operation.refusal
        entries = named.get((operation.identity, operation.nonce), [])
        at = next((entry.position for entry in entries if entry.told == told), None)
        if at is not None:
            # Of those that were told that there is nothing, an earlier attempt may have been told the same much later.
            if operation.refusal is None or not _may_have_effects(operation):
                positions[operation.invoked] = at
        elif operation.is_done and not entries:
            problems.append(f"lost: no record of {operation}")
        elif operation.is_done:
            problems.append(f"another reply: {operation}, and the ledger says {[e.told for e in entries]}")
        if operation.refusal is not None and not _may_have_effects(operation):
            problems += [
                f"refused, and yet position {entry.position} has an effect: {operation}"
                for entry in entries
                if entry.told[0] is not None
            ]
    return positions, problems


def _may_have_effects(operation: Operation) -> bool:
    """Whether an attempt that was never answered may have given work, after a later one was told that there is none."""
    assert operation.refusal is not None
    return operation.payloadtype == ASSIGN and operation.refusal[0] in PASSING and operation.was_doubtful


def check_sources(operations: Sequence[Operation], entries: Iterable[Entry]) -> list[str]:
    """Every RPC in the ledger was sent by its client, no record is there twice, and none more often than it was sent."""
    sent = {(each.identity, each.nonce): each for each in operations}
    # The server owner of a development server makes a colony of its own.
    clients = {each.identity for each in operations if each.payloadtype != "addcolonymsg"}
    seen: set[tuple[str, int]] = set()
    times: Counter[tuple[str, str]] = Counter()
    problems = []
    for entry in entries:
        if entry.source in seen:
            problems.append(f"position {entry.position} is the record {entry.source} a second time")
        seen.add(entry.source)
        if not entry.is_rpc or entry.identity not in clients:
            continue
        operation = sent.get((entry.identity, entry.nonce))
        times[entry.identity, entry.nonce] += 1
        if operation is None or operation.payload != entry.payload:
            problems.append(f"never sent: position {entry.position}, {entry.payloadtype} {entry.nonce}")
        elif times[entry.identity, entry.nonce] > len(operation.attempts) and entry.payloadtype != ASSIGN:
            # A request for work may be recorded again after it has lost a race.
            problems.append(f"recorded more often than it was sent: position {entry.position}, {operation}")
    return problems


def check_once(named: Named, entries: Sequence[Entry]) -> list[str]:
    """No message has had its effect twice; but an assignment that reached nobody may be made again."""
    undone: dict[tuple[str, str], list[int]] = defaultdict(list)
    for entry in entries:
        if entry.payloadtype == UNDELIVERED:
            for effect in entry.effects:
                undone[effect.processid, effect.executor].append(entry.position)
    problems = []
    for (_, nonce), records in named.items():
        made: list[tuple[int, Effect]] = []
        for entry in records:
            for effect in _own_effects(entry):
                if made:
                    before, first = made[-1]
                    taken_back = undone[first.processid, first.executor]
                    if not any(before < position < entry.position for position in taken_back):
                        problems.append(f"{nonce} has an effect at {before} and again at {entry.position}")
                made.append((entry.position, effect))
    return problems


def _own_effects(entry: Entry) -> list[Effect]:
    """What a record itself did, not the timers that went off before it."""
    wanted = _OWN.get(entry.payloadtype)
    if entry.told[0] is None or wanted is None:
        return []
    return [effect for effect in entry.effects if effect.change is wanted]


def check_order(operations: Sequence[Operation], named: Named, positions: dict[int, int]) -> list[str]:
    """What was acknowledged before an operation began stands before all of its records."""
    newest = _Newest(operations, positions)
    problems = []
    for operation in operations:
        entries = named.get((operation.identity, operation.nonce))
        if entries and not operation.is_read and entries[0].position < newest.before(operation.invoked):
            problems.append(
                f"out of order: position {entries[0].position} was sent when "
                f"{newest.before(operation.invoked) - 1} was acknowledged: {operation}"
            )
    return problems


class _Newest:
    """How much of the log somebody had been told of before a moment."""

    def __init__(self, operations: Iterable[Operation], positions: dict[int, int]) -> None:
        told = sorted(
            (each.completed, positions[each.invoked] + 1)
            for each in operations
            if each.completed is not None and each.invoked in positions
        )
        self._moments = [moment for moment, _ in told]
        self._lengths = [0]
        for _, length in told:
            self._lengths.append(max(self._lengths[-1], length))

    def before(self, moment: int) -> int:
        """The length of the log that holds everything acknowledged before `moment`."""
        return self._lengths[bisect_left(self._moments, moment)]


class _Oldest:
    """How long the log can have been at a moment: what was sent later was not yet there."""

    def __init__(self, operations: Iterable[Operation], named: Named, end: int) -> None:
        sent = sorted(
            (each.invoked, records[0].position)
            for each in operations
            if not each.is_read and (records := named.get((each.identity, each.nonce)))
        )
        self._moments = [moment for moment, _ in sent]
        self._lengths = [end]
        for _, position in reversed(sent):
            self._lengths.append(min(self._lengths[-1], position))
        self._lengths.reverse()

    def at(self, moment: int) -> int:
        """The greatest length that the log can have had at `moment`."""
        return self._lengths[bisect_left(self._moments, moment)]


def check_reads(
    operations: Sequence[Operation], events: Sequence[Event], named: Named, positions: dict[int, int]
) -> list[str]:
    """Each read shows the state after so many records that all reads agree with the clients' clock.

    The smallest number that fits is taken for each, which leaves the most to those that follow.
    """
    newest, oldest = _Newest(operations, positions), _Oldest(operations, named, len(events))
    reads = sorted((each for each in operations if _is_answered_read(each, named)), key=_invoked)
    open_ = {
        each.invoked: (each, newest.before(each.invoked), oldest.at(each.completed or 0)) for each in reads
    }
    problems = []
    for length, state in prefixes(events):
        # Those that are answered at this length; whoever began after the end of one that is not, has to wait.
        barrier: int | None = None
        for invoked, (read, least, most) in list(open_.items()):
            if least > length or (barrier is not None and invoked > barrier):
                break
            if length <= most and answer_from(state, read) == (read.reply, read.refusal):
                del open_[invoked]
                continue
            if length >= most:
                problems.append(f"no state from {least} to {most} records explains {read}")
                del open_[invoked]
                continue
            ended = read.completed or 0
            barrier = ended if barrier is None else min(barrier, ended)
    problems += [f"no state from {least} records on explains {read}" for read, least, _ in open_.values()]
    return problems


def _is_answered_read(operation: Operation, named: Named) -> bool:
    """Also an `assign` that found nothing at once: it left no record, and is as good as a read."""
    if operation.is_read or operation.completed is None:
        return operation.completed is not None
    return (
        operation.client.startswith("poller")
        and operation.refusal is not None
        and not operation.was_doubtful
        and (operation.identity, operation.nonce) not in named
    )


def _invoked(operation: Operation) -> int:
    return operation.invoked


def check_holders(operations: Iterable[Operation], entries: Sequence[Entry], named: Named) -> list[str]:
    """A process has one executor at a time; one that was told of its assignment has it until the deadline or its end."""
    told: dict[int, Operation] = {}
    for each in operations:
        if each.payloadtype == ASSIGN and each.is_done:
            # The last one: an assignment that is made again in the same millisecond has the same reply.
            records = named.get((each.identity, each.nonce), [])
            fitting = [entry for entry in records if entry.told[0] == each.reply and _own_effects(entry)]
            told |= {entry.position: each for entry in fitting[-1:]}
    held: dict[str, tuple[Entry, Effect]] = {}
    problems = []
    for entry in entries:
        for effect in entry.effects:
            holder = held.get(effect.processid)
            if effect.change is Change.ASSIGNED:
                if holder is not None:
                    problems.append(
                        f"process {effect.processid} is assigned at {entry.position}, "
                        f"and {holder[1].executor} has it since {holder[0].position}"
                    )
                held[effect.processid] = entry, effect
            elif effect.change in (Change.PUT_BACK, Change.CLOSED) and holder is not None:
                del held[effect.processid]
                early = not 0 < holder[1].deadline <= entry.time
                if effect.change is Change.PUT_BACK and early and holder[0].position in told:
                    problems.append(
                        f"position {entry.position} takes process {effect.processid} from an executor "
                        f"that was told of it: {told[holder[0].position]}"
                    )
    return problems


def check_told(operations: Iterable[Operation]) -> list[str]:
    """As far as executors were told, nobody got a process before the one who had it was done or out of time.

    This looks at what clients saw alone, not at the ledger.
    """
    assigned: dict[str, list[Process]] = defaultdict(list)
    for each in operations:
        if each.payloadtype == ASSIGN and each.reply is not None:
            process = decode(each.reply.encode(), Process)
            assigned[process.processid].append(process)
    problems = []
    for processid, times in assigned.items():
        times.sort(key=lambda process: process.starttime)
        problems += [
            f"process {processid} went to {second.assignedexecutorid} at {second.starttime}, "
            f"and {first.assignedexecutorid} had it until {first.execdeadline}"
            for first, second in pairwise(times)
            if second.starttime < first.execdeadline
        ]
    return problems


def check_priority(entries: Sequence[Entry]) -> list[str]:
    """Each executor got the candidate that comes first: by priority time, then by submission."""
    numbers: dict[str, int] = {}
    waiting: dict[str, Effect] = {}
    problems = []
    for entry in entries:
        for effect in entry.effects:
            if effect.change is Change.SUBMITTED:
                numbers[effect.processid] = len(numbers)
            elif effect.change is Change.READY:
                waiting[effect.processid] = effect
            elif effect.change is Change.ASSIGNED:
                fitting = [
                    each
                    for each in waiting.values()
                    if each.executortype == effect.executortype
                    and (not each.executornames or effect.executor in each.executornames)
                ]
                best = min(
                    fitting, key=lambda each: (each.prioritytime, numbers[each.processid]), default=None
                )
                if best is None or best.processid != effect.processid:
                    first = "none" if best is None else best.processid
                    problems.append(
                        f"position {entry.position} gives {effect.processid} to {effect.executor}, "
                        f"the first candidate is {first}"
                    )
                waiting.pop(effect.processid, None)
            else:
                waiting.pop(effect.processid, None)
    return problems
