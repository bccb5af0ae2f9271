"""The topics beside a ledger on Kafka that a node serves: facts, and requests with their answers."""

from __future__ import annotations

from collections.abc import Callable

from services.dispatch import Dispatcher, DispatchSettings
from services.facts.publisher import Publisher
from services.facts.topic import facts_settings
from services.ingress.api import Api
from services.ingress.metrics import Metrics
from services.ledger.kafka import KafkaSettings
from services.ledger.opening import kafka_settings
from services.node.settings import NodeSettings
from services.replica import Replica, SystemWriter
from services.snapshots import StateBefore

__all__ = ["Topics"]


class Topics:
    """In the order of a node's life: `follow`, `start`, `stop`. On an embedded ledger there are none."""

    def __init__(self, settings: NodeSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._publisher: Publisher | None = None
        self._dispatcher: Dispatcher | None = None
        metrics.gauge(
            "colonyledger_facts_lag_records", "Records folded whose facts are not published", self._behind
        )
        metrics.gauge(
            "colonyledger_facts_lag_seconds", "Ledger time by which facts are behind the fold", self._late
        )

    def follow(self, replica: Replica, leads: Callable[[int], bool], before: StateBefore) -> None:
        """Publish facts of the partitions that this node leads; call it before the replica starts.

        What is not in memory is folded anew from what `before` gives.
        """
        if not self._settings.is_on_kafka or not self._settings.facts:
            return
        topic = facts_settings(self._kafka, replica.ledger.partitions)
        self._publisher = Publisher(replica.ledger, replica.states, topic, leads, before=before)
        replica.listeners.append(self._publisher.accept)
        self._publisher.start()

    def take(self, partition: int) -> None:
        """The replica has begun to follow a partition."""
        if self._publisher is not None:
            self._publisher.take(partition)

    async def start(self, api: Api, replica: Replica, writer: SystemWriter) -> None:
        """Take requests from now on.

        Raises:
            LedgerRefused: a topic exists with other settings, or the brokers do not allow it.
            LedgerUnavailable: the brokers do not answer.
        """
        if not self._settings.is_on_kafka or not self._settings.requests:
            return
        if self._dispatcher is None:
            how = DispatchSettings(kafka=self._kafka, max_in_flight=self._settings.max_requests_in_flight)
            self._dispatcher = Dispatcher(api.respond, replica, writer, self._metrics, how)
        await self._dispatcher.start()

    async def stop(self) -> None:
        """Take no more requests and publish no more; parked demands are sent away before."""
        if self._dispatcher is not None:
            await self._dispatcher.stop()
        if self._publisher is not None:
            await self._publisher.stop()

    @property
    def _kafka(self) -> KafkaSettings:
        return kafka_settings(self._settings.ledger_url)

    def _behind(self) -> float:
        return 0 if self._publisher is None else self._publisher.lag.records

    def _late(self) -> float:
        return 0 if self._publisher is None else self._publisher.lag.seconds
