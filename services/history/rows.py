"""From an event and its outcome to rows of the history.

Pure: the rows follow from the ledger alone, so writing them again, after a restart or by a replay,
writes the same rows. They are built right after the fold, before the next event changes the state,
and copy what they need, for processes go on changing.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Sequence
from typing import NamedTuple

from colonyledger.record import RecordKind
from colonyledger.wire import ZERO_TIME, ProcessState, json_text, nanoseconds, payloadtype_of

from projections.epochs import is_told
from projections.event import Change, ColonyRemoved, Event, Fact, LogAdded, Outcome, ProcessChanged, Refusal
from projections.messages import read_message
from projections.process import LiveProcess
from projections.registry import REGISTRY, Kind, Role, Rpc
from projections.state import State
from projections.system import Undelivered
from services.history.tables import ATTEMPTS, LOGS, PROCESSES, RECORDS, REMOVALS, Outcomes, Row, Table
from services.ledger.origin import origin_mark

__all__ = ["Attribution", "Batch", "attribution"]

_OK = 200
_DAY = 86_400 * 1_000_000_000
_UNDELIVERED = payloadtype_of(Undelivered)
_FINAL = {
    ProcessState.SUCCESS.value: Outcomes.SUCCEEDED,
    ProcessState.FAILED.value: Outcomes.FAILED,
    ProcessState.CANCELLED.value: Outcomes.CANCELLED,
}


class Batch:
    """Rows on their way to the engine, and how far each of the ledger's `partitions` has come with them."""

    __slots__ = (
        "_attempts",
        "_logs",
        "_partitions",
        "_processes",
        "_records",
        "_removals",
        "ends",
        "origins",
        "size",
        "times",
        "weight",
    )

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._records: list[Row] = []
        self._processes: list[Row] = []
        self._attempts: list[Row] = []
        self._logs: list[Row] = []
        self._removals: list[Row] = []
        self.size = 0
        """How many rows there are."""
        self.weight = 0
        """About how many bytes of text they hold."""
        self.ends: dict[int, int] = {}
        """The offset after the last event of each partition."""
        self.times: dict[int, int] = {}
        """The ledger's time of that event, nanoseconds since 1970."""
        self.origins: dict[int, str] = {}
        """What tells partitions whose first record is here from those of other ledgers (`origin_mark`)."""

    @property
    def tables(self) -> list[tuple[Table, list[Row]]]:
        """The rows of each table that has any."""
        kept = (
            (RECORDS, self._records),
            (PROCESSES, self._processes),
            (ATTEMPTS, self._attempts),
            (LOGS, self._logs),
            (REMOVALS, self._removals),
        )
        return [(table, rows) for table, rows in kept if rows]

    def add(self, state: State, event: Event, outcome: Outcome) -> None:
        """Add what an event came to; `state` is as the fold of this event left it."""
        partition, offset = event.partition, event.offset
        if offset == 0:
            self.origins[partition] = origin_mark(event, self._partitions)
        self._add_record(state, event, outcome.refusal)
        if outcome.facts:
            self._add_facts(state, event, outcome.facts)
        self.ends[partition] = offset + 1
        self.times[partition] = event.time

    def _add_record(self, state: State, event: Event, refusal: Refusal | None) -> None:
        record = event.record
        colony, role, who = attribution(state, event, refusal)
        if not is_told(event, colony, self._partitions):
            return
        status, reason = (_OK, "") if refusal is None else (refusal.status, refusal.message)
        payload = _text(record.payload)
        row = (
            event.partition,
            event.offset,
            event.time,
            record.arrived,
            record.kind.value,
            record.payloadtype,
            colony,
            record.identity,
            role,
            who,
            status,
            reason,
            record.digest,
            record.signature,
            record.node,
            record.sequence,
            record.rules,
            payload,
        )
        self._records.append(row)
        self.size += 1
        self.weight += len(payload)

    def _add_facts(self, state: State, event: Event, facts: Sequence[Fact]) -> None:
        """Add what became true, newest first: a process row is made of its last change only."""
        later: dict[str, int] = {}
        """For each process that has changed, how many of its later facts are assignments."""
        for index in range(len(facts) - 1, -1, -1):
            fact = facts[index]
            if not is_told(event, fact.colony, self._partitions):
                continue
            if isinstance(fact, ProcessChanged):
                processid = fact.process.record.processid
                assignments = later.get(processid)
                if assignments is None:
                    assignments = later[processid] = 0
                    self._add_process(state, event, fact)
                self._add_attempt(state.clock, event, fact, fact.process.attempt - assignments)
                if fact.change is Change.ASSIGNED:
                    later[processid] = assignments + 1
            elif isinstance(fact, LogAdded):
                log = fact.log
                row = (
                    fact.colony,
                    log.processid,
                    log.timestamp,
                    event.partition,
                    event.offset,
                    index,
                    log.executorname,
                    log.message,
                )
                self._logs.append(row)
                self.size += 1
                self.weight += len(log.message)
            elif isinstance(fact, ColonyRemoved):
                self._removals.append((fact.colony, event.partition, event.offset, event.time))
                self.size += 1

    def _add_attempt(self, now: int, event: Event, fact: ProcessChanged, attempt: int) -> None:
        """Add the part of an attempt that a change tells: it may begin, it began, or it ended."""
        process, change = fact.process, fact.change
        record = process.record
        executorid = executor = ""
        ready = assigned = began = ended = 0
        outcome = Outcomes.RUNNING
        if change is Change.READY:
            attempt += 1
            ready = now
        elif change is Change.ASSIGNED:
            executorid, executor = record.assignedexecutorid, fact.executor
            assigned, began = now, event.offset
        elif change is Change.PUT_BACK:
            ended, outcome = now, _put_back(event, process)
        elif change is Change.CLOSED and record.assignedexecutorid:
            ended, outcome = now, _FINAL[record.state]
        else:
            return
        row = (
            fact.colony,
            process.needs.executortype,
            process.submitted,
            record.processid,
            attempt,
            event.partition,
            event.offset,
            record.processgraphid,
            process.nodename,
            process.funcname,
            process.label,
            executorid,
            executor,
            ready,
            assigned,
            began,
            ended,
            outcome.value,
        )
        self._attempts.append(row)
        self.size += 1

    def _add_process(self, state: State, event: Event, fact: ProcessChanged) -> None:
        process = fact.process
        record = process.record
        colony = state.colonies.get(fact.colony)
        executor = None if colony is None else colony.executors.by_id.get(record.assignedexecutorid)
        spec = bytes(record.spec).decode()
        given, output = json_text(record.input), json_text(record.output)
        row = (
            fact.colony,
            record.processid,
            event.partition,
            event.offset,
            process.offset,
            record.processgraphid,
            process.nodename,
            process.funcname,
            process.label,
            record.initiatorid,
            record.initiatorname,
            process.needs.executortype,
            record.assignedexecutorid,
            "" if executor is None else executor.executorname,
            record.state,
            record.waitforparents,
            (process.submitted - record.prioritytime) // _DAY,
            record.prioritytime,
            process.submitted,
            None if record.starttime == ZERO_TIME else nanoseconds(record.starttime),
            None if record.endtime == ZERO_TIME else nanoseconds(record.endtime),
            process.waitdeadline or None,
            process.execdeadline or None,
            record.retries,
            process.attempt,
            list(record.parents),
            list(record.children),
            spec,
            given,
            output,
            list(record.errors),
            fact.change is Change.REMOVED,
        )
        self._processes.append(row)
        self.size += 1
        self.weight += len(spec) + len(given) + len(output)


