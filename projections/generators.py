"""Generators: workflows that are submitted when enough arguments have come (protocol: crons-generators.md section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from colonyledger.wire import (
    SECOND,
    ZERO_TIME,
    AddGenerator,
    Empty,
    Generator,
    GetGenerator,
    GetGenerators,
    Message,
    PackGenerator,
    RemoveGenerator,
    ResolveGenerator,
)

from projections.crons import CHECKER_PERIOD
from projections.event import Refusal
from projections.initiators import caller_of, known
from projections.limits import MAX_GENERATORS, MAX_INTERVAL_SECONDS, MAX_QUEUED_BYTES, MAX_TRIGGER
from projections.locators import member_colony, required
from projections.registry import Locator, Role, command, query
from projections.templates import check_template, read_template
from projections.timers import timer
from projections.workflows import submit_graph

if TYPE_CHECKING:
    from projections.state import Colony, State
    from projections.turn import Turn, View

__all__ = [
    "Generators",
    "LiveGenerator",
    "add_generator",
    "get_generator",
    "get_generators",
    "pack_generator",
    "remove_generator",
    "resolve_generator",
]


class LiveGenerator(msgspec.Struct, gc=False):
    """A generator with the arguments that it has not used yet, fewer than its trigger."""

    record: Generator
    offset: int
    """The record that added it."""
    queue: list[str]
    size: int = 0
    """Characters in the queue."""
    oldest: int = 0
    """When the first argument in the queue came, in nanoseconds since 1970."""


class Generators:
    """The generators of one colony, in the order in which they were added. A name belongs to one of them."""

    __slots__ = ("by_id", "by_name")

    def __init__(self) -> None:
        self.by_id: dict[str, LiveGenerator] = {}
        self.by_name: dict[str, LiveGenerator] = {}

    def add(self, generator: LiveGenerator) -> None:
        """Keep a generator whose name is free."""
        self.by_id[generator.record.generatorid] = generator
        self.by_name[generator.record.name] = generator

    def remove(self, generator: LiveGenerator) -> None:
        """Forget a generator and what waits in it."""
        del self.by_id[generator.record.generatorid]
        del self.by_name[generator.record.name]


_FoundGenerator = tuple["Colony", LiveGenerator]


def _find(state: State, generatorid: str) -> _FoundGenerator | None:
    for colony in state.homes(generatorid):
        generator = colony.generators.by_id.get(generatorid)
        if generator is not None:
            return colony, generator
    return None


def _located(doing: str) -> Locator[Any, _FoundGenerator]:
    def find(state: State, message: Message[Any]) -> tuple[Colony, _FoundGenerator] | None:
        found = _find(state, message.generatorid)  # type: ignore[attr-defined]
        return None if found is None else (found[0], found)

    return Locator(find, lambda _: _missing(doing), lambda message: message.generatorid, by_id=True)


def _missing(doing: str) -> Refusal:
    return Refusal(404, f"Failed to {doing} generator, generator is nil")


def _colony_of_new(message: AddGenerator) -> str:
    return required(message.generator, "Failed to add generator, msg.Generator is nil").colonyname


@command(AddGenerator, Role.MEMBER, member_colony(_colony_of_new), "add generator")
def add_generator(turn: Turn, message: AddGenerator, colony: Colony) -> Generator:
    """Make a generator (crons-generators.md, section 2.2)."""
    new = required(message.generator, "Failed to add generator, msg.Generator is nil")
    name = colony.record.name
    check_template(new.workflowspec, name)
    if not 1 <= new.trigger <= MAX_TRIGGER:
        raise Refusal(400, f"Failed to add generator, trigger outside range [1, {MAX_TRIGGER}]")
    if new.timeout > MAX_INTERVAL_SECONDS:
        raise Refusal(400, f"Failed to add generator, timeout larger than {MAX_INTERVAL_SECONDS} s")
    if new.name in colony.generators.by_name:
        raise Refusal(400, f"Generator with name <{new.name}> in Colony <{name}> already exists")
    if len(colony.generators.by_id) >= MAX_GENERATORS:
        raise Refusal(429, f"Colony <{name}> has {MAX_GENERATORS} generators already")
    initiator = caller_of(turn, colony)
    record = Generator(
        turn.new_id(colony),
        initiator.id,
        initiator.name,
        name,
        new.name,
        new.workflowspec,
        new.trigger,
        new.timeout,
        checkerperiod=CHECKER_PERIOD,
    )
    colony.generators.add(LiveGenerator(record, turn.event.offset, []))
    return record


@query(GetGenerator, Role.MEMBER, _located("get"), "get generator")
def get_generator(view: View, message: GetGenerator, found: _FoundGenerator) -> Generator:
    """One generator by id (crons-generators.md, section 2.2)."""
    return found[1].record


@query(ResolveGenerator, Role.MEMBER, member_colony(), "resolve generator")
def resolve_generator(view: View, message: ResolveGenerator, colony: Colony) -> Generator:
    """One generator by name (crons-generators.md, section 2.2, quirk G9)."""
    generator = colony.generators.by_name.get(message.generatorname)
    if generator is None:
        raise _missing("resolve")
    return generator.record


@query(GetGenerators, Role.MEMBER, member_colony(), "get generators")
def get_generators(view: View, message: GetGenerators, colony: Colony) -> list[Generator]:
    """The first `count` generators, oldest first (crons-generators.md, section 2.2)."""
    if message.count < 0:
        raise Refusal(400, "Failed to get generators, count is negative")
    return [generator.record for generator in islice(colony.generators.by_id.values(), message.count)]


@command(RemoveGenerator, Role.MEMBER, _located("remove"), "remove generator")
def remove_generator(turn: Turn, message: RemoveGenerator, found: _FoundGenerator) -> Empty:
    """Remove a generator with the arguments that it has not used (crons-generators.md, section 2.2)."""
    colony, generator = found
    colony.generators.remove(generator)
    return Empty()


@command(PackGenerator, Role.MEMBER, _located("increment"), "increment generator")
def pack_generator(turn: Turn, message: PackGenerator, found: _FoundGenerator) -> Empty:
    """Give a generator one more argument; the one that makes the batch full submits it (section 2.3)."""
    colony, generator = found
    record = generator.record
    if generator.size + len(message.arg) > MAX_QUEUED_BYTES:
        raise Refusal(429, f"Generator <{record.name}> holds {MAX_QUEUED_BYTES} characters already")
    if len(generator.queue) + 1 == record.trigger:
        _submit(turn, colony, generator, [*generator.queue, message.arg])
    elif known(colony, record.initiatorid, generator.offset) is None:
        raise _orphaned(generator)
    else:
        generator.queue.append(message.arg)
        generator.size += len(message.arg)
        record.queuesize = len(generator.queue)
        if len(generator.queue) == 1:
            generator.oldest = turn.now
            _watch(turn, generator)
    if record.firstpack == ZERO_TIME:
        record.firstpack = turn.moment
    return Empty()


def _orphaned(generator: LiveGenerator) -> Refusal:
    name = generator.record.name
    return Refusal(409, f"Could not derive InitiatorName: who added generator <{name}> has left the colony")


def _submit(turn: Turn, colony: Colony, generator: LiveGenerator, batch: Sequence[str]) -> None:
    """Submit the workflow with `batch` as the arguments of all that have no parents.

    Raises:
        Refusal: it cannot be submitted, and nothing has changed.

    """
    record = generator.record
    initiator = known(colony, record.initiatorid, generator.offset)
    if initiator is None:
        raise _orphaned(generator)
    spec = read_template(record.workflowspec)
    for each in spec.functionspecs:
        if not each.conditions.dependencies:
            each.args, each.kwargs = list(batch), {}
    submit_graph(turn, colony, spec, initiator)
    generator.queue, generator.size, generator.oldest = [], 0, 0
    record.queuesize, record.lastrun, record.lasterror = 0, turn.moment, ""


def _watch(turn: Turn, generator: LiveGenerator) -> None:
    """Let what waits go out once the timeout has passed from now on."""
    record = generator.record
    if record.timeout > 0:
        deadline = turn.now + record.timeout * SECOND
        turn.state.timers.set(deadline, "generator", record.generatorid, generator.oldest)


def _overdue(state: State, generatorid: str, oldest: int) -> _FoundGenerator | None:
    found = _find(state, generatorid)
    return found if found and found[1].queue and found[1].oldest == oldest else None


@timer("generator", _overdue)
def timeout_is_over(turn: Turn, found: _FoundGenerator) -> None:
    """Submit what has come, measured from the oldest argument (quirk G7); if that fails, try again a timeout later."""
    colony, generator = found
    try:
        _submit(turn, colony, generator, generator.queue)
    except Refusal as refusal:
        generator.record.lasterror = refusal.message
        _watch(turn, generator)
