"""What a worker shows to Prometheus: how far it is behind, and the newest windows that are over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.streams.window import Window

if TYPE_CHECKING:
    from services.streams.historian import Historian
    from services.streams.windowing import Windowing

__all__ = ["MAX_SERIES", "WorkerMetrics"]

MAX_SERIES = 1000
"""Most windows that are shown at a time: those with the most assignments. All of them are in the topic."""

_LABELS = ("colony", "function", "executor")
_QUANTILES = (0.5, 0.95, 0.99)
_COUNTS = ("assigned", "succeeded", "failed", "cancelled", "put_back")


class WorkerMetrics(Collector):
    """The metrics of one worker; either processor may be missing."""

    def __init__(self, windowing: Windowing | None, historian: Historian | None) -> None:
        self._windowing = windowing
        self._historian = historian
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """Everything in Prometheus' text form."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The metric families, for Prometheus' client."""
        if self._historian is not None:
            yield from _lag(
                "history", "Records of the ledger that are not in the history", self._historian.lag
            )
        if self._windowing is not None:
            yield from _lag(
                "windows", "Facts that are not counted, of this worker's partitions", self._windowing.lag
            )
            yield from windows_of(self._windowing.latest())


def windows_of(windows: Sequence[Window]) -> Iterator[Metric]:
    """Counts and times of windows, the busiest ones if there are too many."""
    shown = sorted(windows, key=lambda window: window.assigned, reverse=True)[:MAX_SERIES]
    counts = GaugeMetricFamily(
        "colonyledger_window_attempts",
        "What happened to assignments in the newest window that is over",
        labels=[*_LABELS, "what"],
    )
    waited = GaugeMetricFamily(
        "colonyledger_window_wait_seconds",
        "Time from ready to assigned in that window",
        labels=[*_LABELS, "quantile"],
    )
    executed = GaugeMetricFamily(
        "colonyledger_window_execution_seconds",
        "Time from assigned to finished in that window",
        labels=[*_LABELS, "quantile"],
    )
    rate = GaugeMetricFamily(
        "colonyledger_window_rate", "Assignments per second in that window", labels=_LABELS
    )
    for window in shown:
        labels = [window.colony, window.function, window.executor]
        rate.add_metric(labels, window.assigned / window.seconds)
        for name in _COUNTS:
            counts.add_metric([*labels, name], getattr(window, name))
        for family, sketch in ((waited, window.waited), (executed, window.executed)):
            if sketch.counts:
                for share in _QUANTILES:
                    family.add_metric([*labels, str(share)], sketch.quantile(share))
    yield from (rate, counts, waited, executed)


def _lag(name: str, what: str, lag: tuple[int, float]) -> Iterator[Metric]:
    records, seconds = lag
    yield GaugeMetricFamily(f"colonyledger_{name}_lag_records", what, records)
    yield GaugeMetricFamily(f"colonyledger_{name}_lag_seconds", "By how much that is behind", seconds)
