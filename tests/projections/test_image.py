"""A state that was dumped and made again is the same: digest, parts, answers, and everything it comes to later."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
import pytest
from colonyledger.wire import (
    AddFunction,
    AddLog,
    AddUser,
    ChangeUserId,
    Conditions,
    FunctionSpec,
    ProcessOf,
    RemoveProcess,
    RemoveUser,
    SubmitFunctionSpec,
    User,
    encode,
)

from projections import nonces
from projections.digest import state_digest
from projections.event import Event, Fact, Outcome
from projections.fold import apply
from projections.graphs import LiveGraph
from projections.image import BrokenImage, Part, StateLoader, dump
from projections.process import LiveProcess
from projections.processimage import ProcessImage
from projections.state import Settings, State
from projections.system import Rules
from tests.golden.tour import tour
from tests.projections.invariants import check
from tests.projections.workload import history
from tests.projections.world import World, function, identity

DERIVED = {"colony", "record", "channels", "number", "place"}
"""What a process in memory has beside what is kept of it."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Part)


def parts(state: State) -> list[bytes]:
    return [_encoder.encode(part) for part in dump(state)]


def made(kept: Sequence[bytes]) -> State:
    loader = StateLoader()
    for part in kept:
        loader.take(_decoder.decode(part))
    return loader.finish()


def said(outcome: Outcome) -> bytes:
    """Everything that a record came to."""
    assert not outcome.failures
    refusal = outcome.refusal
    told = None if refusal is None else [refusal.status, refusal.message, refusal.passing]
    return encode([outcome.reply, told, [(type(fact).__name__, _told(fact)) for fact in outcome.facts]])


def _told(fact: Fact) -> list[Any]:
    fields = [getattr(fact, name) for name in fact.__struct_fields__]
    return [each.record if isinstance(each, LiveProcess | LiveGraph) else each for each in fields]


@lru_cache(maxsize=1)
def toured() -> list[Event]:
    return tour()


def continued_alike(events: Sequence[Event], cut: int) -> None:
    """What is folded after a cut comes to the same, in a state that went through its image."""
    state = State()
    for event in events[:cut]:
        apply(state, event)
    kept = parts(state)
    other = made(kept)
    check(other)
    assert state_digest(other) == state_digest(state), f"cut at {cut}"
    assert parts(other) == kept, f"cut at {cut}"
    for event in events[cut:]:
        assert said(apply(other, event)) == said(apply(state, event)), f"cut at {cut}, at {event.offset}"
    assert parts(other) == parts(state), f"cut at {cut}"
    assert state_digest(other) == state_digest(state), f"cut at {cut}"
    check(other)


@pytest.mark.parametrize("seed", range(200, 212))
def test_random_work_goes_on_alike(seed: int) -> None:
    events = history(seed, 300)
    for cut in random.Random(seed).sample(range(len(events)), 3):
        continued_alike(events, cut)


def test_every_domain_goes_on_alike_from_every_record() -> None:
    """The tour changes every domain, also by the clock."""
    for cut in range(0, len(toured()), 3):
        continued_alike(toured(), cut)


def test_many_generations_of_images() -> None:
    """A state that goes through its image after every record comes to what one that never does comes to."""
    plain, kept = State(), State()
    for event in history(7, 200):
        assert said(apply(kept, event)) == said(apply(plain, event))
        kept = made(parts(kept))
    assert parts(kept) == parts(plain)


def test_parts_stay_small() -> None:
    """Whatever the state, a part is about a megabyte: a state is written and read without a copy of all of it."""
    world = World()
    world.colony()
    for _ in range(40):
        world.submit(args=["x" * 100_000])
    sizes = list(map(len, parts(world.state)))
    assert sum(sizes) > 4_000_000
    assert max(sizes) < 1_500_000


def test_what_is_rare_is_kept_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long logs, lines of processes that are gone, old nonces, watches, keys that went from hand to hand."""
    monkeypatch.setattr(nonces, "REPLIES_KEPT", 9)
    world = World()
    rules = Settings(stale_executor_seconds=600, retention_seconds=3600, retention_all=True)
    world.system(Rules(settings=rules))
    world.colony()
    edge = world.executor("edge1")
    first, second = world.submit(), world.submit()
    for _ in range(2):
        process = world.assign(edge)
        for _ in range(700):
            world.call(edge, AddLog(processid=process.processid, message="x" * 1_000))
        world.close(edge, process)
    world.call(world.user, RemoveProcess(processid=first.processid))
    for number in range(12):
        spec = FunctionSpec(funcname="f", args=["y" * 150_000], conditions=Conditions("dev"))
        world.call(world.user, SubmitFunctionSpec(spec=spec, nonce=f"n{number}"))
    world.call(world.user, ChangeUserId(colonyname="dev", userid=identity("x").id))
    world.call(world.owner, RemoveUser(colonyname="dev", name="alice"))
    bob = identity("bob")
    world.call(world.owner, AddUser(user=User("dev", bob.id, "bob", "", "")))
    world.call(bob, ChangeUserId(colonyname="dev", userid=identity("x").id))
    other = made(parts(world.state))
    assert parts(other) == parts(world.state)
    assert state_digest(other) == state_digest(world.state)
    logs = other.colonies["dev"].logs
    assert list(logs.of_process) == [second.processid]
    world.call(identity("x"), ChangeUserId(colonyname="dev", userid=identity("z").id))
    apply(other, world.events[-1])
    assert list(other.colonies["dev"].identities) == list(world.state.colonies["dev"].identities)


def test_ids_that_two_colonies_chose_lead_to_both_in_their_order() -> None:
    world = World()
    world.colony()
    world.colony("other")
    for colony in ("other", "dev"):
        chosen = function(f"e-{colony}", functionid="chosen", colonyname=colony)
        world.call(world.executor(f"e-{colony}", colony=colony), AddFunction(fun=chosen))
    kept = made(parts(world.state))
    for state in (kept, world.state):
        assert [colony.record.name for colony in state.homes("chosen")] == ["other", "dev"]


def test_what_is_kept_of_a_process_is_everything() -> None:
    """A field that is added to a process is added to its image, or said to be derived."""
    fields = {*LiveProcess.__struct_fields__, *ProcessOf.__struct_fields__}
    own = {*ProcessImage.__struct_fields__} - {"waituntil", "execuntil"}
    assert own == fields - DERIVED
    assert {*LiveGraph.__struct_fields__} == {"record", "offset", "members", "counts", "number"}


@pytest.mark.parametrize("left_out", [0, 1, 3, -1])
def test_a_missing_part_is_noticed(left_out: int) -> None:
    state = State()
    for event in toured():
        apply(state, event)
    kept = parts(state)
    del kept[left_out]
    with pytest.raises(BrokenImage):
        made(kept)
