"""Windows counted beside the fold are those that a worker counts from the facts."""

from __future__ import annotations

from collections.abc import Sequence

from colonyledger.wire import RemoveColony

from projections.event import Event
from projections.fold import apply
from projections.state import State
from services.streams.beside import KEPT_SECONDS, WINDOW_SECONDS, CountingBeside
from services.streams.held import HeldWindows
from services.streams.window import Window, WindowKey, decode_window
from tests.projections.workload import history
from tests.projections.world import World
from tests.services.facts.reading import told_by
from tests.services.history.stored_ledger import copy
from tests.services.streams.expected import windows_of
from tests.services.streams.test_counting import agrees

SECOND = 1_000_000_000


async def counted(
    events: Sequence[Event], *, start: int = 0, now: int = KEPT_SECONDS * SECOND
) -> dict[WindowKey, Window]:
    """What is held of `events` by a server that starts with the state before `start` and has its clock at `now`."""
    state, held = State(), HeldWindows(10**6)
    for event in map(copy, events[:start]):
        apply(state, event)
    beside = CountingBeside([state], held, now)
    for number, event in enumerate(map(copy, events[start:])):
        beside.accept(event, apply(state, event))
        if number % 100 == 0:
            beside.store()
    beside.store()
    beside.stop()
    return {WindowKey.decode(key): decode_window(value) for key, value in held.all.items()}


async def test_the_numbers_are_those_of_the_facts(seed: int) -> None:
    events = history(seed, 2500)
    expected = windows_of(told_by(events), WINDOW_SECONDS)
    newest = max(key.start for key in expected)
    kept = {key for key in expected if key.start + KEPT_SECONDS * SECOND >= newest}
    found = await counted(events)
    assert set(found) == kept
    assert all(agrees(window, expected[key]) for key, window in found.items())


async def test_what_began_before_a_snapshot_is_not_shown(seed: int) -> None:
    """From a snapshot on, whole windows only; waits that began before it are right or left out."""
    events = history(seed, 2500)
    start = len(events) // 2
    clock = max(event.time for event in events[:start])
    whole = await counted(events)
    found = await counted(events, start=start)
    assert set(found) == {key for key in whole if key.start > clock}
    for key, window in found.items():
        assert window.assigned == whole[key].assigned
        assert window.executed == whole[key].executed
        for bucket, number in window.waited.counts.items():
            assert number <= whole[key].waited.counts[bucket]
        if window.waited.count == window.assigned:
            assert window.waited == whole[key].waited


async def test_nothing_is_counted_that_is_too_old_to_be_kept(seed: int) -> None:
    events = history(seed, 800)
    now = max(event.time for event in events) + 2 * KEPT_SECONDS * SECOND
    assert await counted(events, now=now) == {}


async def test_a_colony_of_the_same_name_begins_with_nothing() -> None:
    world = World()
    world.colony()
    edge = world.executor("edge1")
    world.submit("before")
    world.close(edge, world.assign(edge))
    world.submit("both")
    world.close(edge, world.assign(edge))
    world.call(world.server, RemoveColony(colonyname="dev"))
    assert await counted(world.events) == {}
    world.colony()
    edge = world.executor("edge1")
    world.submit("both")
    world.close(edge, world.assign(edge))
    (window,) = (await counted(world.events)).values()
    assert (window.function, window.assigned, window.succeeded) == ("both", 1, 1)
