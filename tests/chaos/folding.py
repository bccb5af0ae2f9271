"""What every record of one partition came to, computed anew from the ledger by the pure fold."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from colonyledger.identity import recover
from colonyledger.record import RecordKind
from colonyledger.wire import AssignProcess, encode

from projections.assignment import nothing_to_assign, read_demand
from projections.event import Change, Event, ProcessChanged, Refusal
from projections.fold import answer, apply
from projections.messages import read_message
from projections.registry import REGISTRY
from projections.roles import authorise
from projections.state import State
from projections.turn import View
from tests.chaos.history import Operation

__all__ = ["Effect", "Entry", "Told", "answer_from", "entries_of", "prefixes"]

Told = tuple[str | None, tuple[int, str] | None]
"""The JSON of a reply, or status and text of a refusal."""


class Effect(NamedTuple):
    """A process changed."""

    change: Change
    processid: str
    executor: str
    """The name of the executor that has, or had, it."""
    executortype: str
    executornames: tuple[str, ...]
    prioritytime: int
    deadline: int
    """When its executor has to be done, nanoseconds since 1970; 0 is never."""


class Entry(NamedTuple):
    """One record of the ledger, and what came of it."""

    position: int
    time: int
    is_rpc: bool
    payloadtype: str
    identity: str
    nonce: str
    payload: str
    source: tuple[str, int]
    """The run of the node that appended it, and the number it has there."""
    told: Told
    effects: tuple[Effect, ...]


class _Nonce(msgspec.Struct):
    nonce: str = ""


def entries_of(events: Sequence[Event]) -> list[Entry]:
    """Every record of a partition, in order.

    Raises:
        AssertionError: a record is not signed by whom it names, or the positions have a gap.
    """
    state = State()
    entries = []
    for event in events:
        record = event.record
        assert event.offset == state.next_offset, f"position {state.next_offset} is missing"
        assert recover(record.digest, record.signature) == record.identity, f"{event.offset} is not signed"
        outcome = apply(state, event)
        assert not outcome.failures, f"a rule failed at {event.offset}: {outcome.failures}"
        refusal = outcome.refusal
        reply = None if refusal is not None else encode(outcome.reply).decode()
        entries.append(
            Entry(
                event.offset,
                state.clock,
                record.kind is RecordKind.RPC,
                record.payloadtype,
                record.identity,
                msgspec.json.decode(b64decode(record.payload), type=_Nonce).nonce,
                record.payload.decode(),
                (record.node, record.sequence),
                (reply, None if refusal is None else (refusal.status, str(refusal))),
                tuple(_effect(fact) for fact in outcome.facts if isinstance(fact, ProcessChanged)),
            )
        )
    return entries


def prefixes(events: Sequence[Event]) -> Iterator[tuple[int, State]]:
    """The state after each number of records, from none on. It is one and the same object that goes on."""
    state = State()
    yield 0, state
    for event in events:
        apply(state, event)
        yield state.next_offset, state


def answer_from(state: State, operation: Operation) -> Told:
    """What a node with this state answers to a read, or to an `assign` that finds nothing and does not wait."""
    rpc = REGISTRY[operation.payloadtype]
    message = read_message(rpc, operation.payload.encode())
    view = View(state, operation.identity)
    try:
        if isinstance(message, AssignProcess):
            authorise(rpc, view, message)
            executor, limits = read_demand(view, message)
            if state.colonies[message.colonyname].processes.queue.best(executor, limits) is not None:
                return None, None
            raise nothing_to_assign()
        return encode(answer([view], rpc, message)).decode(), None
    except Refusal as refusal:
        return None, (refusal.status, str(refusal))


def _effect(fact: ProcessChanged) -> Effect:
    process = fact.process
    return Effect(
        fact.change,
        process.record.processid,
        fact.executor,
        process.needs.executortype,
        process.needs.executornames,
        process.record.prioritytime,
        process.execdeadline,
    )
