"""How long is waited, and how often is tried."""

from __future__ import annotations

import pytest
from colonyledger.errors import WaitTimedOut
from colonyledger.retries import Backoff, Patience, Retries


def test_pauses_double_up_to_the_longest() -> None:
    pauses = list(Retries(attempts=7, first=1.0, longest=10.0).pauses())
    assert len(pauses) == 6
    for pause, full in zip(pauses, [1, 2, 4, 8, 10, 10], strict=True):
        assert full / 2 <= pause <= full


def test_one_attempt_has_no_repeats() -> None:
    assert list(Retries(attempts=1).pauses()) == []


def test_patience_grows_and_has_a_bound() -> None:
    patience = Patience(None, "It")
    pauses = [patience.next() for _ in range(50)]
    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(0.02)
    assert pauses[-1] == 1.0


def test_patience_ends() -> None:
    patience = Patience(0.0, "Process p")
    with pytest.raises(WaitTimedOut, match="Process p did not end within 0 s"):
        patience.next()


def test_patience_does_not_sleep_past_its_end() -> None:
    assert Patience(0.01, "It").next() <= 0.01


def test_backoff_grows_and_begins_again() -> None:
    backoff = Backoff()
    pauses = [backoff.next() for _ in range(20)]
    assert 0.25 <= pauses[0] <= 0.5
    assert 15 <= pauses[-1] <= 30
    backoff.reset()
    assert backoff.next() <= 0.5
