"""Opens the ledger that a name stands for: `kafka://host:port[,host:port…][/topic]`, or a directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from services.ledger.base import Ledger, LedgerRefused
from services.ledger.embedded import EmbeddedLedger, EmbeddedOptions
from services.ledger.kafka import KafkaLedger, KafkaSettings
from services.ledger.kafka.security import KafkaSecurity, SecurityError
from services.secrets import SecretError

__all__ = ["LogKind", "is_kafka", "kafka_settings", "open_ledger"]

_KAFKA = "kafka://"
_READS_KEPT_SECONDS = 7 * 24 * 3600


class LogKind(StrEnum):
    """Which of the two logs of a server: they are written alike and kept differently."""

    LEDGER = "ledger"
    """What may have changed something: kept for ever, acknowledged when durable."""
    READS = "reads"
    """Queries, empty polls and refused strangers: kept for seven days, written in the background."""


_EMBEDDED = {
    LogKind.LEDGER: EmbeddedOptions(),
    LogKind.READS: EmbeddedOptions(durable=False, retention_seconds=_READS_KEPT_SECONDS),
}


def kafka_settings(
    where: str, *, kind: LogKind = LogKind.LEDGER, environment: Mapping[str, str] | None = None
) -> KafkaSettings:
    """The settings for `kafka://host:port[,host:port…][/topic]`; the topic is called as `kind` unless told.

    How the connection is secured comes from the environment (services/ledger/kafka/security.py).

    Raises:
        LedgerRefused: the name has no brokers, or one without a port; or the environment cannot be followed.
    """
    brokers, _, topic = where.removeprefix(_KAFKA).partition("/")
    if "@" in where:
        raise LedgerRefused(
            "a Kafka ledger is named without user and password; "
            "they come from LEDGER_KAFKA_USERNAME and LEDGER_KAFKA_PASSWORD_FILE"
        )
    for broker in brokers.split(","):
        host, _, port = broker.rpartition(":")
        if not host or not port.isdigit():
            raise LedgerRefused(f"{where!r} is no ledger: a Kafka broker is named host:port, not {broker!r}")
    if "/" in topic:
        raise LedgerRefused(f"{where!r} is no ledger: {topic!r} is no name of a topic")
    settings = KafkaSettings(bootstrap_servers=brokers, topic=topic or kind, definition=kind)
    try:
        return settings.secured(
            KafkaSecurity.from_environment(os.environ if environment is None else environment)
        )
    except (SecurityError, SecretError) as error:
        raise LedgerRefused(str(error)) from None


async def open_ledger(
    where: str | Path,
    *,
    kind: LogKind = LogKind.LEDGER,
    partitions: int | None = None,
    read_only: bool = False,
) -> Ledger:
    """Open the ledger, or the reads log, that `where` names; make it if there is none.

    `partitions` counts when it is made, and must be right when it is there. `read_only` lets a
    directory be read while a server writes it, and a topic by those who may not write to it.

    Raises:
        LedgerRefused: the name is wrong, or the ledger must not be opened like this.
        LedgerUnavailable: the disk or the brokers do not let it be opened now.
    """
    if is_kafka(where):
        settings = kafka_settings(str(where), kind=kind)
        ledger = KafkaLedger(replace(settings, partitions=partitions, read_only=read_only))
        await ledger.start()
        return ledger
    return await EmbeddedLedger.open(
        where, partitions=partitions, read_only=read_only, options=_EMBEDDED[kind]
    )


def is_kafka(where: str | Path) -> bool:
    """Whether a name stands for a topic, not a directory.

    Raises:
        LedgerRefused: it stands for neither.
    """
    if isinstance(where, Path) or "://" not in where:
        return False
    if not where.startswith(_KAFKA):
        raise LedgerRefused(f"{where!r} is no ledger: name a directory or kafka://host:port")
    return True
