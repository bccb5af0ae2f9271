"""How requests on Kafka are served."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from colonyledger.kafka.protocol import MAX_REQUEST_BYTES, Topics, topics_of

from services.ledger.kafka import KafkaSettings

__all__ = ["DispatchSettings"]

_SESSION_MILLISECONDS = 6000
_HEARTBEAT_MILLISECONDS = 2000
_FETCH_PARTITION_BYTES = 2 * MAX_REQUEST_BYTES
_FETCH_BYTES = 16 * MAX_REQUEST_BYTES
_BATCH_BYTES = 1024 * 1024
_MAX_ANSWER_BYTES = 70 * 1024 * 1024 - 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchSettings:
    """Where requests are, and how many are served at a time.

    Raises:
        ValueError: a number is out of its bounds.
    """

    kafka: KafkaSettings
    """The ledger's: requests are on the same brokers, in topics named after the ledger's."""
    max_in_flight: int = 512
    """How many requests are served at a time. Those that are parked do not count: `max_parked_demands` bounds them."""
    stop_seconds: float = 5.0
    """How long what is under way may take when the node stops."""

    def __post_init__(self) -> None:
        if self.max_in_flight < 1:
            raise ValueError("max_in_flight must be at least 1")
        if self.stop_seconds < 0:
            raise ValueError("stop_seconds must be at least 0")

    @property
    def topics(self) -> Topics:
        """The names of the topics."""
        return topics_of(self.kafka.topic)

    @property
    def group(self) -> str:
        """The consumer group that all nodes of a ledger share."""
        return self.topics.requests

    def topic(self, kind: str) -> KafkaSettings:
        """The settings of one of the topics, by the section of infra/kafka/topics.toml that declares it."""
        name: str = getattr(self.topics, kind)
        return replace(self.kafka, topic=name, definition=kind, partitions=None)

    def consumer(self) -> dict[str, Any]:
        """Arguments of the consumer: nothing is committed but what is told."""
        return self.kafka.client() | {
            "group_id": self.group,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "session_timeout_ms": _SESSION_MILLISECONDS,
            "heartbeat_interval_ms": _HEARTBEAT_MILLISECONDS,
            "max_partition_fetch_bytes": _FETCH_PARTITION_BYTES,
            "fetch_max_bytes": _FETCH_BYTES,
        }

    def producer(self) -> dict[str, Any]:
        """Arguments of the producer. It is not idempotent: an answer may come twice, and a failed producer goes on."""
        return self.kafka.client() | {
            "acks": "all",
            "compression_type": "zstd",
            "linger_ms": 0,
            "max_batch_size": _BATCH_BYTES,
            "max_request_size": _MAX_ANSWER_BYTES,
        }