class Attribution(NamedTuple):
    """Whom a record concerns: the colony (empty: the whole server), and role and name of who signed it."""

    colony: str
    role: str
    who: str
    """Name of the executor or user; for others the role."""


def attribution(state: State, event: Event, refusal: Refusal | None) -> Attribution:
    """Whom a record concerns; `state` is as the fold of this event left it."""
    rpc = REGISTRY.get(event.record.payloadtype)
    colony = _colony_of(state, event, rpc)
    proven = None if refusal is not None or rpc is None else rpc.role
    return Attribution(colony, *_signer(state, event, colony, proven))


def _put_back(event: Event, process: LiveProcess) -> Outcomes:
    """Why a process was put back: only a deadline leaves the time of it in the record."""
    if process.record.endtime != ZERO_TIME:
        return Outcomes.DEADLINE
    record = event.record
    if record.payloadtype == _UNDELIVERED:
        message = event.message or read_message(REGISTRY[_UNDELIVERED], record.payload)
        if isinstance(message, Undelivered) and message.processid == process.record.processid:
            return Outcomes.UNDELIVERED
    return Outcomes.EXECUTOR_REMOVED


def _colony_of(state: State, event: Event, rpc: Rpc | None) -> str:
    """The name of the colony that a record is about; empty for the whole server, or if it cannot be told."""
    if rpc is None or rpc.kind is Kind.SYSTEM:
        return ""
    try:
        home: str = rpc.home(event.message or read_message(rpc, event.record.payload))
    except Refusal:
        return ""
    if rpc.locator is None or not rpc.locator.by_id:
        return home
    homes = [colony.record.name for colony in state.homes(home)] if home else []
    if len(homes) > 1:  # two colonies whose names have the same tag
        found = state.find_process(home) or state.find_graph(home)
        return "" if found is None else found[0].record.name
    return homes[0] if homes else ""


def _signer(state: State, event: Event, colonyname: str, proven: Role | None) -> tuple[str, str]:
    """Role and name of who signed a record; `proven` is the role that the RPC takes if it was done."""
    record = event.record
    identity = record.identity
    colony = state.colonies.get(colonyname)
    if record.kind is RecordKind.SYSTEM:
        role = "node"
    elif proven is Role.SERVER_OWNER or identity == state.server_id:
        role = "server owner"
    elif proven is Role.COLONY_OWNER or (colony is not None and identity == colony.record.colonyid):
        role = "colony owner"
    elif colony is not None and (executor := colony.executors.by_id.get(identity)) is not None:
        return "executor", executor.executorname
    elif colony is not None and (user := colony.users.by_id.get(identity)) is not None:
        return "user", user.name
    else:
        role = "stranger"
    return role, role


def _text(payload: bytes) -> str:
    """The signed JSON; the payload itself if it is not base64."""
    try:
        return a2b_base64(payload, strict_mode=True).decode("utf-8", "replace")
    except Base64Error:
        return payload.decode("utf-8", "replace")
