"""What `/metrics` says of the parts of a node; the figures of parts that it does not have yet are 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.ingress.load import Load
from services.ingress.metrics import Metrics

if TYPE_CHECKING:
    from services.fronts.keeper import Fronts
    from services.node.node import ServerNode

__all__ = ["register", "register_load"]


def register_load(metrics: Metrics, load: Load, fronts: Fronts | None = None) -> None:
    """Have the figures of requests in work in `metrics`, and of the fronts through which they come, if any."""
    metrics.gauge("colonyledger_requests_in_work", "Requests that are worked on", lambda: load.in_work)

    def refused() -> float:
        return load.refused + (0 if fronts is None else fronts.refused)

    metrics.counter("colonyledger_overloaded", "Requests refused as too much work", refused)
    if fronts is not None:
        metrics.gauge("colonyledger_fronts", "Processes that take requests", lambda: fronts.running)
        metrics.counters(
            "colonyledger_front_requests", "Requests that came through each", "front", fronts.requests
        )


def register(metrics: Metrics, node: ServerNode) -> None:
    """Have the node's figures in `metrics`."""

    def parked() -> float:
        return 0 if node.demands is None else node.demands.parked

    def subscribers() -> float:
        return 0 if node.pubsub is None else node.pubsub.connections

    def subscriptions() -> float:
        return 0 if node.pubsub is None else node.pubsub.subscriptions

    def relayed() -> float:
        return 0 if node.pubsub is None else node.pubsub.relayed

    def folded() -> float:
        return 0 if node.replica is None else node.replica.progress[0]

    def dropped() -> float:
        return 0 if node.recorder is None else node.recorder.reads_dropped

    gauge, counter = metrics.gauge, metrics.counter
    gauge("colonyledger_ready", "1 if RPCs are served", lambda: float(node.health()["status"] == "ready"))
    gauge("colonyledger_parked_demands", "Executors that wait for work", parked)
    gauge("colonyledger_subscribers", "Websocket connections to /pubsub", subscribers)
    gauge("colonyledger_subscriptions", "Subscriptions on them", subscriptions)
    gauge("colonyledger_subscriptions_relayed", "Those of them that other nodes serve", relayed)
    gauge("colonyledger_records_folded", "Records folded, of all partitions", folded)
    counter("colonyledger_reads_dropped", "Entries that the reads log did not take", dropped)
    counter("colonyledger_rate_limited", "RPCs refused by the rate limit", lambda: node.rates.refused)
    _register_partitions(metrics, node)


def _register_partitions(metrics: Metrics, node: ServerNode) -> None:
    def offsets() -> dict[str, float]:
        states = [] if node.replica is None else node.replica.states
        return {str(number): state.next_offset for number, state in enumerate(states)}

    def served() -> dict[str, float]:
        replica = node.replica
        return {} if replica is None else {str(each): each in replica.served for each in sorted(replica.all)}

    def forwarded() -> float:
        return 0 if node.forwarder is None else node.forwarder.forwarded

    def not_forwarded() -> float:
        return 0 if node.forwarder is None else node.forwarder.failed

    metrics.gauges(
        "colonyledger_partition_folded",
        "Offset after the last record folded, 0 if none is",
        "partition",
        offsets,
    )
    metrics.gauges(
        "colonyledger_partition_served",
        "1 if this node answers RPCs about the partition",
        "partition",
        served,
    )
    metrics.counter("colonyledger_rpcs_forwarded", "RPCs that other nodes have answered", forwarded)
    metrics.counter("colonyledger_rpcs_not_forwarded", "RPCs that no other node has answered", not_forwarded)
