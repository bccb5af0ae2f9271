"""Opens the ledger that a name stands for: `kafka://host:port[,host:port…][/topic]`, or a directory."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from services.ledger.base import Ledger, LedgerRefused
from services.ledger.embedded import EmbeddedLedger, EmbeddedOptions
from services.ledger.kafka import KafkaLedger, KafkaSettings

__all__ = ["LogKind", "kafka_settings", "open_ledger"]

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


def kafka_settings(where: str, *, kind: LogKind = LogKind.LEDGER) -> KafkaSettings:
    """The settings for `kafka://host:port[,host:port…][/topic]`; the topic is called as `kind` unless told.

    Raises:
        LedgerRefused: the name has no brokers, or one without a port.
    """
    brokers, _, topic = where.removeprefix(_KAFKA).partition("/")
    for broker in brokers.split(","):
        host, _, port = broker.rpartition(":")
        if not host or not port.isdigit():
            raise LedgerRefused(f"{where!r} is no ledger: a Kafka broker is named host:port, not {broker!r}")
    if "/" in topic:
        raise LedgerRefused(f"{where!r} is no ledger: {topic!r} is no name of a topic")
    return KafkaSettings(bootstrap_servers=brokers, topic=topic or kind, definition=kind)


async def open_ledger(
    where: str | Path,
    *,
    kind: LogKind = LogKind.LEDGER,
    partitions: int | None = None,
    read_only: bool = False,
) -> Ledger:
    """Open the ledger, or the reads log, that `where` names; make it if there is none.

    `partitions` counts when it is made, and must be right when it is there. `read_only` concerns a
    directory: it can be read while a server writes it; a topic always can.

    Raises:
        LedgerRefused: the name is wrong, or the ledger must not be opened like this.
        LedgerUnavailable: the disk or the brokers do not let it be opened now.
    """
    if _is_kafka(where):
        ledger = KafkaLedger(replace(kafka_settings(str(where), kind=kind), partitions=partitions))
        await ledger.start()
        return ledger
    return await EmbeddedLedger.open(
        where, partitions=partitions, read_only=read_only, options=_EMBEDDED[kind]
    )


def _is_kafka(where: str | Path) -> bool:
    if isinstance(where, Path) or "://" not in where:
        return False
    if not where.startswith(_KAFKA):
        raise LedgerRefused(f"{where!r} is no ledger: name a directory or kafka://host:port")
    return True
