"""Where Kafka is, and who we are to it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colonyledger.errors import ConfigurationError
from colonyledger.kafka.protocol import Topics, topics_of

__all__ = ["KafkaBrokers"]

_PREFIX = "LEDGER_KAFKA_"
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")


@dataclass(frozen=True, kw_only=True)
class KafkaBrokers:
    """A Kafka cluster that servers take requests from.

    Raises:
        ConfigurationError: no brokers are named, or the protocol is none of Kafka's.
    """

    servers: str
    """Brokers to ask first, `host:port[,host:port…]` (LEDGER_KAFKA_BROKERS)."""
    ledger: str = "ledger"
    """The name of the servers' ledger topic, after which the others are named (LEDGER_KAFKA_TOPIC)."""
    security_protocol: str = "PLAINTEXT"
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL (LEDGER_KAFKA_SECURITY_PROTOCOL)."""
    sasl_mechanism: str = "SCRAM-SHA-512"
    """For SASL_* (LEDGER_KAFKA_SASL_MECHANISM)."""
    username: str = ""
    """The SASL user (LEDGER_KAFKA_USERNAME)."""
    password: str = field(default="", repr=False)
    """Its password (LEDGER_KAFKA_PASSWORD, or in the file that LEDGER_KAFKA_PASSWORD_FILE names)."""
    ca: str = ""
    """PEM file of the certificates that vouch for the brokers; empty for the system's (LEDGER_KAFKA_CA)."""
    timeout_seconds: float = 10.0
    """How long the brokers may take to answer."""

    def __post_init__(self) -> None:
        if not self.servers:
            raise ConfigurationError(
                "No Kafka brokers are named; give servers=…, or set LEDGER_KAFKA_BROKERS."
            )
        if self.security_protocol not in _PROTOCOLS:
            raise ConfigurationError(
                f"The security protocol must be one of {', '.join(_PROTOCOLS)}, not {self.security_protocol!r}."
            )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> KafkaBrokers:
        """What the variables say that stand at each field.

        Raises:
            ConfigurationError: LEDGER_KAFKA_BROKERS is not set, or a variable has no valid value.
        """
        given = os.environ if environment is None else environment

        def said(name: str, default: str = "") -> str:
            return given.get(_PREFIX + name) or default

        return cls(
            servers=said("BROKERS"),
            ledger=said("TOPIC", "ledger"),
            security_protocol=said("SECURITY_PROTOCOL", "PLAINTEXT").upper(),
            sasl_mechanism=said("SASL_MECHANISM", "SCRAM-SHA-512").upper(),
            username=said("USERNAME"),
            password=said("PASSWORD") or _content(said("PASSWORD_FILE")),
            ca=said("CA"),
        )

    @property
    def url(self) -> str:
        """The cluster in an error's text."""
        return f"kafka://{self.servers.partition(',')[0]}"

    @property
    def topics(self) -> Topics:
        """The topics that requests and answers are in."""
        return topics_of(self.ledger)

    def client(self) -> dict[str, Any]:
        """Arguments of every aiokafka client.

        Raises:
            ConfigurationError: the file of certificates cannot be used.
        """
        return {
            "bootstrap_servers": self.servers,
            "request_timeout_ms": int(self.timeout_seconds * 1000),
            "retry_backoff_ms": 50,
            "security_protocol": self.security_protocol,
            "ssl_context": self._ssl_context(),
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.username or None,
            "sasl_plain_password": self.password or None,
        }

    def _ssl_context(self) -> ssl.SSLContext | None:
        if not self.security_protocol.endswith("SSL"):
            return None
        try:
            return ssl.create_default_context(cafile=self.ca or None)
        except OSError as error:
            raise ConfigurationError(f"The certificates in {self.ca} cannot be used: {error}.") from None


def _content(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The password cannot be read from {path}: {error}.") from None
