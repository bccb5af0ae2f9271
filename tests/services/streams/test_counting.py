"""Facts counted into windows: the right numbers, once, whatever comes again."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from colonyledger.wire import RemoveColony

from services.facts.fact import Fact, ProcessBody
from services.streams.counting import Change, Counting
from services.streams.sketch import Sketch
from services.streams.window import Window, WindowKey, decode_window
from tests.projections.workload import history
from tests.projections.world import World
from tests.services.facts.reading import told_by
from tests.services.history.story import tell
from tests.services.streams.expected import Counts, windows_of

WINDOW = 60
FOR_EVER = 10**9


class Storage:
    """What a worker stores, and what its next run finds."""

    def __init__(self) -> None:
        self.windows: dict[bytes, bytes] = {}
        self.ready: dict[bytes, bytes] = {}

    def counting(self, kept: int = FOR_EVER) -> Counting:
        """A new run."""
        return Counting(self.windows, self.ready, WINDOW, kept)

    def store(self, counting: Counting, crash: int = 4) -> None:
        """Store what has changed; only the first so many of four steps, if the worker dies then."""
        steps = [
            (self.ready, counting.new_moments()),
            (self.windows, counting.changed_windows()),
            (self.ready, counting.spent_moments()),
            (self.windows, counting.old_windows()),
        ]
        for table, changes in steps[:crash]:
            put(table, changes)

    @property
    def counted(self) -> dict[WindowKey, Window]:
        """The windows."""
        windows = {WindowKey.decode(key): decode_window(value) for key, value in self.windows.items()}
        assert all(window.key == key for key, window in windows.items())
        return windows


def put(table: dict[bytes, bytes], changes: Iterable[Change]) -> None:
    for _, key, value in changes:
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value


def sketch_of(durations: Sequence[int]) -> Sketch:
    sketch = Sketch()
    for duration in durations:
        sketch.add(duration)
    return sketch


def agrees(window: Window, counts: Counts) -> bool:
    """Whether a window holds these counts and times."""
    names = ("assigned", "succeeded", "failed", "cancelled", "put_back")
    numbers = [getattr(window, name) for name in names] == [len(counts.get(name, ())) for name in names]
    ended = [*counts.get("succeeded", ()), *counts.get("failed", ())]
    times = window.waited == sketch_of(counts.get("assigned", ())) and window.executed == sketch_of(ended)
    return numbers and times


def test_a_story_is_counted() -> None:
    world = World()
    tell(world)
    storage = Storage()
    counting = storage.counting()
    for fact in told_by(world.events):
        counting.take(fact)
    storage.store(counting)
    totals: dict[str, list[int]] = {}
    for window in storage.counted.values():
        total = totals.setdefault(f"{window.function} {window.executor}", [0] * 4)
        for place, number in enumerate((window.assigned, window.succeeded, window.failed, window.put_back)):
            total[place] += number
    assert totals["lucky edge1"] == [1, 1, 0, 0]
    assert totals["failing cloud1"] == [1, 0, 1, 0]
    assert totals["overdue edge1"] == [2, 0, 1, 1]
    (lucky,) = (window for window in storage.counted.values() if window.function == "lucky")
    assert lucky.waited == sketch_of([2_000_000_000])
    assert lucky.executed == sketch_of([3_000_000_000])


def test_a_wait_begins_when_the_last_parent_has_succeeded() -> None:
    world = World()
    tell(world)
    storage = Storage()
    counting = storage.counting()
    for fact in told_by(world.events):
        counting.take(fact)
        storage.store(counting)
    waits: Sketch = sketch_of([])
    for window in storage.counted.values():
        if window.function == "step":
            waits.total += window.waited.total
    assert waits.total == 1_000_000_000
    assert storage.ready == {}


def test_random_histories_give_the_plainest_counts(seed: int) -> None:
    facts = told_by(history(seed, 2500))
    expected = windows_of(facts, WINDOW)
    storage = Storage()
    counting = storage.counting()
    for number, fact in enumerate(facts):
        counting.take(fact)
        if number % 100 == 0:
            storage.store(counting)
    storage.store(counting)
    assert set(storage.counted) == set(expected)
    assert all(agrees(window, expected[key]) for key, window in storage.counted.items())
    open_processes = {fact.body.processid for fact in facts if isinstance(fact.body, ProcessBody)}
    assert len(storage.ready) <= len(open_processes)


def test_a_worker_that_dies_anywhere_counts_once(seed: int) -> None:
    check_dying_workers(told_by(history(seed, 2500)), random.Random(seed))


def test_a_worker_that_dies_anywhere_leaves_nothing_of_a_colony_that_is_gone(seed: int) -> None:
    """A new colony of the same name, in the same windows of time, begins with nothing."""
    world = World()
    for _ in range(4):
        world.colony()
        edge = world.executor("edge1")
        for number in range(20):
            world.submit(f"work{number % 5}")
            world.close(edge, world.assign(edge))
        world.call(world.server, RemoveColony(colonyname="dev"))
    facts = told_by(world.events)
    for number in range(30):
        chance = random.Random(seed + number)
        check_dying_workers(facts[: chance.randint(1, len(facts))], chance)


def check_dying_workers(facts: Sequence[Fact], chance: random.Random) -> None:
    """Workers that die in the midst of storing, one after the other, have counted everything once in the end."""
    expected = windows_of(facts, WINDOW)
    storage = Storage()
    done = 0
    while done < len(facts):
        counting = storage.counting()
        position = done
        while position < len(facts):
            until = min(position + chance.randrange(1, 120), len(facts))
            for fact in facts[position:until]:
                counting.take(fact)
            steps = chance.choice([0, 1, 2, 3, 4, 4, 4, 4])
            storage.store(counting, steps)
            position = until
            if steps < 4:
                break
            # Noted as done, perhaps: if not, all that is already stored comes again.
            if chance.random() < 0.7:
                done = until
        if position >= len(facts) and steps == 4:
            done = position
    assert set(storage.counted) == set(expected)
    assert all(agrees(window, expected[key]) for key, window in storage.counted.items())


def test_copies_from_two_publishers_are_counted_once(seed: int) -> None:
    facts = told_by(history(seed, 1500))
    expected = windows_of(facts, WINDOW)
    storage = Storage()
    counting = storage.counting()
    for start in range(0, len(facts), 50):
        for fact in [*facts[start : start + 50], *facts[max(start - 30, 0) : start + 50]]:
            counting.take(fact)
        storage.store(counting)
    assert all(agrees(window, expected[key]) for key, window in storage.counted.items())


def test_windows_go_when_they_are_old_and_stay_gone() -> None:
    world = World()
    world.colony()
    edge = world.executor("edge1")
    for _ in range(5):
        world.submit("work")
        world.close(edge, world.assign(edge))
        world.advance(WINDOW)
    facts = told_by(world.events)
    storage = Storage()
    counting = storage.counting(kept=2 * WINDOW)
    for fact in facts:
        counting.take(fact)
        storage.store(counting)
    starts = sorted(key.start for key in storage.counted)
    assert len(starts) == 3
    again = storage.counting(kept=2 * WINDOW)
    for fact in facts:
        again.take(fact)
    storage.store(again)
    assert sorted(key.start for key in storage.counted) == starts
    assert all(window.assigned == 1 for window in storage.counted.values())


def test_nothing_is_kept_of_a_colony_that_is_gone() -> None:
    world = World()
    world.colony()
    edge = world.executor("edge1")
    world.workflow({"first": (), "second": ("first",)})
    world.close(edge, world.assign(edge))
    world.advance(1)
    world.tick()
    storage = Storage()
    counting = storage.counting()
    before = len(world.events)
    world.call(world.server, RemoveColony(colonyname="dev"))
    facts = told_by(world.events)
    for fact in facts:
        if fact.offset < before:
            counting.take(fact)
    storage.store(counting)
    for fact in facts:
        if fact.offset >= before:
            counting.take(fact)
    storage.store(counting)
    assert storage.ready == {}


def test_what_others_count_is_forgotten() -> None:
    facts = [fact for fact in told_by(history(1, 800)) if fact.kind == "process"]
    storage = Storage()
    counting = storage.counting()
    for fact in facts:
        counting.take(fact)
    counting.drop(frozenset({0}))
    storage.store(counting)
    assert (storage.windows, storage.ready) == ({}, {})


def test_facts_of_other_kinds_change_nothing() -> None:
    storage = Storage()
    counting = storage.counting()
    for fact in told_by(history(1, 300)):
        if fact.kind not in {"process", "colony_removed"}:
            counting.take(fact)
    counting.take(Fact(0, 10**6, 0, 0, 1, "dev", "colony_removed", None))
    storage.store(counting)
    assert (storage.windows, storage.ready) == ({}, {})
