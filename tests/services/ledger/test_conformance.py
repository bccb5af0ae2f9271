"""What every ledger does, whichever it is."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import cast

import pytest
from colonyledger.record import Record

from services.ledger import CodecError, Ledger, LedgerUnavailable, Position
from tests.services.ledger.conftest import Collector, Opener, RecordFactory, end_follower


async def append_all(ledger: Ledger, records: Iterable[Record], partition: int = 0) -> list[Position]:
    return await asyncio.gather(*(ledger.append(partition, record) for record in records))


async def test_a_new_ledger_is_empty(ledger: Ledger, collect: Collector) -> None:
    assert ledger.partitions == 2
    assert ledger.fault is None
    for partition in range(ledger.partitions):
        assert await ledger.end(partition) == 0
        assert await collect(ledger.read(partition)) == []


async def test_offsets_are_dense_from_zero_in_the_order_of_the_calls(
    ledger: Ledger, make_record: RecordFactory, collect: Collector
) -> None:
    records = [make_record(number) for number in range(500)]
    positions = await append_all(ledger, records)
    assert [position.offset for position in positions] == list(range(500))
    assert {position.partition for position in positions} == {0}
    events = await collect(ledger.read(0))
    assert [event.record for event in events] == records
    assert [Position(event.partition, event.offset, event.time) for event in events] == positions


async def test_appends_one_after_the_other_continue_the_numbers(
    ledger: Ledger, make_record: RecordFactory
) -> None:
    for number in range(20):
        position = await ledger.append(0, make_record(number))
        assert position.offset == number
        assert await ledger.end(0) == number + 1


async def test_times_never_run_backwards_and_are_of_this_century(
    ledger: Ledger, make_record: RecordFactory, collect: Collector
) -> None:
    for start in range(0, 50, 5):
        await append_all(ledger, [make_record(number) for number in range(start, start + 5)])
    times = [event.time for event in await collect(ledger.read(0))]
    assert times == sorted(times)
    assert 1_700_000_000_000_000_000 < times[0] < 4_000_000_000_000_000_000


@pytest.mark.parametrize("offset", [0, 1, 7, 99, 100])
async def test_read_starts_at_any_offset(
    ledger: Ledger, make_record: RecordFactory, collect: Collector, offset: int
) -> None:
    await append_all(ledger, [make_record(number) for number in range(100)])
    assert [event.offset for event in await collect(ledger.read(0, offset))] == list(range(offset, 100))


async def test_read_past_the_end_gives_nothing(
    ledger: Ledger, make_record: RecordFactory, collect: Collector
) -> None:
    await append_all(ledger, [make_record(0)])
    assert await collect(ledger.read(0, 1000)) == []


async def test_read_ends_at_the_end_though_more_is_appended(
    ledger: Ledger, make_record: RecordFactory, collect: Collector
) -> None:
    await append_all(ledger, [make_record(number) for number in range(10)])
    batches = ledger.read(0)
    events = list(await anext(batches))
    await append_all(ledger, [make_record(number) for number in range(10, 20)])
    events += await collect(batches)
    assert [event.offset for event in events] == list(range(10))


async def test_events_come_without_a_decoded_message(
    ledger: Ledger, make_record: RecordFactory, collect: Collector
) -> None:
    follower = ledger.follow(0)
    await append_all(ledger, [make_record(0)])
    assert [event.message for event in await collect(follower, 1)] == [None]
    assert [event.message for event in await collect(ledger.read(0))] == [None]
    await end_follower(follower)


async def test_partitions_are_independent(
    ledger: Ledger, make_record: RecordFactory, collect: Collector
) -> None:
    first = [make_record(number) for number in range(10)]
    second = [make_record(number) for number in range(100, 105)]
    appends = [ledger.append(0, record) for record in first[:5]]
    appends += [ledger.append(1, record) for record in second]
    appends += [ledger.append(0, record) for record in first[5:]]
    await asyncio.gather(*appends)
    assert [event.record for event in await collect(ledger.read(0))] == first
    assert [event.record for event in await collect(ledger.read(1))] == second
    assert [await ledger.end(0), await ledger.end(1)] == [10, 5]
    assert {event.partition for event in await collect(ledger.read(1))} == {1}


async def test_follow_gives_what_was_and_what_comes(
    ledger: Ledger, make_record: RecordFactory, collect: Collector
) -> None:
    await append_all(ledger, [make_record(number) for number in range(50)])
    follower = ledger.follow(0, 20)
    events = await collect(follower, 30)
    for number in range(50, 70):
        await ledger.append(0, make_record(number))
        events += await collect(follower, 1)
    assert [event.offset for event in events] == list(range(20, 70))
    assert [event.record.sequence for event in events] == list(range(20, 70))
    await end_follower(follower)


async def test_a_follower_that_waits_is_woken(
    ledger: Ledger, make_record: RecordFactory, collect: Collector
) -> None:
    follower = ledger.follow(0)
    waiting = asyncio.create_task(collect(follower, 1))
    position = await ledger.append(0, make_record(1))
    (event,) = await waiting
    assert (event.offset, event.time) == (position.offset, position.time)
    await end_follower(follower)


async def test_followers_do_not_disturb_each_other(
    ledger: Ledger, make_record: RecordFactory, collect: Collector
) -> None:
    followers = [ledger.follow(0, start) for start in (0, 10, 250)]
    slow = ledger.follow(0)
    assert (await asyncio.gather(append_all(ledger, [make_record(0)]), collect(slow, 1)))[1][0].offset == 0
    tasks = [
        asyncio.create_task(collect(follower, 300 - start))
        for follower, start in zip(followers, (0, 10, 250), strict=True)
    ]
    for start in range(1, 300, 13):
        await append_all(ledger, [make_record(number) for number in range(start, min(start + 13, 300))])
    for task, start in zip(tasks, (0, 10, 250), strict=True):
        assert [event.offset for event in await task] == list(range(start, 300))
    assert [event.offset for event in await collect(slow, 299)] == list(range(1, 300))
    for follower in [*followers, slow]:
        await end_follower(follower)


async def test_an_abandoned_follower_leaves_the_ledger_working(
    ledger: Ledger, make_record: RecordFactory, collect: Collector
) -> None:
    waiting = asyncio.create_task(collect(ledger.follow(0), 1))
    await ledger.append(1, make_record(0))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await append_all(ledger, [make_record(number) for number in range(5)])
    assert len(await collect(ledger.read(0))) == 5


async def test_many_appenders_at_once(ledger: Ledger, make_record: RecordFactory, collect: Collector) -> None:
    acknowledged: dict[int, int] = {}

    async def appender(task: int) -> None:
        for number in range(20):
            position = await ledger.append(0, make_record(task * 1000 + number))
            acknowledged[position.offset] = task * 1000 + number

    await asyncio.gather(*(appender(task) for task in range(50)))
    assert sorted(acknowledged) == list(range(1000))
    events = await collect(ledger.read(0))
    assert {event.offset: event.record.sequence for event in events} == acknowledged
    by_task: defaultdict[int, list[int]] = defaultdict(list)
    for event in events:
        by_task[event.record.sequence // 1000].append(event.record.sequence % 1000)
    assert all(numbers == list(range(20)) for numbers in by_task.values())


async def test_a_caller_that_gives_up_changes_nothing_for_others(
    ledger: Ledger, make_record: RecordFactory, collect: Collector
) -> None:
    appends = [ledger.append(0, make_record(number)) for number in range(3)]
    appends[1].cancel()
    done = await asyncio.gather(*appends, return_exceptions=True)
    assert isinstance(done[1], asyncio.CancelledError)
    sequences = [event.record.sequence for event in await collect(ledger.read(0))]
    assert sequences in ([0, 1, 2], [0, 2])
    assert sequences[cast("Position", done[2]).offset] == 2


@pytest.mark.parametrize("size", [1, 1000, 300_000, 1_048_576, 20 * 1_048_576])
async def test_records_of_any_size(
    ledger: Ledger, make_record: RecordFactory, collect: Collector, size: int
) -> None:
    follower = ledger.follow(0)
    records = [make_record(1), make_record(2, size), make_record(3)]
    await append_all(ledger, records)
    assert [event.record for event in await collect(ledger.read(0))] == records
    assert [event.record for event in await collect(follower, 3)] == records
    assert [event.record for event in await collect(ledger.read(0, 2))] == records[2:]
    await end_follower(follower)


async def test_a_record_that_does_not_fit_the_schema_is_refused(
    ledger: Ledger, make_record: RecordFactory
) -> None:
    record = make_record(1)
    record.digest = b"short"
    with pytest.raises(CodecError, match="does not fit its schema"):
        ledger.append(0, record)
    with pytest.raises(CodecError, match="bytes, more than"):
        ledger.append(0, make_record(1, 64 * 1024 * 1024))
    assert await ledger.end(0) == 0


@pytest.mark.parametrize("partition", [-1, 2])
async def test_there_are_no_other_partitions(
    ledger: Ledger, make_record: RecordFactory, partition: int
) -> None:
    with pytest.raises(ValueError, match="no partition"):
        ledger.append(partition, make_record(1))
    with pytest.raises(ValueError, match="no partition"):
        ledger.read(partition)
    with pytest.raises(ValueError, match="no partition"):
        ledger.follow(partition)
    with pytest.raises(ValueError, match="no partition"):
        await ledger.end(partition)


async def test_close_waits_for_appends(
    open_again: Opener, make_record: RecordFactory, collect: Collector
) -> None:
    ledger = await open_again()
    appends = [ledger.append(0, make_record(number)) for number in range(100)]
    await ledger.close()
    assert [(await append).offset for append in appends] == list(range(100))
    again = await open_again()
    assert len(await collect(again.read(0))) == 100


async def test_close_ends_followers_and_may_be_called_twice(
    ledger: Ledger, make_record: RecordFactory, collect: Collector
) -> None:
    await ledger.append(0, make_record(0))
    waiting = asyncio.create_task(collect(ledger.follow(0), None))
    idle = ledger.follow(0)
    assert len(await collect(idle, 1)) == 1
    await asyncio.gather(ledger.close(), ledger.close())
    await ledger.close()
    assert len(await waiting) <= 1
    assert await collect(idle) == []


async def test_a_closed_ledger_says_so(
    ledger: Ledger, make_record: RecordFactory, collect: Collector
) -> None:
    await ledger.close()
    assert ledger.fault is not None
    assert "closed" in ledger.fault
    with pytest.raises(LedgerUnavailable, match="closed"):
        await ledger.append(0, make_record(1))
    with pytest.raises(LedgerUnavailable, match="closed"):
        await ledger.end(0)
    with pytest.raises(LedgerUnavailable, match="closed"):
        await collect(ledger.read(0))
    assert await collect(ledger.follow(0)) == []


async def test_opened_again_it_has_the_same_records_and_goes_on(
    open_again: Opener, make_record: RecordFactory, collect: Collector
) -> None:
    ledger = await open_again()
    await append_all(ledger, [make_record(number) for number in range(30)])
    before = await collect(ledger.read(0))
    await ledger.close()
    for count in (30, 31):
        ledger = await open_again()
        assert await ledger.end(0) == count
        assert (await collect(ledger.read(0)))[:30] == before
        position = await ledger.append(0, make_record(count))
        assert position.offset == count
        assert position.time >= before[-1].time
        await ledger.close()
