"""What a worker shows of windows."""

from __future__ import annotations

import pytest

from services.streams.metrics import MAX_SERIES, windows_of
from services.streams.window import Window, WindowKey


def window(executor: str, assigned: int) -> Window:
    found = Window.empty(WindowKey(0, 0, "dev", "square", executor), 60)
    found.assigned, found.succeeded = assigned, assigned
    for _ in range(assigned):
        found.waited.add(2_000_000_000)
    return found


def samples(*windows: Window) -> dict[tuple[str, ...], float]:
    """Values by the name of the metric and its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in windows_of(windows)
        for sample in family.samples
    }


def test_rates_counts_and_percentiles_are_shown() -> None:
    found = samples(window("edge1", 30))
    assert found["colonyledger_window_rate", "dev", "square", "edge1"] == 0.5
    assert found["colonyledger_window_attempts", "dev", "square", "edge1", "assigned"] == 30
    assert found["colonyledger_window_attempts", "dev", "square", "edge1", "failed"] == 0
    for share in ("0.5", "0.95", "0.99"):
        waited = found["colonyledger_window_wait_seconds", "dev", "square", "edge1", share]
        assert waited == pytest.approx(2.0, rel=0.05)
    assert not any(name == "colonyledger_window_execution_seconds" for name, *_ in found)


def test_the_busiest_windows_are_shown_if_there_are_too_many() -> None:
    found = samples(*(window(f"edge{number}", number % 7) for number in range(MAX_SERIES + 500)))
    rates = [value for (name, *_), value in found.items() if name == "colonyledger_window_rate"]
    assert len(rates) == MAX_SERIES
    assert min(rates) > 0
