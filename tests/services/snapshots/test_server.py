"""A server has snapshots made beside it, says what they come to, and starts from the newest that is whole."""

from __future__ import annotations

import asyncio
import re
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from colonyledger.identity import Identity, digest_of
from colonyledger.record import Record, RecordKind
from colonyledger.wire import GetProcess, Process, encode, payloadtype_of

from projections.digest import state_digest
from projections.fold import apply
from projections.state import State
from projections.system import Checkpointed
from services.ledger import Ledger, open_ledger
from services.snapshots.base import SnapshotStore
from services.snapshots.making import checkpoints
from services.snapshots.opening import open_store
from tests.conftest import StartServer
from tests.kafka_broker import KafkaBroker
from tests.servers import Server
from tests.services.site import Refused, Site, counted, eventually

STARTS_FROM = re.compile(r"partition 0 starts from the snapshot at offset (\d+)$")
LIE = "1" * 64


async def digests(ledger: Ledger, *positions: int) -> list[str]:
    """What the records before each position come to."""
    state, found = State(), []
    async for events in ledger.read(0):
        for event in events:
            if event.offset in positions:
                found.append(state_digest(state))
            apply(state, event)
    return found


async def until_made(site: Site, number: int) -> None:
    """Wait until the server has made so many snapshots and has said so in the ledger."""

    async def are_made() -> bool:
        return await counted(site.http, "colonyledger_snapshots_made_total") >= number

    await eventually(are_made)


async def busy(site: Site, number: int) -> list[Process]:
    return list(await asyncio.gather(*(site.submit() for _ in range(number))))


@asynccontextmanager
async def beside(site: Site, server: Server) -> AsyncIterator[Site]:
    """The same colony, after the server was started again."""
    again = site.beside(server)
    try:
        yield again
    finally:
        await again.leave()


def ours(server: Server) -> SnapshotStore:
    return open_store(str(server.directory / "snapshots"))


def start_again(server: Server) -> int | None:
    """Start it and say which snapshot it starts from."""
    server.start()
    found = [each for each in map(STARTS_FROM.search, server.lines) if each]
    return int(found[0][1]) if found else None


@pytest.mark.parametrize("where", ["directory", "s3"])
async def test_it_starts_from_what_it_has_made(
    start_server: StartServer, request: pytest.FixtureRequest, where: str
) -> None:
    variables = {"LEDGER_SNAPSHOT_RECORDS": "100"}
    if where == "s3":
        variables["LEDGER_SNAPSHOTS"] = request.getfixturevalue("bucket")
    server = await asyncio.to_thread(start_server, "--dev", **variables)
    async with Site(server) as site:
        worker = await site.executor()
        processes = await busy(site, 120)
        await until_made(site, 1)
        taken = await site.assign(worker)
        await busy(site, 80)
        await until_made(site, 2)
    assert await asyncio.to_thread(server.stop) == 0
    assert await asyncio.to_thread(start_again, server) == 200
    async with beside(site, server) as again:
        left = [each for each in processes if each.processid != taken.processid]
        assert [await again.get(each) for each in left] == left
        assert await again.get(taken) == taken
        await again.close(worker, taken, 1)
        await busy(again, 3)
    assert await asyncio.to_thread(server.stop) == 0
    ledger = await open_ledger(server.directory / "ledger", read_only=True)
    try:
        said = {claim.offset: claim.digest for claim, _ in await checkpoints(ledger, 0)}
        assert [said[100], said[200]] == await digests(ledger, 100, 200)
    finally:
        await ledger.close()


async def test_a_damaged_or_missing_snapshot_loses_nothing(start_server: StartServer) -> None:
    server = await asyncio.to_thread(start_server, "--dev", LEDGER_SNAPSHOT_RECORDS="100")
    async with Site(server) as site:
        processes = await busy(site, 110)
        await until_made(site, 1)
        processes += await busy(site, 100)
        await until_made(site, 2)
        await asyncio.to_thread(server.kill)
        store = ours(server)
        newest, older = (Path(store.place) / each.name.path for each in store.list(0))
        data = bytearray(newest.read_bytes())
        data[-300] ^= 1
        newest.write_bytes(data)
        assert await asyncio.to_thread(start_again, server) == 100
        assert any("is damaged" in line for line in server.lines)
        async with beside(site, server) as again:
            assert [await again.get(each) for each in processes] == processes
        await asyncio.to_thread(server.kill)
        older.write_bytes(b"")
        assert await asyncio.to_thread(start_again, server) is None
        async with beside(site, server) as again:
            assert [await again.get(each) for each in processes] == processes


