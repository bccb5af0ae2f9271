"""Ratios and goals of the benchmarks' table."""

from __future__ import annotations

import pytest

from benchmarks.results import Figures, Memory, Results, Row, compare, compare_memory
from benchmarks.table import details_table, goals_table, markdown
from benchmarks.workload import Shown


def rate(per_s: float, **more: object) -> Figures:
    return Figures(per_s=per_s, operations=100, **more)  # type: ignore[arg-type]


def results(*rows: Row, others: tuple[str, ...] = ("slow", "fast"), **memory: Memory) -> Results:
    return Results(["ours"], list(others), list(rows), memory)


def row(
    shown: Shown = Shown.RATE, times: float = 0.0, flat: str = "", name: str = "work", **figures: Figures
) -> Row:
    return Row(name, "things", shown, times, flat, figures)


@pytest.mark.parametrize(("per_s", "verdict"), [(800.0, "met"), (799.0, "missed")])
def test_the_best_of_the_others_counts(per_s: float, verdict: str) -> None:
    work = row(times=8, ours=rate(per_s), slow=rate(50), fast=rate(100))
    compared = compare(results(work), work, "ours")
    assert compared == (per_s / 100, verdict)


def test_a_server_that_failed_is_not_compared_with() -> None:
    work = row(times=8, ours=rate(800), slow=rate(50), fast=Figures(failure="it hung up"))
    assert compare(results(work), work, "ours").ratio == 16


@pytest.mark.parametrize(
    ("p50", "p99", "verdict"), [(2.0, 4.0, "met"), (2.1, 4.0, "missed"), (2.0, 4.1, "missed")]
)
def test_both_latencies_have_to_be_better(p50: float, p99: float, verdict: str) -> None:
    theirs = Figures(p50_ms=8, p99_ms=16)
    work = row(Shown.LATENCY, 4, ours=Figures(p50_ms=p50, p99_ms=p99), fast=theirs)
    assert compare(results(work), work, "ours").verdict == verdict


@pytest.mark.parametrize(("stalled", "verdict"), [(0, "met"), (1, "missed")])
def test_nothing_may_stall(stalled: int, verdict: str) -> None:
    waits = row(Shown.STALLS, ours=rate(1, stalled=stalled))
    assert compare(results(waits), waits, "ours").verdict == verdict


def test_a_fast_server_that_forgot_somebody_has_missed_its_goal() -> None:
    work = row(times=1, ours=rate(1000, stalled=1), fast=rate(1))
    assert compare(results(work), work, "ours").verdict == "missed"


@pytest.mark.parametrize(("per_s", "verdict"), [(80.0, "met"), (60.0, "missed")])
def test_a_rate_is_flat_if_it_is_about_that_of_the_smaller_one(per_s: float, verdict: str) -> None:
    small, large = row(name="small", ours=rate(100)), row(flat="small", ours=rate(per_s))
    assert compare(results(small, large), large, "ours").verdict == verdict


def test_what_it_would_be_compared_with_may_not_have_been_measured() -> None:
    large = row(flat="small", ours=rate(100))
    assert compare(results(large), large, "ours").verdict == ""


def test_flat_alone_does_not_meet_a_goal_that_is_about_others_too() -> None:
    small, large = row(name="small", ours=rate(100)), row(times=8, flat="small", ours=rate(100))
    assert compare(results(small, large, others=()), large, "ours").verdict == ""


def test_our_failure_is_shown() -> None:
    work = row(times=4, ours=Figures(failure="Broken: assigned twice"), fast=rate(1))
    assert compare(results(work), work, "ours").verdict == "failed"
    assert goals_table(results(work))[1][0][1] == "failed"
    assert "assigned twice" in details_table(results(work))[1][0][2]


def test_memory_is_that_of_server_and_store() -> None:
    both = results(ours=Memory(100, 60), fast=Memory(54, 105))
    assert compare_memory(both, "ours").verdict == "missed"
    assert compare_memory(results(ours=Memory(159, 0), fast=Memory(54, 105)), "ours").verdict == "met"


def test_memory_of_an_unknown_process_is_not_compared() -> None:
    assert compare_memory(results(ours=Memory(1, 0)), "ours") == (None, "")


def test_the_table_names_every_server_and_goal() -> None:
    work = row(times=4, ours=rate(1234.5, p50_ms=1, p99_ms=2), slow=rate(99.5), fast=rate(200))
    text = markdown(goals_table(results(work)))
    assert text.splitlines()[2] == "| work | 1,234 per s | 99.5 per s | 200 per s | 6.2× | 4× | met |"


def test_without_others_nothing_is_compared() -> None:
    work = row(times=4, ours=rate(1234.5))
    assert goals_table(results(work, others=()))[1] == [["work", "1,234 per s", "4×", ""]]


def test_a_table_in_markdown_has_no_loose_bars() -> None:
    assert markdown((["a", "b"], [["x|y", "1\n2"]])).splitlines()[-1] == "| x\\|y | 1 2 |"
