"""How Faust reaches the brokers, from the settings that everything else uses."""

from __future__ import annotations

from typing import Any

import faust
from faust.types.auth import CredentialsT

from services.ledger.kafka.settings import KafkaSettings

__all__ = ["faust_broker"]


def faust_broker(settings: KafkaSettings) -> dict[str, Any]:
    """Arguments of a Faust app.

    Raises:
        ValueError: Faust does not know this mechanism of SASL with a user and a password.
    """
    brokers = ";".join(f"kafka://{broker}" for broker in settings.bootstrap_servers.split(","))
    return {"broker": brokers, "broker_credentials": _credentials(settings)}


def _credentials(settings: KafkaSettings) -> CredentialsT | None:
    if settings.security_protocol == "PLAINTEXT":
        return None
    if settings.security_protocol == "SSL":
        return faust.SSLCredentials(context=settings.ssl_context)
    return faust.SASLCredentials(
        mechanism=settings.sasl_mechanism,
        username=settings.sasl_username,
        password=settings.sasl_password,
        ssl_context=settings.ssl_context,
    )
