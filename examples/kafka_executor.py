"""An executor that reaches its servers through Kafka alone (docs/kafka-executors.md).

export LEDGER_KAFKA_BROKERS=localhost:9092 COLONIES_COLONY_NAME=dev COLONIES_COLONY_PRVKEY=…
python -m examples.kafka_executor
"""

from __future__ import annotations

from colonyledger import SyncCall
from colonyledger.kafka import KafkaExecutor

executor = KafkaExecutor(name="edge-on-kafka", type="edge", slots=4)


@executor.function
def square(call: SyncCall, x: int) -> int:
    """The square of a number."""
    call.log(f"squaring {x}")
    return x * x


if __name__ == "__main__":
    executor.run()
