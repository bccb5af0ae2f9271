"""How a Kafka ledger reaches its brokers, and how long it waits for them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ssl import SSLContext
from typing import Any

from services.ledger.kafka.security import KafkaSecurity

__all__ = ["KafkaSettings"]

_BATCH_BYTES = 1024 * 1024
_FETCH_PARTITION_BYTES = 4 * 1024 * 1024

_METADATA_SECONDS = 3.0
"""How old a client's knowledge of who leads may be: a broker that hangs does not say that another leads now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """The settings of a Kafka ledger.

    Raises:
        ValueError: a number is out of its bounds.
    """

    bootstrap_servers: str
    """Brokers to ask first, `host:port[,host:port…]`."""
    topic: str = "ledger"
    """The topic's name."""
    definition: str = "ledger"
    """Which section of infra/kafka/topics.toml says how the topic must be."""
    partitions: int | None = None
    """Partitions of the topic if it is created, and what it must have if it exists. None: what the file
    says, or what the topic has."""
    replication_factor: int | None = None
    """Replicas of each partition if the topic is created. None: what the file says, at most one a broker."""
    read_only: bool = False
    """Nothing is appended and no topic is made: for those whom the brokers let read only."""
    timeout_seconds: float = 10.0
    """How long the brokers may take to answer before an append is reported as unknown, `end` and `read` as
    unavailable, and `start` fails."""
    max_waiting_records: int = 65_536
    """How many appends may wait for the brokers; beyond it they fail at once."""
    max_waiting_bytes: int = 256 * 1024 * 1024
    """How many bytes of appends may wait for the brokers; beyond it they fail at once."""
    security_protocol: str = "PLAINTEXT"
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    ssl_context: SSLContext | None = None
    """Certificates, for SSL and SASL_SSL (services/ledger/kafka/security.py reads them)."""
    sasl_mechanism: str = "PLAIN"
    """PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER, for SASL_*."""
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("partitions", "replication_factor", "max_waiting_records", "max_waiting_bytes"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"{name} must be at least 1")
        if self.timeout_seconds <= 0:
            raise ValueError("timeout_seconds must be more than 0")

    def secured(self, security: KafkaSecurity) -> KafkaSettings:
        """These settings with the connection secured.

        Raises:
            SecurityError: a file of certificates cannot be used.
        """
        return replace(
            self,
            security_protocol=security.protocol,
            ssl_context=security.ssl_context(),
            sasl_mechanism=security.mechanism,
            sasl_username=security.username or None,
            sasl_password=security.password or None,
        )

    def client(self) -> dict[str, Any]:
        """Arguments of every aiokafka client."""
        return {
            "bootstrap_servers": self.bootstrap_servers,
            # Another broker can be asked before the time is over.
            "request_timeout_ms": int(self.timeout_seconds * 1000 / 2),
            "metadata_max_age_ms": int(_METADATA_SECONDS * 1000),
            "retry_backoff_ms": 50,
            "security_protocol": self.security_protocol,
            "ssl_context": self.ssl_context,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.sasl_username,
            "sasl_plain_password": self.sasl_password,
        }

    def producer(self) -> dict[str, Any]:
        """Arguments of the producer: every replica in sync has a batch, once, before it is acknowledged."""
        return self.client() | {
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": "zstd",
            "linger_ms": 0,
            "max_batch_size": _BATCH_BYTES,
        }

    def consumer(self) -> dict[str, Any]:
        """Arguments of a consumer: no group, no commits, and never another offset than the one asked for."""
        return self.client() | {
            "group_id": None,
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "max_partition_fetch_bytes": _FETCH_PARTITION_BYTES,
        }