def checkpoint(offset: int, digest: str) -> Record:
    """What another node says of the records before an offset."""
    node, message = Identity.generate(), Checkpointed(offset=offset, digest=digest)
    payload = b64encode(encode(message))
    signed = digest_of(payload)
    return Record(
        RecordKind.SYSTEM,
        payloadtype_of(message),
        signed,
        node.sign_digest(signed),
        node.id,
        time.time_ns(),
        "n",
        0,
        1,
        payload,
    )


async def append(directory: Path, record: Record) -> None:
    """Append to the ledger of a server that does not run, as another node would."""
    ledger = await open_ledger(directory / "ledger")
    await ledger.append(0, record)
    await ledger.close()


async def test_a_node_that_comes_to_something_else_stops_and_says_so(start_server: StartServer) -> None:
    server = await asyncio.to_thread(start_server, "--dev", LEDGER_SNAPSHOT_RECORDS="100")
    async with Site(server) as site:
        process, *_ = await busy(site, 110)
        await until_made(site, 1)
        assert await asyncio.to_thread(server.stop) == 0
        [stored] = ours(server).list(0)
        assert stored.name.position == 100
        await append(server.directory, checkpoint(100, LIE))
        await asyncio.to_thread(server.start, until_ready=False)

        async def is_faulty() -> bool:
            return (await asyncio.to_thread(server.health))[1]["status"] == "faulty"

        async with beside(site, server) as again:
            await eventually(is_faulty)
            status, said = await asyncio.to_thread(server.health)
            assert status == 503
            for word in ("partition 0", "before offset 100", LIE, stored.name.digest, "evidence"):
                assert word in str(said["reason"])
            assert (await again.refused(again.user, GetProcess(processid=process.processid)))[0] == 503
            with pytest.raises(Refused, match="503"):
                await again.submit()
    kept = open_store(str(server.directory / "snapshots" / "evidence"))
    assert [each.name for each in kept.list(0)] == [stored.name]


async def test_a_place_that_cannot_be_used_is_no_harm(start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = await asyncio.to_thread(
        start_server, "--dev", LEDGER_SNAPSHOT_RECORDS="100", LEDGER_SNAPSHOTS=str(tmp_path / "file")
    )
    async with Site(server) as site:
        await busy(site, 110)

        async def has_failed() -> bool:
            return await counted(site.http, "colonyledger_snapshots_failed_total") == 1

        await eventually(has_failed)
        await busy(site, 3)
    assert any("no snapshot was made" in line for line in server.lines)


async def test_none_are_made_if_none_are_wanted(start_server: StartServer) -> None:
    server = await asyncio.to_thread(start_server, "--dev", LEDGER_SNAPSHOT_RECORDS="0")
    async with Site(server) as site:
        await busy(site, 210)
    assert await asyncio.to_thread(server.stop) == 0
    assert ours(server).list() == []


async def test_on_kafka_another_node_starts_from_them(
    start_server: StartServer, kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    """Two nodes share the place of snapshots: what one has made, the other starts from."""
    flags = ("--dev", "--ledger", f"kafka://{kafka_broker.bootstrap}/{uuid4().hex}")
    variables = {"LEDGER_SNAPSHOT_RECORDS": "100", "LEDGER_SNAPSHOTS": str(tmp_path / "shared")}
    server = await asyncio.to_thread(start_server, *flags, **variables)
    async with Site(server) as site:
        processes = await busy(site, 130)
        await until_made(site, 1)
        second = await asyncio.to_thread(start_server, *flags, **variables)
        assert any("starts from the snapshot at offset 100" in line for line in second.lines)
        async with beside(site, second) as other:
            assert [await other.get(each) for each in processes] == processes
