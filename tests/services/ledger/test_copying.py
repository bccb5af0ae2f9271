"""Copies of ledgers: every byte and every time of the original, and no ledger before they are finished."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from projections.event import Event
from services.ledger import LedgerCorrupt, LedgerRefused, open_ledger
from services.ledger.codec import encode
from services.ledger.copying import Copied, CopyTarget, copy_source, copy_target
from tests.kafka_broker import KafkaBroker
from tests.ledgers import stored
from tests.services.ledger.conftest import RecordFactory

BEGIN = 1_500_000_000_000_000_000
"""In 2017, nanoseconds since 1970."""

Place = Callable[[], str]


@pytest.fixture
def on_disk(tmp_path: Path) -> Place:
    return lambda: str(tmp_path / uuid.uuid4().hex)


@pytest.fixture
def on_kafka(kafka_broker: KafkaBroker) -> Place:
    return lambda: f"kafka://{kafka_broker.bootstrap}/copy-{uuid.uuid4().hex}"


@pytest.fixture(params=["embedded", "kafka"])
def new_place(request: pytest.FixtureRequest) -> Place:
    """Names a place of each kind where nothing is yet."""
    place: Place = request.getfixturevalue("on_disk" if request.param == "embedded" else "on_kafka")
    return place


@pytest.fixture
def records(make_record: RecordFactory) -> list[Copied]:
    """With times to the nanosecond, some of them the same; one that is larger than a batch."""
    large = {17: 3_000_000}
    return [
        Copied(BEGIN + number // 2 * 1_234_567_891, encode(make_record(number, large.get(number, 100))))
        for number in range(40)
    ]


async def copied(place: str, partition: int = 0, offset: int = 0) -> list[Copied]:
    async with copy_source(place) as source:
        return [record async for batch in source.read(partition, offset) for record in batch]


async def events_of(place: str) -> list[list[Event]]:
    ledger = await open_ledger(place, read_only=True)
    try:
        return await stored(ledger)
    finally:
        await ledger.close()


async def make(place: str, *partitions: list[Copied]) -> str:
    async with copy_target(place, len(partitions)) as target:
        for number, records in enumerate(partitions):
            await target.write(number, records)
        await target.finish()
    return place


async def test_a_copy_has_every_byte_and_every_nanosecond(
    new_place: Place, on_disk: Place, on_kafka: Place, records: list[Copied]
) -> None:
    original = await make(on_disk(), records[:30], [], records[30:])
    place = new_place()
    async with copy_source(original) as source, copy_target(place, source.partitions) as target:
        for partition in range(source.partitions):
            assert await target.end(partition) == 0
            assert await target.last(partition) is None
            async for batch in source.read(partition):
                await target.write(partition, batch)
            assert await target.end(partition) == await source.end(partition)
        await target.finish()
    back = await make(on_kafka(), *[await copied(place, partition) for partition in range(3)])
    for copy in (place, back):
        assert [await copied(copy, partition) for partition in range(3)] == [records[:30], [], records[30:]]
        assert await copied(copy, 0, 16) == records[16:30]
        assert await events_of(copy) == await events_of(original)
    assert [event.time for event in (await events_of(back))[0]] == [record.time for record in records[:30]]


async def test_a_finished_copy_is_a_ledger_that_goes_on(
    new_place: Place, records: list[Copied], make_record: RecordFactory
) -> None:
    place = await make(new_place(), records, records[:3])
    ledger = await open_ledger(place, partitions=2)
    position = await ledger.append(1, make_record(100))
    assert position.offset == 3
    assert position.time > records[-1].time
    assert [event.time for event in (await stored(ledger))[1]] == [
        *(record.time for record in records[:3]),
        position.time,
    ]
    await ledger.close()


async def test_an_unfinished_copy_is_no_ledger(new_place: Place, records: list[Copied]) -> None:
    place = new_place()
    async with copy_target(place, 2) as target:
        await target.write(1, records)
    for read_only in (True, False):
        with pytest.raises(LedgerRefused, match="a copy of a ledger that is not finished: go on with"):
            await open_ledger(place, read_only=read_only)
    with pytest.raises(LedgerRefused, match="not finished"):
        async with copy_source(place):
            pass


async def test_a_copy_goes_on_where_it_was_left(new_place: Place, records: list[Copied]) -> None:
    place = new_place()
    for start in range(0, 40, 10):
        async with copy_target(place, 2) as target:
            assert await target.end(1) == start
            assert await target.last(1) == (records[start - 1] if start else None)
            await target.write(1, records[start : start + 10])
    async with copy_target(place, 2) as target:
        await target.finish()
        with pytest.raises(LedgerRefused, match="is finished"):
            await target.write(1, records)
    assert await copied(place, 1) == records


async def test_partitions_are_written_at_a_time(new_place: Place, records: list[Copied]) -> None:
    place = new_place()
    async with copy_target(place, 4) as target:
        await asyncio.gather(*(target.write(number, records[number:]) for number in range(4)))
        await target.finish()
    assert [await copied(place, number) for number in range(4)] == [records[number:] for number in range(4)]


async def test_nothing_is_copied_into_a_ledger(new_place: Place, records: list[Copied]) -> None:
    place = await make(new_place(), records)
    with pytest.raises(LedgerRefused, match="is a ledger already, so nothing is copied into it"):
        async with copy_target(place, 1):
            pass
    assert await copied(place) == records


async def test_a_copy_keeps_its_number_of_partitions(new_place: Place) -> None:
    place = new_place()
    async with copy_target(place, 2):
        pass
    with pytest.raises(LedgerRefused, match=r"2 partitions, not 3"):
        async with copy_target(place, 3):
            pass


@pytest.mark.parametrize("time", [1, 4_000_000_000_000_000_001])
async def test_times_may_be_any(new_place: Place, records: list[Copied], time: int) -> None:
    """A clock may have been wrong when the original was written."""
    wrong = [Copied(time, record.body) for record in records]
    assert await copied(await make(new_place(), wrong)) == wrong


async def test_what_is_no_record_is_not_written(new_place: Place, records: list[Copied]) -> None:
    async with copy_target(new_place(), 1) as target:
        for body in (b"", b"\0\0\0\0\1", b"\1" + records[0].body):
            with pytest.raises(ValueError, match="does not begin as one does"):
                await target.write(0, [records[0], Copied(BEGIN, body)])
        assert await target.end(0) == 0


async def test_nothing_is_copied_over_other_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(LedgerRefused, match="is not empty"):
        async with copy_target(tmp_path, 1):
            pass


async def test_a_directory_is_copied_into_by_one_at_a_time(tmp_path: Path) -> None:
    async with copy_target(tmp_path / "copy", 1):
        with pytest.raises(LedgerRefused, match="in use by process"):
            async with copy_target(tmp_path / "copy", 1):
                pass


async def test_a_ledger_is_copied_while_it_is_written(
    new_place: Place, on_disk: Place, make_record: RecordFactory
) -> None:
    place = on_disk()
    ledger = await open_ledger(place)
    async with copy_source(place) as source:
        for number in range(5):
            position = await ledger.append(0, make_record(number))
            assert await source.end(0) == number + 1
            last = [record async for batch in source.read(0, number) for record in batch]
            assert last == [Copied(position.time, encode(make_record(number)))]
    await ledger.close()


async def test_a_damaged_record_is_named_and_not_copied(on_disk: Place, records: list[Copied]) -> None:
    place = await make(on_disk(), records)
    segment = Path(place) / "0" / f"{0:020d}.segment"
    data = bytearray(segment.read_bytes())
    data[data.index(records[5].body) + 40] ^= 1
    segment.write_bytes(data)
    async with copy_source(place) as source:
        batches = source.read(0)
        assert await anext(batches) == records[:5]
        with pytest.raises(LedgerCorrupt, match="offset 5"):
            await anext(batches)


async def test_a_topic_that_somebody_else_writes_is_given_up(on_kafka: Place, records: list[Copied]) -> None:
    place = on_kafka()

    async def interfere(target: CopyTarget) -> None:
        brokers, _, topic = place.removeprefix("kafka://").partition("/")
        await target.write(0, records[:2])
        async with AIOKafkaProducer(bootstrap_servers=brokers) as other:
            await other.send_and_wait(topic, records[2].body, partition=0)

    async with copy_target(place, 1) as target:
        await interfere(target)
        for _ in range(2):
            with pytest.raises(LedgerRefused, match="partition 0 was to go on at offset 2, and went on at 3"):
                await target.write(0, records[2:])
        with pytest.raises(LedgerRefused, match="delete the topic and begin again"):
            await target.finish()


async def test_a_topic_with_a_hole_is_not_copied(
    kafka_broker: KafkaBroker, on_kafka: Place, records: list[Copied]
) -> None:
    place = await make(on_kafka(), records)
    topic = place.rpartition("/")[2]
    async with copy_source(place) as source:
        await delete_before(kafka_broker.bootstrap, topic, 7)
        with pytest.raises(LedgerCorrupt, match="offset 0: it is not there; the next one has offset 7"):
            _ = [batch async for batch in source.read(0)]


async def delete_before(bootstrap: str, topic: str, offset: int) -> None:
    async with asyncio.timeout(30):
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=offset)})
        await admin.close()
