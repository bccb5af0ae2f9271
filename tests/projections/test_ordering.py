"""An order behaves like a sorted list, however things come and leave."""

from __future__ import annotations

from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import ordering
from projections.ordering import Ordered

Item = tuple[int, int]

RANK, THOUSANDTH = itemgetter(0), itemgetter(1)

steps = st.lists(
    st.tuples(st.sampled_from(["add", "add", "leave", "leave first", "burst", "drain"]), st.integers(0, 99)),
    max_size=30,
)


class Pair:
    """An order, and the plain list of what is in it."""

    def __init__(self) -> None:
        self.order: Ordered[Item] | None = None
        self.plain: list[Item] = []

    def add(self, number: int) -> None:
        taken = {rank for rank, _ in self.plain}
        while number in taken:
            number += 1
        item = (number, number // 1000)
        self.plain.append(item)
        self.plain.sort()
        if self.order is None:
            self.order = Ordered(RANK, item)
        else:
            self.order.add(item)

    def leave(self, place: int) -> None:
        if self.order is not None:
            left = self.order.remove(self.plain.pop(place % len(self.plain)))
            assert left is bool(self.plain)
            self.order = self.order if left else None

    def follow(self, steps: list[tuple[str, int]]) -> None:
        for what, number in steps:
            if what == "add":
                self.add(number)
            elif what == "leave":
                self.leave(number)
            elif what == "leave first":
                self.leave(0)
            elif what == "burst":
                for rank in range(number):
                    self.add(rank * 7919 % 10_000)
            else:
                for _ in range(number):
                    self.leave(number)
            self.check()

    def check(self) -> None:
        if self.order is not None:
            assert list(self.order) == self.plain
            assert list(reversed(self.order)) == self.plain[::-1]
            assert self.order.first == self.plain[0]
            for bound in (-1, 0, 3, 10):
                expected = [item for item in self.plain if THOUSANDTH(item) >= bound]
                assert list(self.order.since(bound, THOUSANDTH)) == expected


@pytest.fixture(params=[2, 5, 256])
def run_length(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "_LONGEST_RUN", request.param)


@pytest.mark.usefixtures("run_length")
def test_an_order_is_like_a_sorted_list() -> None:
    @given(steps)
    def follow(steps: list[tuple[str, int]]) -> None:
        Pair().follow(steps)

    follow()


def test_runs_stay_short_and_go_when_they_are_empty() -> None:
    pair = Pair()
    for number in range(5000):
        pair.add(number * 3571 % 10_007)
    assert pair.order is not None
    assert max(map(len, pair.order._runs)) <= 256
    for _ in range(4999):
        pair.leave(len(pair.plain) // 2)
    pair.check()
    assert len(pair.order._runs) == len(pair.order._starts) == 1
