"""What a soak concludes from its samples."""

from __future__ import annotations

import pytest

from benchmarks.slopes import Sample, slope, verdicts


def sample(number: int, **changed: float) -> Sample:
    steady = Sample(
        second=5.0 * number,
        rpcs=1000,
        p50_ms=1.0,
        p99_ms=5.0 + number % 2,
        memory_mib=60.0 + number % 3 / 10,
        cpu_cores=0.5,
        file_bytes=700_000 * number,
        descriptors=30 + number % 2,
        closed=500 * number,
        kept=1000,
    )
    return steady._replace(**changed)  # type: ignore[arg-type]


def broken(samples: list[Sample]) -> list[str]:
    return [verdict.what for verdict in verdicts(samples) if not verdict.holds]


def test_a_steady_server_holds() -> None:
    assert broken([sample(number) for number in range(24)]) == []


def test_memory_that_grows_with_what_has_ended_is_found() -> None:
    assert broken([sample(number, memory_mib=60.0 + number) for number in range(24)]) == ["memory"]


def test_memory_that_fills_at_first_is_fine() -> None:
    assert broken([sample(number, memory_mib=min(60.0, 30.0 + 6 * number)) for number in range(24)]) == []


def test_a_snapshot_that_is_made_now_and_then_is_no_growth() -> None:
    making = {14, 15, 21, 22}
    samples = [
        sample(number, memory_mib=100.0, descriptors=48) if number in making else sample(number)
        for number in range(24)
    ]
    assert broken(samples) == []


def test_memory_is_told_per_process_that_has_ended() -> None:
    samples = [sample(number, memory_mib=60.0 + 500 * number * 2048 / 2**20) for number in range(24)]
    assert verdicts(samples)[0].figure.startswith("+2,048 bytes per process")


def test_replies_that_get_slower_are_found() -> None:
    assert broken([sample(number, p99_ms=5.0 * 1.2**number) for number in range(24)]) == ["p99"]


def test_one_slow_moment_is_no_trend() -> None:
    assert broken([sample(number, p99_ms=300.0 if number == 20 else 5.0) for number in range(24)]) == []


def test_descriptors_that_leak_are_found() -> None:
    assert broken([sample(number, descriptors=30 + number) for number in range(30)]) == ["open descriptors"]


def test_files_that_grow_faster_and_faster_are_found() -> None:
    samples = [sample(number, file_bytes=1000 * number**3) for number in range(24)]
    assert broken(samples) == ["bytes of files per RPC"]


def test_few_samples_say_nothing() -> None:
    with pytest.raises(ValueError, match="let it run longer"):
        verdicts([sample(number) for number in range(8)])


def test_a_slope_of_points_above_each_other_is_none() -> None:
    assert slope([(1.0, 2.0), (1.0, 5.0)]) == 0.0
    assert slope([(0.0, 1.0), (2.0, 5.0)]) == 2.0


def test_a_verdict_says_its_limit() -> None:
    held = verdicts([sample(number) for number in range(12)])
    assert all(each.limit.startswith("at most") for each in held)
