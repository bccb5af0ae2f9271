"""From an event and its outcome to facts that can be sent away.

Pure, like the fold: the same ledger gives the same facts, whoever derives them. They are made right
after the fold, before the next event changes the state, and copy what they need.
"""

from __future__ import annotations

from colonyledger.wire import ZERO_TIME, ExecutorState, ProcessState, nanoseconds

from projections.epochs import is_told
from projections.event import (
    AssignmentsResumed,
    Change,
    ColonyRemoved,
    Event,
    ExecutorChanged,
    GraphChanged,
    LogAdded,
    MemberLeft,
    MessageAppended,
    Outcome,
    ProcessChanged,
)
from projections.event import Fact as FoldFact
from projections.state import State
from services.facts.fact import (
    Body,
    ExecutorBody,
    Fact,
    GraphBody,
    LogBody,
    MemberBody,
    MessageBody,
    ProcessBody,
)

__all__ = ["facts_of"]

_DAY = 86_400 * 1_000_000_000
_STATES = {
    ProcessState.WAITING.value: "waiting",
    ProcessState.RUNNING.value: "running",
    ProcessState.SUCCESS.value: "successful",
    ProcessState.FAILED.value: "failed",
    ProcessState.CANCELLED.value: "cancelled",
}
_LEADS_TO = {
    Change.SUBMITTED: "waiting",
    Change.READY: "waiting",
    Change.PUT_BACK: "waiting",
    Change.ASSIGNED: "running",
}
"""The state after a change; after any other one, that of the record."""
_CHANGES = {change: change.value.replace(" ", "_") for change in Change}
_EXECUTOR_STATES = {state.value: state.name.lower() for state in ExecutorState}


def facts_of(state: State, event: Event, outcome: Outcome, partitions: int) -> list[Fact]:
    """The facts of an event of a ledger of so many partitions; `state` is as the fold of this event left it."""
    facts: list[Fact] = []
    later: dict[str, int] = {}
    for index in range(len(outcome.facts) - 1, -1, -1):
        fact = outcome.facts[index]
        if not is_told(event, fact.colony, partitions):
            continue
        kind, body = _body_of(state, fact, later)
        rules = event.record.rules
        facts.append(Fact(event.partition, event.offset, index, state.clock, rules, fact.colony, kind, body))
    facts.reverse()
    return facts


def _body_of(state: State, fact: FoldFact, later: dict[str, int]) -> tuple[str, Body | None]:
    """Kind and body of a fact; `later` counts the assignments of each process that come after it in its event."""
    match fact:
        case ProcessChanged():
            told: tuple[str, Body | None] = "process", _process(state, fact, later)
        case GraphChanged():
            told = "graph", _graph(fact)
        case LogAdded(log=log):
            told = "log", LogBody(log.processid, log.executorname, log.message, log.timestamp)
        case MessageAppended():
            told = "message", _message(fact)
        case ExecutorChanged(executor=who):
            place, stands = who.locationname, _EXECUTOR_STATES[who.state]
            told = "executor", ExecutorBody(who.executorid, who.executortype, who.executorname, stands, place)
        case MemberLeft(identity=identity):
            told = "member_left", MemberBody(identity)
        case AssignmentsResumed():
            told = "assignments_resumed", None
        case ColonyRemoved():
            told = "colony_removed", None
    return told


def _graph(fact: GraphChanged) -> GraphBody:
    graph = fact.graph.record
    submitted = nanoseconds(graph.submissiontime)
    counts = list(fact.graph.counts)
    return GraphBody(graph.processgraphid, _STATES[graph.state], graph.initiatorname, submitted, counts)


def _message(fact: MessageAppended) -> MessageBody:
    entry, processid = fact.entry, fact.process.record.processid
    size = len(entry.payload or b"")
    return MessageBody(processid, fact.channel, fact.position, entry.senderid, entry.type, size)


def _process(state: State, fact: ProcessChanged, later: dict[str, int]) -> ProcessBody:
    process, change = fact.process, fact.change
    record = process.record
    # One event may assign a process and tell more of it: the record shows it as it was at the end.
    assignments = later.get(record.processid, 0)
    attempt = process.attempt - assignments
    if change is Change.ASSIGNED:
        later[record.processid] = assignments + 1
    elif change is Change.READY:
        attempt += 1
    return ProcessBody(
        _CHANGES[change],
        record.processid,
        _LEADS_TO.get(change) or _STATES[record.state],
        attempt,
        fact.executor,
        _executorid(state, fact),
        process.needs.executortype,
        process.funcname,
        process.nodename,
        process.label,
        record.initiatorname,
        (process.submitted - record.prioritytime) // _DAY,
        process.submitted,
        process.started,
        0 if record.endtime == ZERO_TIME else nanoseconds(record.endtime),
        process.waitdeadline,
        process.execdeadline,
        record.retries,
        record.processgraphid,
        list(record.errors),
    )


def _executorid(state: State, fact: ProcessChanged) -> str:
    colony = state.colonies.get(fact.colony)
    executor = None if colony is None or not fact.executor else colony.executors.by_name.get(fact.executor)
    return "" if executor is None else executor.executorid
