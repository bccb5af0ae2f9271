"""How far a group has come, as a real broker knows it."""

from __future__ import annotations

from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from services.facts.topic import facts_settings
from services.ledger import KafkaSettings
from services.ledger.kafka.topics import ensure_topic
from services.streams.progress import Progress
from tests.kafka_broker import KafkaBroker
from tests.services.site import eventually


async def test_who_keeps_up_is_not_late_though_something_is_always_left(kafka_broker: KafkaBroker) -> None:
    """A moment's records are done and later ones are not: from then on the time is that of the later ones."""
    ledger = KafkaSettings(bootstrap_servers=kafka_broker.bootstrap, topic=uuid4().hex, partitions=1)
    topic = facts_settings(ledger, 1)
    await ensure_topic(topic)
    group = uuid4().hex
    place = TopicPartition(topic.topic, 0)
    progress = Progress(topic, group, lambda: [0])

    async def one_is_left() -> bool:
        return progress.records == 1

    async def two_are_left() -> bool:
        return progress.records == 2

    async def none_is_left() -> bool:
        return progress.records == 0 and progress.seconds == 0

    async def is_less_late() -> bool:
        return progress.records == 1 and 0 < progress.seconds < late

    consumer = AIOKafkaConsumer(**topic.consumer() | {"group_id": group})
    producer = AIOKafkaProducer(bootstrap_servers=kafka_broker.bootstrap)
    await consumer.start()
    await producer.start()
    consumer.assign([place])
    progress.start()
    try:
        await producer.send_and_wait(topic.topic, b"first", partition=0)
        await eventually(one_is_left)
        await producer.send_and_wait(topic.topic, b"second", partition=0)
        await eventually(two_are_left)
        late = progress.seconds
        assert late > 0
        await consumer.commit({place: 1})
        await eventually(is_less_late)
        await consumer.commit({place: 2})
        await eventually(none_is_left)
    finally:
        await progress.stop()
        await consumer.stop()
        await producer.stop()
