"""Things apart by two sizes behave like a plain list that is searched."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from projections.sizes import Size, Sizes

PLACE, SIZE = itemgetter(0), itemgetter(1)
LOWEST, HIGHEST = -(2**63), 2**63 - 1


class Thing(NamedTuple):
    place: int
    size: Size


def first_of(things: list[Thing], room: Size) -> Thing | None:
    """What `Sizes.within` must give."""
    fitting = (thing for thing in things if thing.size[0] <= room[0] and thing.size[1] <= room[1])
    return min(fitting, key=PLACE, default=None)


def made_of(things: list[Thing], order: Callable[[Thing], int] = PLACE) -> Sizes[Thing]:
    sizes = Sizes(order, SIZE, things[0])
    for thing in things[1:]:
        sizes.add(thing)
    return sizes


amounts = st.one_of(
    st.integers(-3, 40),
    st.integers(0, 70).map(lambda bits: min(2**bits, HIGHEST)),
    st.integers(LOWEST, HIGHEST),
)
pairs = st.tuples(amounts, amounts)


class Comparing(RuleBasedStateMachine):
    """Adds and removes in any order, beside a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.things: list[Thing] = []
        self.sizes: Sizes[Thing] | None = None
        self.number = 0
        self.asked: list[Size] = [(HIGHEST, HIGHEST), (0, 0), (LOWEST, LOWEST)]

    def put(self, size: Size, *, earlier: bool) -> None:
        self.number += 1
        thing = Thing(-self.number if earlier else self.number, size)
        self.things.append(thing)
        if self.sizes is None:
            self.sizes = Sizes(PLACE, SIZE, thing)
        else:
            self.sizes.add(thing)

    @rule(size=pairs, earlier=st.booleans())
    def add(self, size: Size, earlier: bool) -> None:
        self.put(size, earlier=earlier)

    @rule(start=pairs, steps=st.integers(1, 60), width=st.integers(-5, 5), height=st.integers(-5, 5))
    def add_a_row(self, start: Size, steps: int, width: int, height: int) -> None:
        for step in range(steps):
            across, up = start[0] + step * width, start[1] + step * height
            if LOWEST <= across <= HIGHEST and LOWEST <= up <= HIGHEST:
                self.put((across, up), earlier=step % 3 == 0)

    @precondition(lambda self: self.sizes is not None)
    @rule(data=st.data(), many=st.integers(1, 40))
    def remove(self, data: st.DataObject, many: int) -> None:
        start = data.draw(st.integers(0, len(self.things) - 1))
        for thing in self.things[start : start + many]:
            assert self.sizes is not None
            self.things.remove(thing)
            left = self.sizes.remove(thing)
            assert left is bool(self.things)
        if not self.things:
            self.sizes = None

    @rule(room=pairs)
    def ask_from_now_on(self, room: Size) -> None:
        self.asked = [*self.asked[-12:], room]

    @invariant()
    def finds_what_a_list_finds(self) -> None:
        near = [thing.size for thing in self.things[:: max(len(self.things) // 5, 1)]]
        for room in self.asked + near:
            found = None if self.sizes is None else self.sizes.within(room)
            assert found == first_of(self.things, room)


TestComparing = Comparing.TestCase


@given(st.lists(pairs, min_size=1, max_size=300), st.lists(pairs, min_size=1, max_size=10))
def test_the_first_with_room_is_found(sizes: list[Size], rooms: list[Size]) -> None:
    things = [Thing(place, size) for place, size in enumerate(sizes)]
    made = made_of(things)
    for room in rooms:
        assert made.within(room) == first_of(things, room)


def test_few_are_looked_at_however_many_there_are() -> None:
    """The number of times that the order of something is asked for hardly grows."""
    looked_at = []
    for number in (1_000, 30_000):
        asked = 0

        def place(thing: Thing) -> int:
            nonlocal asked
            asked += 1
            return thing.place

        things = [Thing(each, (each % 97, (number - each) << 20)) for each in range(number)]
        sizes = made_of(things, place)
        asked = 0
        for room in ((HIGHEST, number << 19), (48, HIGHEST), (0, 0), (48, number << 19)):
            assert sizes.within(room) == first_of(things, room)
        looked_at.append(asked)
    assert looked_at[1] < 3 * looked_at[0] + 100
