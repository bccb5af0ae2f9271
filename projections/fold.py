"""The fold: one event in, the state changed, an outcome out."""

from __future__ import annotations

from typing import Any

from colonyledger.record import RecordKind
from colonyledger.wire import ErrorBody, Message, decode, encode
from msgspec import Raw

from projections import (  # noqa: F401 (importing a domain registers its RPCs)
    assignment,
    attributes,
    blueprints,
    channels,
    children,
    colonies,
    crons,
    definitions,
    epochs,
    executors,
    files,
    functions,
    generators,
    histories,
    history,
    identities,
    locations,
    logs,
    nodes,
    processes,
    realtime,
    server,
    snapshots,
    statistics,
    system,
    users,
    windows,
    workflows,
)
from projections.event import Event, Outcome, Refusal
from projections.messages import read_message
from projections.nonces import Applied
from projections.registry import REGISTRY, Kind, Rpc
from projections.roles import authorise
from projections.stale import hear
from projections.state import State
from projections.timers import TIMERS
from projections.turn import Turn, View

__all__ = ["answer", "apply", "replayed"]

_OK = 200


def apply(state: State, event: Event) -> Outcome:
    """Fold one event: move the clock, fire what is due, then do what the record asks if it may be done.

    A partition that is closed stays as it is, whatever is appended, until an epoch begins.
    """
    if state.successor is not None and not epochs.begin(state, event):
        state.next_offset = event.offset + 1
        return Outcome(None, epochs.gone_on(state.successor), [])
    state.clock = max(state.clock, event.time)
    turn = Turn(state, event)
    earliest = state.timers.earliest
    if earliest is not None and earliest <= state.clock:
        _fire_timers(turn)
    state.next_offset = event.offset + 1
    reply: Any = None
    refusal: Refusal | None = None
    try:
        rpc = _rpc_of(event)
        message = event.message or read_message(rpc, event.record.payload)
        if rpc.kind is Kind.SYSTEM:
            rpc.rule(turn, message)
        elif message.nonce:
            reply = _execute_once(turn, rpc, message)
        else:
            reply = _execute(turn, rpc, message)
    except Refusal as raised:
        refusal = raised
    except (MemoryError, RecursionError):
        raise  # they depend on the machine: another replica may well get past
    except Exception as error:  # noqa: BLE001 (one bad record must not stop the log for everybody)
        turn.failures.append(error)
        refusal = Refusal(500, f"{event.record.payloadtype} met an error of the server's own")
    state.timers.sweep(state)
    return Outcome(reply, refusal, turn.facts, turn.failures)


def answer(views: list[View], rpc: Rpc, message: Message[Any]) -> Any:
    """Answer a query from a view of its home partition, or from views of all if it is about the whole server.

    Raises:
        Refusal: the caller may not ask, or there is no such thing.

    """
    subject = authorise(rpc, views[0], message)
    return rpc.rule(views, message) if rpc.locator is None else rpc.rule(views[0], message, subject)


def replayed(applied: Applied) -> Raw:
    """The reply that an RPC got when it was first applied.

    Raises:
        Refusal: it was refused then.

    """
    kept = applied.reply or b""
    if applied.status != _OK:
        error = decode(kept, ErrorBody)
        raise Refusal(error.status, error.message)
    return Raw(kept)


def _fire_timers(turn: Turn) -> None:
    timers = turn.state.timers
    while due := timers.take_due(turn.now):
        kind, key, stamp = due
        subject = TIMERS[kind].holds(turn.state, key, stamp)
        if subject is not None:
            _fire(turn, kind, subject)


def _fire(turn: Turn, kind: str, subject: Any) -> None:
    try:
        TIMERS[kind].fire(turn, subject)
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # noqa: BLE001 (as in apply)
        turn.failures.append(error)


def _rpc_of(event: Event) -> Rpc:
    record = event.record
    rpc = REGISTRY.get(record.payloadtype)
    if (
        rpc is None
        or rpc.kind in (Kind.QUERY, Kind.SUBSCRIPTION)
        or (rpc.kind is Kind.SYSTEM) != (record.kind is RecordKind.SYSTEM)
    ):
        raise Refusal(403, f"invalid rpcMsg.PayloadType: {record.payloadtype}")
    return rpc


def _execute(turn: Turn, rpc: Rpc, message: Message[Any]) -> Any:
    subject = authorise(rpc, turn, message)
    if turn.executor is not None:
        hear(turn.state, turn.executor, turn.moment)
    return rpc.rule(turn, message) if rpc.locator is None else rpc.rule(turn, message, subject)


def _execute_once(turn: Turn, rpc: Rpc, message: Message[Any]) -> Raw:
    """Do what an RPC with a nonce asks if it was not done before, and give the same reply either way."""
    nonces, record = turn.state.nonces, turn.event.record
    applied = nonces.repeated(record.identity, message.nonce, record.digest)
    if applied is not None:
        reply = replayed(applied)
        if rpc.repeated is not None:
            rpc.repeated(turn, message, bytes(reply))
        return reply
    try:
        done = encode(_execute(turn, rpc, message))
    except Refusal as refusal:
        if not refusal.passing:
            kept = encode(ErrorBody(refusal.status, refusal.message))
            applied = Applied(turn.now, record.digest, refusal.status, kept)
            nonces.remember(record.identity, message.nonce, applied)
        raise
    nonces.remember(record.identity, message.nonce, Applied(turn.now, record.digest, _OK, done))
    return Raw(done)
