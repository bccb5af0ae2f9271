"""Crons: workflows that are submitted by the log's clock (protocol: crons-generators.md section 1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from colonyledger.wire import (
    SECOND,
    ZERO_TIME,
    AddCron,
    Cron,
    Empty,
    GetCron,
    GetCrons,
    Message,
    RemoveCron,
    RunCron,
    instant,
)
from msgspec.structs import replace

from projections.dag import depth_first
from projections.event import Refusal
from projections.initiators import Initiator, caller_of, known
from projections.limits import MAX_CRONS, MAX_EXPRESSION_LENGTH, MAX_INTERVAL_SECONDS
from projections.locators import member_colony, required
from projections.registry import Locator, Role, command, query
from projections.schedule import parse
from projections.templates import check_template, read_template
from projections.timers import timer
from projections.workflows import submit_graph

if TYPE_CHECKING:
    from projections.graphs import LiveGraph
    from projections.state import Colony, State
    from projections.turn import Turn, View

__all__ = [
    "CHECKER_PERIOD",
    "Crons",
    "LiveCron",
    "add_cron",
    "get_cron",
    "get_crons",
    "keep_cron",
    "remove_cron",
    "run_cron",
]

CHECKER_PERIOD = 1000
"""What replies give as the period in which crons and generators are looked at, in milliseconds; ours fire at once."""


class LiveCron(msgspec.Struct, gc=False):
    """A cron with what the fold needs to know of it."""

    record: Cron
    offset: int
    """The record that added it."""
    due: int = 0
    """When it runs next, in nanoseconds since 1970; 0 for never."""
    runs: int = 0
    """How many runs were begun, also those that could not be started."""
    waits_for: str = ""
    """The workflow that has to finish first, once the time has come."""


class Crons:
    """The crons of one colony, in the order in which they were added. A name belongs to one of them."""

    __slots__ = ("_waiting", "by_id", "by_name")

    def __init__(self) -> None:
        self.by_id: dict[str, LiveCron] = {}
        self.by_name: dict[str, LiveCron] = {}
        self._waiting: dict[str, LiveCron] = {}

    def add(self, cron: LiveCron) -> None:
        """Keep a cron whose name is free."""
        self.by_id[cron.record.cronid] = cron
        self.by_name[cron.record.name] = cron

    def remove(self, cron: LiveCron) -> None:
        """Forget a cron."""
        del self.by_id[cron.record.cronid]
        del self.by_name[cron.record.name]
        self._waiting.pop(cron.waits_for, None)

    def wait(self, cron: LiveCron, graphid: str) -> None:
        """Let a cron that is due wait until a workflow has finished or is gone."""
        cron.waits_for = graphid
        self._waiting[graphid] = cron

    def finished(self, graphid: str) -> LiveCron | None:
        """The cron that waited for a workflow, if one did; it waits no more."""
        cron = self._waiting.pop(graphid, None)
        if cron is not None:
            cron.waits_for = ""
        return cron


def keep_cron(turn: Turn, colony: Colony, new: Cron, initiator: Initiator) -> LiveCron:
    """Keep a cron that may be, on behalf of `initiator`; what `new` says of ids and times is not used (quirk C4)."""
    record = Cron(
        turn.new_id(colony),
        initiator.id,
        initiator.name,
        colony.record.name,
        new.name,
        new.cronexpression,
        new.interval,
        new.random,
        workflowspec=new.workflowspec,
        waitforprevprocessgraph=new.waitforprevprocessgraph,
        checkerperiod=CHECKER_PERIOD,
    )
    cron = LiveCron(record, turn.event.offset)
    colony.crons.add(cron)
    _plan(turn, cron)
    return cron


def _plan(turn: Turn, cron: LiveCron) -> None:
    """Find the next time, counted from now."""
    record = cron.record
    if record.interval > 0:
        seconds = _drawn(cron) if record.random else record.interval
        cron.due = turn.now + seconds * SECOND
    else:
        cron.due = parse(record.cronexpression).next(turn.now, turn.state.settings.timezone)
    record.nextrun = instant(cron.due) if cron.due else ZERO_TIME
    if cron.due:
        turn.state.timers.set(cron.due, "cron", record.cronid, cron.due)


def _drawn(cron: LiveCron) -> int:
    """Between one second and the interval, by a lot that everybody draws alike (quirk C1)."""
    lot = hashlib.sha3_256(f"{cron.record.cronid}/{cron.runs}".encode()).digest()
    return 1 + int.from_bytes(lot) % cron.record.interval


def _find(state: State, cronid: str) -> tuple[Colony, LiveCron] | None:
    for colony in state.homes(cronid):
        cron = colony.crons.by_id.get(cronid)
        if cron is not None:
            return colony, cron
    return None


def _due(state: State, cronid: str, due: int) -> tuple[Colony, LiveCron] | None:
    found = _find(state, cronid)
    return found if found and found[1].due == due and not found[1].waits_for else None


@timer("cron", _due)
def time_has_come(turn: Turn, found: tuple[Colony, LiveCron]) -> None:
    """Run a cron, or let it wait for its workflow before; what was missed meanwhile is not made up for."""
    colony, cron = found
    previous = _previous(colony, cron)
    if previous is not None and cron.record.waitforprevprocessgraph and not previous.is_final:
        colony.crons.wait(cron, previous.record.processgraphid)
    else:
        _run(turn, colony, cron, previous)


def _previous(colony: Colony, cron: LiveCron) -> LiveGraph | None:
    return colony.graphs.by_id.get(cron.record.prevprocessgraphid)


def _run(turn: Turn, colony: Colony, cron: LiveCron, previous: LiveGraph | None) -> None:
    """Submit the workflow; if it cannot be, say why in the record and go on with the next time (quirk C8)."""
    record = cron.record
    cron.runs += 1
    try:
        graph = _submit(turn, colony, cron, previous)
    except Refusal as refusal:
        record.lasterror = refusal.message
    else:
        record.lasterror = ""
        record.lastrun = turn.moment
        record.prevprocessgraphid = graph.record.processgraphid
    _plan(turn, cron)


def _submit(turn: Turn, colony: Colony, cron: LiveCron, previous: LiveGraph | None) -> LiveGraph:
    initiator = known(colony, cron.record.initiatorid, cron.offset)
    if initiator is None:
        raise Refusal(409, "Could not derive InitiatorName: who added the cron has left the colony")
    spec = read_template(cron.record.workflowspec)
    return submit_graph(turn, colony, spec, initiator, _output(colony, previous))


def _output(colony: Colony, graph: LiveGraph | None) -> Sequence[Any]:
    """What the processes without children of a workflow have put out, depth first."""
    if graph is None:
        return ()
    members = depth_first(graph.record.rootprocessids, colony.processes.by_id)
    return [value for each in members if not each.record.children for value in each.record.output]


_FoundCron = tuple["Colony", LiveCron]


def _located(missing: str) -> Locator[Any, _FoundCron]:
    def find(state: State, message: Message[Any]) -> tuple[Colony, _FoundCron] | None:
        found = _find(state, message.cronid)  # type: ignore[attr-defined]
        return None if found is None else (found[0], found)

    return Locator(find, lambda _: Refusal(404, missing), lambda message: message.cronid, by_id=True)


def _colony_of_new(message: AddCron) -> str:
    return required(message.cron, "Failed to add cron, msg.Cron is nil").colonyname


@command(AddCron, Role.MEMBER, member_colony(_colony_of_new), "add cron")
def add_cron(turn: Turn, message: AddCron, colony: Colony) -> Cron:
    """Submit a workflow by the clock from now on (crons-generators.md, addcronmsg)."""
    new = required(message.cron, "Failed to add cron, msg.Cron is nil")
    name = colony.record.name
    check_template(new.workflowspec, name)
    _check_times(new)
    if new.name in colony.crons.by_name:
        raise Refusal(400, f"Cron with name <{new.name}> in Colony <{name}> already exists")
    if len(colony.crons.by_id) >= MAX_CRONS:
        raise Refusal(429, f"Colony <{name}> has {MAX_CRONS} crons already")
    waits = new.waitforprevprocessgraph or new.waitforprevprocessgrap
    wanted = replace(new, waitforprevprocessgraph=waits)
    return keep_cron(turn, colony, wanted, caller_of(turn, colony)).record


def _check_times(new: Cron) -> None:
    if new.interval == -1:
        if len(new.cronexpression) > MAX_EXPRESSION_LENGTH:
            raise Refusal(400, f"The cron expression is longer than {MAX_EXPRESSION_LENGTH} characters")
        parse(new.cronexpression)
        if new.random:
            raise Refusal(400, "Random cron is only supported when specifying intervals")
    elif new.interval < 1:
        raise Refusal(400, "Cron interval must be -1 (disabled) or larger than 0")
    elif new.interval > MAX_INTERVAL_SECONDS:
        raise Refusal(400, f"Cron interval must not be larger than {MAX_INTERVAL_SECONDS} s")


@query(GetCron, Role.MEMBER, _located("Failed to get cron, cron is nil"), "get cron")
def get_cron(view: View, message: GetCron, found: _FoundCron) -> Cron:
    """One cron (crons-generators.md, getcronmsg)."""
    return found[1].record


@query(GetCrons, Role.MEMBER, member_colony(), "get crons")
def get_crons(view: View, message: GetCrons, colony: Colony) -> list[Cron]:
    """The first `count` crons, oldest first (crons-generators.md, getcronsmsg)."""
    if message.count < 0:
        raise Refusal(400, "Failed to get crons, count is negative")
    return [cron.record for cron in islice(colony.crons.by_id.values(), message.count)]


@command(RunCron, Role.MEMBER, _located("cron not found"), "run cron")
def run_cron(turn: Turn, message: RunCron, found: _FoundCron) -> Cron:
    """Run a cron now on behalf of who added it; one that must wait is left as it is (quirks C2 and C3)."""
    colony, cron = found
    previous = _previous(colony, cron)
    if previous is None or previous.is_final or not cron.record.waitforprevprocessgraph:
        _run(turn, colony, cron, previous)
    return cron.record


@command(RemoveCron, Role.MEMBER, _located("Failed to remove cron, cron is nil"), "remove cron")
def remove_cron(turn: Turn, message: RemoveCron, found: _FoundCron) -> Empty:
    """Remove a cron; the workflows that it started go on (crons-generators.md, removecronmsg)."""
    colony, cron = found
    colony.crons.remove(cron)
    return Empty()
