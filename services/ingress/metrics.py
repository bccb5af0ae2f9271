"""Counts and times of RPCs for `/metrics`, cheap to take and put into Prometheus' form when asked."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["Gauge", "Gauges", "Metrics"]

_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the buckets of RPC times, in seconds."""

Gauge = Callable[[], float]
"""Gives a number as it is now."""

Gauges = Callable[[], Mapping[str, float]]
"""Gives numbers as they are now, by the value of a label."""


class _Times:
    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(_BOUNDS) + 1)
        self.total = 0.0


class Metrics(Collector):
    """What this server has done since its start."""

    def __init__(self) -> None:
        self._rpcs: dict[tuple[str, int], int] = {}
        self._times: dict[str, _Times] = {}
        self._gauges: dict[str, tuple[str, Gauge]] = {}
        self._labelled_gauges: dict[str, tuple[str, str, Gauges]] = {}
        self._counters: dict[str, tuple[str, Gauge]] = {}
        self._labelled_counters: dict[str, tuple[str, str, Gauges]] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def count(self, payloadtype: str, status: int, seconds: float) -> None:
        """One RPC was answered with `status` after `seconds`."""
        key = (payloadtype, status)
        self._rpcs[key] = self._rpcs.get(key, 0) + 1
        times = self._times.get(payloadtype)
        if times is None:
            times = self._times[payloadtype] = _Times()
        times.buckets[bisect_left(_BOUNDS, seconds)] += 1
        times.total += seconds

    def gauge(self, name: str, help_text: str, value: Gauge) -> None:
        """Show `value` as it is at each scrape; it may fall."""
        self._gauges[name] = (help_text, value)

    def gauges(self, name: str, help_text: str, label: str, values: Gauges) -> None:
        """Show numbers as they are at each scrape, each with its value of a label."""
        self._labelled_gauges[name] = (help_text, label, values)

    def counter(self, name: str, help_text: str, value: Gauge) -> None:
        """Show `value` as it is at each scrape; it never falls."""
        self._counters[name] = (help_text, value)

    def counters(self, name: str, help_text: str, label: str, values: Gauges) -> None:
        """Show as many values as there are at each scrape, each under its own value of `label`; they never fall."""
        self._labelled_counters[name] = (help_text, label, values)

    def text(self) -> bytes:
        """Everything in Prometheus' text form."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The metric families, for Prometheus' client."""
        answered = CounterMetricFamily(
            "colonyledger_rpcs",
            "RPCs answered, by payload type and HTTP status",
            labels=["payloadtype", "status"],
        )
        for (payloadtype, status), number in self._rpcs.items():
            answered.add_metric([payloadtype, str(status)], number)
        yield answered
        took = HistogramMetricFamily(
            "colonyledger_rpc_seconds", "Time from a request's arrival to its answer", labels=["payloadtype"]
        )
        for payloadtype, times in self._times.items():
            took.add_metric([payloadtype], _cumulated(times.buckets), times.total)
        yield took
        for name, (help_text, value) in self._gauges.items():
            yield GaugeMetricFamily(name, help_text, value())
        for name, (help_text, label, values) in self._labelled_gauges.items():
            family = GaugeMetricFamily(name, help_text, labels=[label])
            for labelled, shown in values().items():
                family.add_metric([labelled], shown)
            yield family
        for name, (help_text, value) in self._counters.items():
            yield CounterMetricFamily(name, help_text, value())
        for name, (help_text, label, values) in self._labelled_counters.items():
            counted = CounterMetricFamily(name, help_text, labels=[label])
            for labelled, shown in values().items():
                counted.add_metric([labelled], shown)
            yield counted


def _cumulated(buckets: list[int]) -> list[tuple[str, float]]:
    running = 0
    cumulated: list[tuple[str, float]] = []
    for bound, number in zip([*map(str, _BOUNDS), "+Inf"], buckets, strict=True):
        running += number
        cumulated.append((bound, running))
    return cumulated
