"""Names in order, found by how they start."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.sortednames import SortedNames

NAMES = st.text(alphabet="ab/", max_size=4)


@given(st.lists(st.tuples(st.booleans(), NAMES), max_size=60), st.lists(NAMES, max_size=5))
def test_as_a_sorted_list(steps: list[tuple[bool, str]], prefixes: list[str]) -> None:
    names, model = SortedNames(), set[str]()
    for adding, name in steps:
        if adding and name not in model:
            names.add(name)
            model.add(name)
        elif not adding and name in model:
            names.remove(name)
            model.remove(name)
    for prefix in ["", *prefixes]:
        assert list(names.starting_with(prefix)) == sorted(each for each in model if each.startswith(prefix))


@pytest.mark.parametrize("step", [1, -1, 7919])
def test_many(step: int) -> None:
    numbers = [index * step % 10_007 for index in range(5_000)]
    names = SortedNames()
    for number in numbers:
        names.add(f"/{number:05}")
    every = sorted(f"/{number:05}" for number in numbers)
    assert list(names.starting_with("")) == every
    assert list(names.starting_with("/012")) == [name for name in every if name.startswith("/012")]
    assert list(names.starting_with("/9999")) == [name for name in every if name.startswith("/9999")]
    for number in numbers[::2]:
        names.remove(f"/{number:05}")
    assert list(names.starting_with("/")) == sorted(f"/{number:05}" for number in numbers[1::2])
    for number in numbers[1::2]:
        names.remove(f"/{number:05}")
    assert list(names.starting_with("")) == []
    names.add("again")
    assert list(names.starting_with("a")) == ["again"]
