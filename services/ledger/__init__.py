"""The ordered, immutable log that everything else is computed from."""

from services.ledger.base import (
    Ledger,
    LedgerCorrupt,
    LedgerError,
    LedgerRefused,
    LedgerUnavailable,
    Position,
)
from services.ledger.codec import CodecError
from services.ledger.embedded import EmbeddedLedger, EmbeddedOptions
from services.ledger.kafka import KafkaLedger, KafkaSettings
from services.ledger.opening import LogKind, kafka_settings, open_ledger

__all__ = [
    "CodecError",
    "EmbeddedLedger",
    "EmbeddedOptions",
    "KafkaLedger",
    "KafkaSettings",
    "Ledger",
    "LedgerCorrupt",
    "LedgerError",
    "LedgerRefused",
    "LedgerUnavailable",
    "LogKind",
    "Position",
    "kafka_settings",
    "open_ledger",
]
