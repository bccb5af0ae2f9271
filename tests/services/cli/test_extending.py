"""Adding partitions to a ledger: interrupted anywhere, done twice at once, asked for what cannot be."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from colonyledger.record import RecordKind
from msgspec.structs import replace

from projections.digest import state_digest
from projections.epochs import Closed
from projections.event import Event
from projections.ids import home_of, tag_of
from projections.state import State
from projections.system import Checkpointed
from services.cli.extending import Extended, extend
from services.cli.verification import BadRecord, verify
from services.ledger import LedgerRefused, kafka_settings, open_ledger
from services.ledger.codec import encode
from services.ledger.copying import Copied, copy_target
from services.ledger.kafka.alone import alone
from services.snapshots.loading import origin_of
from tests.kafka_broker import KafkaBroker
from tests.ledgers import stored
from tests.projections.world import World, refold
from tests.servers import COLONY, clean_environment

OLD, NEW = 2, 4
COLONIES = [f"colony-{number}" for number in range(9)]

Place = Callable[[], str]


@pytest.fixture
def on_disk(tmp_path: Path) -> Place:
    return lambda: str(tmp_path / uuid4().hex)


@pytest.fixture(params=["embedded", "kafka"])
def place(request: pytest.FixtureRequest, on_disk: Place) -> Place:
    """Names places of one kind where nothing is yet."""
    if request.param == "embedded":
        return on_disk
    broker: KafkaBroker = request.getfixturevalue("kafka_broker")
    return lambda: f"kafka://{broker.bootstrap}/{uuid4().hex}"


def worlds(names: Sequence[str] = COLONIES) -> list[World]:
    """Two partitions with colonies that have work."""
    made = [World() for _ in range(OLD)]
    for partition, world in enumerate(made):
        world.events, world.state, world.partition = [], State(), partition
        world.append(World().events[0].record)
    for name in names:
        world = made[home_of(tag_of(name), OLD)]
        world.colony(name)
        edge = world.executor(f"{name}-edge", colony=name)
        for _ in range(20):
            world.submit(colony=name, maxwaittime=3600)
        world.close(edge, world.assign(edge, name), "out")
        world.advance(1)
        claim = Checkpointed(offset=len(world.events), digest=state_digest(world.state))
        world.system(claim)
    return made


async def kept(place: str, made: Sequence[World]) -> str:
    """A ledger of these partitions."""
    await write(place, [world.events for world in made])
    return place


async def write(place: str, partitions: Sequence[Sequence[Event]], *, finish: bool = True) -> None:
    async with copy_target(place, len(partitions)) as target:
        for number, events in enumerate(partitions):
            await target.write(number, [Copied(event.time, encode(event.record)) for event in events])
        if finish:
            await target.finish()


def first_in(world: World) -> list[Event]:
    """The records of a partition as the next ledger has them."""
    return [replace(each, record=replace(each.record, origin=each.partition)) for each in world.events]


async def events_of(place: str) -> list[list[Event]]:
    ledger = await open_ledger(place, read_only=True)
    try:
        return await stored(ledger)
    finally:
        await ledger.close()


async def extended(old: str, new: str, partitions: int = NEW) -> list[Extended]:
    return await extend(old, new, partitions, lambda _: None, lambda _, __: None)


def goes_on(old: Sequence[Sequence[Event]], new: Sequence[Sequence[Event]]) -> None:
    """Each new partition has every record of the old one, at its place and time, and then its epoch."""
    for partition, events in enumerate(new):
        former = old[partition % len(old)]
        assert former[-1].record.payloadtype == "ledgerclosed"
        assert len(events) == len(former) + 1
        for event, copied in zip(former, events, strict=False):
            record = event.record
            assert (copied.offset, copied.time) == (event.offset, event.time)
            assert copied.record.payload == record.payload
            assert copied.record.signature == record.signature
            assert copied.record.origin == (event.partition if record.origin < 0 else record.origin)
        assert (events[-1].record.payloadtype, events[-1].record.origin) == ("ledgerepoch", -1)
        assert events[-1].time >= events[-2].time


class Cut(Exception):
    """The command was interrupted."""


async def test_what_was_interrupted_goes_on(place: Place) -> None:
    made = worlds()
    old, new = await kept(place(), made), place()

    async def until(step: int) -> list[Extended]:
        steps = count(1)

        def cut(*_: object) -> None:
            if next(steps) == step:
                raise Cut

        return await extend(old, new, NEW, cut, cut)

    for step in count(1):
        try:
            done = await until(step)
            break
        except Cut:
            continue
    assert step > 6
    goes_on(await events_of(old), await events_of(new))
    digests = [state_digest(refold(events)) for events in await events_of(old)]
    assert [each.digest for each in done] == [digests[each.former] for each in done]
    assert sum(each.colonies for each in done) == len(COLONIES)
    assert await extended(old, new) == done
    goes_on(await events_of(old), await events_of(new))
    ledger = await open_ledger(new, read_only=True)
    assert [each.records for each in await verify(ledger)] == [each.records + 1 for each in done]
    await ledger.close()


def kill_at(stage: str, command: list[str]) -> None:
    """Run a command until it says what it begins to do."""
    with subprocess.Popen(command, env=clean_environment(), stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert any(line.startswith(stage) for line in running.stderr)
        running.send_signal(signal.SIGKILL)


async def test_a_killed_command_can_be_run_again(on_disk: Place) -> None:
    old, new = await kept(on_disk(), worlds()), on_disk()
    command = [str(COLONY), "ledger", "extend", "--from", old, "--to", new, "--partitions", str(NEW)]
    for stage in ("Copying", "Closing", "Comparing"):
        await asyncio.to_thread(kill_at, stage, command)
    await extended(old, new)
    goes_on(await events_of(old), await events_of(new))


async def test_a_ledger_goes_on_twice(place: Place) -> None:
    made = worlds()
    first, second, third = await kept(place(), made), place(), place()
    await extended(first, second)
    ledger = await open_ledger(second)
    await ledger.append(3, made[1].events[0].record)
    await ledger.close()
    done = await extended(second, third, 2 * NEW)
    states = [refold(events) for events in await events_of(third)]
    for world in made:
        for name, colony in world.state.colonies.items():
            found = states[home_of(colony.tag, 2 * NEW)].colonies[name]
            assert list(found.processes.by_id) == list(colony.processes.by_id)
    assert sum(len(state.colonies) for state in states) == len(COLONIES)
    assert [each.colonies for each in done] == [len(state.colonies) for state in states]
    new = await events_of(third)
    assert {event.record.origin for event in new[7]} == {1, 3, -1}
    goes_on(await events_of(second), new)


async def test_a_ledger_in_files_may_go_on_on_kafka(on_disk: Place, kafka_broker: KafkaBroker) -> None:
    old, new = await kept(on_disk(), worlds()), f"kafka://{kafka_broker.bootstrap}/{uuid4().hex}"
    assert sum(each.colonies for each in await extended(old, new)) == len(COLONIES)
    goes_on(await events_of(old), await events_of(new))


async def test_what_claims_to_be_copied_comes_first(on_disk: Place) -> None:
    """Nobody hides a record from the history by saying that it is told elsewhere."""
    old, new = await kept(on_disk(), worlds()), on_disk()
    await extended(old, new)
    ledger = await open_ledger(new)
    await ledger.append(2, replace(worlds()[0].events[-1].record, origin=0))
    with pytest.raises(BadRecord, match=r"partition 2, .*: it says that it was copied, and comes after one"):
        await verify(ledger)
    await ledger.close()


async def test_snapshots_of_one_ledger_are_not_taken_for_those_of_the_next(on_disk: Place) -> None:
    old, new = await kept(on_disk(), worlds()), on_disk()
    await extended(old, new)
    first, second = await open_ledger(old, read_only=True), await open_ledger(new, read_only=True)
    assert await origin_of(first, 0) != await origin_of(second, 0)
    await first.close()
    await second.close()


async def test_two_at_once_are_not_let(place: Place) -> None:
    old, new = await kept(place(), worlds()), place()
    if "://" in old:
        async with alone(kafka_settings(old), "extend"):
            with pytest.raises(LedgerRefused, match="somebody else has extend under way"):
                await extended(old, place())
    else:
        async with copy_target(new, NEW):
            with pytest.raises(LedgerRefused, match="already in use by process"):
                await extended(old, new)
    await extended(old, new)


@pytest.mark.parametrize("partitions", [1, 2, 3, 5])
async def test_only_a_multiple_will_do(on_disk: Place, partitions: int) -> None:
    old = await kept(on_disk(), worlds())
    with pytest.raises(
        LedgerRefused, match="has 2 partitions: the new one needs a multiple of that, such as 4"
    ):
        await extended(old, on_disk(), partitions)


async def test_a_ledger_does_not_go_on_in_itself(on_disk: Place) -> None:
    old = await kept(on_disk(), worlds())
    with pytest.raises(LedgerRefused, match="another place"):
        await extended(old, f"{old}/.")


async def test_a_ledger_in_files_that_is_written_is_copied_and_not_closed(on_disk: Place) -> None:
    old, new = await kept(on_disk(), worlds()), on_disk()
    server = await open_ledger(old)
    with pytest.raises(LedgerRefused, match=r"in use by process .*: stop that server and do this again"):
        await extended(old, new)
    last = worlds()[0].events[-1].record
    await server.append(0, last)
    await server.close()
    await extended(old, new)
    goes_on(await events_of(old), await events_of(new))


async def test_what_is_there_already_is_left_alone(on_disk: Place) -> None:
    made = worlds()
    old, other = await kept(on_disk(), made), on_disk()
    empty: list[Event] = []
    await write(other, [made[1].events, empty, empty, empty])
    with pytest.raises(LedgerRefused, match=r"is no copy of it\. Name another place"):
        await extended(old, other)
    with pytest.raises(LedgerRefused, match="is there with 4 partitions, not 8"):
        await extended(old, other, 8)
    begun = on_disk()
    await write(begun, [made[1].events[:5], empty, empty, empty], finish=False)
    with pytest.raises(LedgerRefused, match="was begun as a copy of something else"):
        await extended(old, begun)
    longer = on_disk()
    many = [*made[0].events, *made[0].events, *made[0].events]
    await write(longer, [many, empty, empty, empty], finish=False)
    with pytest.raises(LedgerRefused, match="was begun as a copy of something else"):
        await extended(old, longer)
    assert all(events[-1].record.payloadtype != "ledgerclosed" for events in await events_of(old))


async def test_a_copy_that_has_not_begun_is_not_extended(on_disk: Place) -> None:
    made, second = worlds(), on_disk()
    for world in made:
        world.append(world.record(world.node, Closed(successor=second), RecordKind.SYSTEM))
    await write(second, [first_in(made[number % OLD]) for number in range(NEW)])
    with pytest.raises(LedgerRefused, match="has not begun to: finish the command that made it"):
        await extended(second, on_disk(), 2 * NEW)
    assert [len(events) for events in await events_of(second)] == [
        len(made[n % OLD].events) for n in range(NEW)
    ]


async def test_a_ledger_that_goes_on_elsewhere_is_not_closed_again(on_disk: Place) -> None:
    made = worlds()
    for world in made:
        world.append(world.record(world.node, Closed(successor="/there"), RecordKind.SYSTEM))
    old = await kept(on_disk(), made)
    with pytest.raises(LedgerRefused, match="is closed already and goes on as /there: name that as the new"):
        await extended(old, on_disk())


async def test_a_copy_that_is_not_one_does_not_go_on(on_disk: Place) -> None:
    made, new = worlds(), on_disk()
    for world in made:
        world.append(world.record(world.node, Closed(successor=new), RecordKind.SYSTEM))
    old = await kept(on_disk(), made)
    wrong = [first_in(made[number % OLD]) for number in range(NEW)]
    wrong[3] = [*wrong[3][:30], *wrong[3][31:]]
    await write(new, wrong)
    with pytest.raises(
        LedgerRefused, match=r"partition 3 of .* does not come to what partition 1 of .* does"
    ):
        await extended(old, new)
    assert all(events[-1].record.payloadtype == "ledgerclosed" for events in await events_of(new))
