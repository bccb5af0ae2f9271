"""Percentiles from buckets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.streams.sketch import GROWTH, Sketch

DURATIONS = st.lists(st.integers(1_000, 10**18), min_size=1, max_size=200)


@given(DURATIONS, st.sampled_from([0.01, 0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_within_five_per_cent(durations: list[int], share: float) -> None:
    sketch = Sketch()
    for duration in durations:
        sketch.add(duration)
    ordered = sorted(durations)
    rank = next(index for index in range(len(ordered)) if index + 1 >= share * len(ordered))
    exact = ordered[rank] / 1e9
    assert exact / GROWTH**0.51 <= sketch.quantile(share) <= exact * GROWTH**0.51
    assert (sketch.count, sketch.total) == (len(durations), sum(durations))


def test_what_is_shorter_than_a_microsecond_is_in_the_first_bucket() -> None:
    sketch = Sketch()
    for duration in (0, 1, 999, 1000):
        sketch.add(duration)
    assert sketch.counts == {0: 4}


def test_nothing_has_no_percentile() -> None:
    assert Sketch().quantile(0.5) == 0.0


@pytest.mark.parametrize("seconds", [0.001, 1.0, 3600.0])
def test_one_duration_is_every_percentile(seconds: float) -> None:
    sketch = Sketch()
    sketch.add(int(seconds * 1e9))
    assert sketch.quantile(0.5) == sketch.quantile(0.99) == pytest.approx(seconds, rel=0.05)
