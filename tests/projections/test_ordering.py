"""Heap and Series behave like sorted and plain lists, however entries leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.ordering import Entry, Heap, Series

Steps = list[tuple[str, int]]

steps = st.lists(
    st.tuples(st.sampled_from(["add", "add", "leave", "burst", "drain"]), st.integers(0, 99)), max_size=30
)


class Owner:
    """Who says which entries are alive, and the plain list of those."""

    def __init__(self, kind: Callable[[Callable[[Entry], bool]], Any]) -> None:
        self.alive: list[Entry] = []
        self.order = kind(lambda entry: entry in self.alive)
        self.made = 0

    def add(self, rank: int) -> None:
        entry = (rank, self.made, f"id{self.made}")
        self.made += 1
        self.alive.append(entry)
        self.order.add(entry)

    def leave(self, place: int) -> None:
        if self.alive:
            self.alive.pop(place % len(self.alive))
            self.order.left()

    def follow(self, steps: Steps) -> None:
        for what, number in steps:
            if what == "add":
                self.add(number)
            elif what == "leave":
                self.leave(number)
            elif what == "burst":
                for rank in range(number):
                    self.add(rank * 7 % 13)
            else:
                for _ in range(number):
                    self.leave(number)


@given(steps)
def test_heap_gives_the_live_entries_in_ascending_order(steps: Steps) -> None:
    owner = Owner(Heap)
    owner.follow(steps)
    assert list(owner.order) == sorted(owner.alive)
    assert owner.order.live == len(owner.alive)
    assert owner.order.first() == min(owner.alive, default=None)
    assert list(owner.order) == sorted(owner.alive)


@given(steps)
def test_series_gives_the_live_entries_as_they_came(steps: Steps) -> None:
    owner = Owner(Series)
    owner.follow(steps)
    assert list(owner.order) == owner.alive
    assert list(reversed(owner.order)) == owner.alive[::-1]
    assert owner.order.live == len(owner.alive)


@pytest.mark.parametrize("kind", [Heap, Series])
def test_what_left_is_swept(kind: Callable[[Callable[[Entry], bool]], Any]) -> None:
    owner = Owner(kind)
    for rank in range(300):
        owner.add(rank)
    while len(owner.alive) > 1:
        owner.leave(len(owner.alive) // 2)
    assert list(owner.order) == owner.alive
    assert len(owner.order._items) < 100
