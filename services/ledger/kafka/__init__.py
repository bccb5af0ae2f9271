"""The ledger as a topic of Kafka (docs/ledger.md)."""

from services.ledger.kafka.ledger import KafkaLedger
from services.ledger.kafka.settings import KafkaSettings

__all__ = ["KafkaLedger", "KafkaSettings"]
