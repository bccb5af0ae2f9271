"""Events that nodes append and sign themselves: a short closed list (architecture, invariant 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from colonyledger.wire import Empty, Int64, Message, ProcessState, instant

from projections import lifecycle
from projections.event import Refusal
from projections.expiry import retain_all
from projections.registry import system
from projections.stale import hear, watch_all
from projections.state import Checkpoint, Settings
from projections.zones import is_zone

if TYPE_CHECKING:
    from projections.turn import Turn

__all__ = ["RULES_VERSION", "Checkpointed", "Heard", "HeardFrom", "Rules", "Tick", "Undelivered"]

RULES_VERSION = 1
"""The newest version of the rules that this code knows."""


class Rules(Message[Empty], tag="ledgerrules", frozen=True, gc=False):
    """From here on these rules and settings hold. The first one also names the server owner."""

    version: int = RULES_VERSION
    serverid: str = ""
    settings: Settings = msgspec.field(default_factory=Settings)


class Tick(Message[Empty], tag="ledgertick", frozen=True, gc=False):
    """A deadline has come; the record's time moves the clock, and that is all it is for."""


class HeardFrom(msgspec.Struct, gc=False):
    """When a node last received a signed call of an executor, nanoseconds since 1970."""

    colonyname: str
    executorid: str
    time: Int64


class Heard(Message[Empty], tag="ledgerheard", frozen=True, gc=False):
    """Signs of life that no other record shows, such as polls that found nothing."""

    executors: tuple[HeardFrom, ...] = ()


class Undelivered(Message[Empty], tag="ledgerundelivered", frozen=True, gc=False):
    """The executor was gone when its assignment was to be answered; `offset` is that of its request."""

    processid: str = ""
    offset: Int64 = 0


class Checkpointed(Message[Empty], tag="ledgercheckpoint", frozen=True, gc=False):
    """A node's claim of what the records of the partition before `offset` come to; others compare it with theirs."""

    offset: Int64 = 0
    digest: str = ""
    """The digest of the state, SHA3-256 in hex (projections/digest.py)."""
    rules: Int64 = RULES_VERSION
    """The newest rules that the node knew."""


@system(Rules)
def apply_rules(turn: Turn, message: Rules) -> None:
    """Put rules and settings in force; the server owner is named once and changed by RPC afterwards."""
    if not is_zone(message.settings.timezone):
        raise Refusal(400, f"There is no time zone <{message.settings.timezone}>")
    state, former = turn.state, turn.state.settings
    state.rules = message.version
    state.settings = message.settings
    if not state.server_id:
        state.server_id = message.serverid
    if former.stale_executor_seconds != message.settings.stale_executor_seconds:
        watch_all(state)
    if _retained(former) != _retained(message.settings):
        retain_all(state)


def _retained(settings: Settings) -> tuple[int, bool]:
    return settings.retention_seconds, settings.retention_all


@system(Tick)
def apply_tick(turn: Turn, message: Tick) -> None:
    """Nothing: the clock has moved already, and the timers that were due have fired."""


@system(Heard)
def apply_heard(turn: Turn, message: Heard) -> None:
    """Move the last signs of life of executors forward, never past the log's clock."""
    for heard in message.executors:
        colony = turn.state.colonies.get(heard.colonyname)
        executor = None if colony is None else colony.executors.by_id.get(heard.executorid)
        if executor is not None:
            moment = instant(max(min(heard.time, turn.now), 0))
            hear(turn.state, executor, max(executor.lastheardfromtime, moment))


@system(Undelivered)
def apply_undelivered(turn: Turn, message: Undelivered) -> None:
    """Put the process back if it still has that assignment; it is no retry, the request may be repeated."""
    found = turn.state.find_process(message.processid)
    if found is None:
        return
    colony, process = found
    if process.assigned_by == message.offset and process.record.state == ProcessState.RUNNING:
        turn.state.nonces.forget(process.record.assignedexecutorid, process.nonce)
        lifecycle.put_back(turn, colony, process, retry=False)


@system(Checkpointed)
def apply_checkpoint(turn: Turn, message: Checkpointed) -> None:
    """Keep the claim. It changes nothing else, and no digest: whoever has a state of that offset compares."""
    turn.state.checkpoint = Checkpoint(message.offset, message.digest, message.rules)
