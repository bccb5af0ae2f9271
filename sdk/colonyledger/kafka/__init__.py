"""Executors and clients that reach their servers through Kafka (docs/kafka-executors.md).

Needs the extra `colonyledger[kafka]`. The names below are loaded when they are first used, so that
`colonyledger.kafka.protocol` can be read without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colonyledger.kafka.brokers import KafkaBrokers
    from colonyledger.kafka.executor import KafkaExecutor
    from colonyledger.kafka.link import KafkaLink
    from colonyledger.kafka.transport import kafka_client

__all__ = ["KafkaBrokers", "KafkaExecutor", "KafkaLink", "kafka_client"]

_HOMES = {
    "KafkaBrokers": "brokers",
    "KafkaExecutor": "executor",
    "KafkaLink": "link",
    "kafka_client": "transport",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "aiokafka":
            raise
        raise ImportError("Kafka needs an extra: pip install 'colonyledger[kafka]'") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
