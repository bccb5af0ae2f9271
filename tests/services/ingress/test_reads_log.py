"""Every signed request is on record: what changed nothing is in the reads log (architecture, Words)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from colonyledger.identity import Identity, digest_of, recover
from colonyledger.record import Record, RecordKind
from colonyledger.wire import (
    AddColony,
    AssignProcess,
    CancelProcess,
    Colony,
    GetColony,
    Message,
    encode,
    payloadtype_of,
    signed,
)

from services.ingress.recorder import MAX_NOTED_BYTES
from services.ledger import Ledger, LedgerRefused, LogKind, open_ledger
from tests.conftest import StartServer
from tests.ledgers import stored
from tests.servers import Server
from tests.services.site import Site, error_in, eventually


@asynccontextmanager
async def reading(place: str, kind: LogKind) -> AsyncIterator[Ledger]:
    """A log of a server that runs."""
    log = await open_ledger(place, kind=kind, read_only=True)
    try:
        yield log
    finally:
        await log.close()


async def signed_by(who: Identity, log: Ledger) -> list[Record]:
    """What somebody has signed, in the order of the server, which numbers it through all partitions."""
    records = [event.record for events in await stored(log) for event in events]
    return sorted((each for each in records if each.identity == who.id), key=lambda each: each.sequence)


async def appended(who: Identity, server: Server) -> list[Record]:
    """What is in the ledger of somebody."""
    async with reading(server.ledger, LogKind.LEDGER) as ledger:
        return await signed_by(who, ledger)


async def noted(who: Identity, server: Server, number: int) -> list[Record]:
    """The first entries of somebody in the reads log, which is written in the background."""
    async with reading(server.reads, LogKind.READS) as reads:

        async def are_there() -> bool:
            return len(await signed_by(who, reads)) >= number

        await eventually(are_there)
        found = await signed_by(who, reads)
    assert len(found) == number
    return found


def payload_of(message: Message[Any]) -> bytes:
    return b64encode(encode(message))


async def test_queries_empty_polls_and_refusals(site: Site, server: Server) -> None:
    worker = await site.executor()
    messages: list[Message[Any]] = [
        GetColony(colonyname=site.name),
        AssignProcess(colonyname=site.name, timeout=-1),
        CancelProcess(processid="0" * 64),
        AddColony(colony=Colony(worker.identity.id, "mine")),
    ]
    statuses = [(await site.post(signed(message, worker.identity))).status_code for message in messages]
    assert statuses == [200, 404, 500, 403]
    found = await noted(worker.identity, server, 4)
    assert [record.payload for record in found] == [payload_of(message) for message in messages]
    assert [record.payloadtype for record in found] == [payloadtype_of(message) for message in messages]
    for record in found:
        assert record.kind is RecordKind.RPC
        assert record.digest == digest_of(record.payload)
        assert recover(record.digest, record.signature) == record.identity
        assert record.arrived > 0
    assert len({(record.node, record.sequence) for record in found}) == 4
    assert await appended(worker.identity, server) == []


async def test_strangers_are_on_record_whatever_they_ask(site: Site, server: Server) -> None:
    stranger = Identity.generate()
    await site.post(signed(GetColony(colonyname=site.name), stranger))
    await site.post(signed(AddColony(colony=Colony(stranger.id, "mine")), stranger))
    payload = b64encode(b"no JSON").decode()
    for payloadtype in ("nosuchmsg", "addcolonymsg", "x" * 1000):
        body = encode(
            {"payloadtype": payloadtype, "payload": payload, "signature": stranger.sign(payload.encode())}
        )
        error_in(await site.post(body))
    found = await noted(stranger, server, 5)
    assert [record.payloadtype for record in found] == [
        "getcolonymsg",
        "addcolonymsg",
        "nosuchmsg",
        "addcolonymsg",
        "x" * 64,
    ]
    assert await appended(stranger, server) == []


async def test_of_a_large_one_the_digest_is_kept(site: Site, server: Server) -> None:
    stranger = Identity.generate()
    message = AddColony(colony=Colony(stranger.id, "x" * MAX_NOTED_BYTES))
    await site.post(signed(message, stranger))
    (record,) = await noted(stranger, server, 1)
    assert record.payload == b""
    assert record.digest == digest_of(payload_of(message))
    assert recover(record.digest, record.signature) == stranger.id


async def test_commands_are_in_the_ledger_alone(site: Site, server: Server) -> None:
    await site.submit()
    process = await site.submit()
    await site.call(site.user, CancelProcess(processid=process.processid))
    # Refused by the fold, for what the process has become.
    assert (await site.refused(site.user, CancelProcess(processid=process.processid)))[0] == 400
    ledger = await appended(site.user, server)
    assert [record.payloadtype for record in ledger] == [
        "submitfuncspecmsg",
        "submitfuncspecmsg",
        "cancelprocessmsg",
        "cancelprocessmsg",
    ]
    await site.call(site.user, GetColony(colonyname=site.name))
    assert [record.payloadtype for record in await noted(site.user, server, 1)] == ["getcolonymsg"]


async def test_what_a_parked_executor_did_not_get(site: Site, server: Server) -> None:
    worker = await site.executor()
    await site.hang_up(await site.park(worker))
    (record,) = await noted(worker.identity, server, 1)
    assert record.payloadtype == "assignprocessmsg"
    assert await appended(worker.identity, server) == []


async def test_what_nobody_signed_is_not_on_record(site: Site, server: Server) -> None:
    who = Identity.generate()
    await site.post(
        signed(GetColony(colonyname=site.name), who).replace(b'"signature":"', b'"signature":"zz')
    )
    await site.post(signed(GetColony(colonyname=site.name), who))
    await noted(who, server, 1)


async def test_a_server_that_keeps_no_reads_log(start_server: StartServer) -> None:
    server = start_server("--dev", LEDGER_READS_RETENTION="0")
    async with Site(server) as site:
        await site.call(site.user, GetColony(colonyname=site.name))
    with pytest.raises(LedgerRefused, match=r"holds no ledger|there is no topic"):
        await open_ledger(server.reads, kind=LogKind.READS, read_only=True)
    async with httpx.AsyncClient(base_url=server.url) as http:
        assert "colonyledger_reads_dropped_total 0.0" in (await http.get("/metrics")).text


@pytest.mark.parametrize("server", ["kafka"], indirect=True)
async def test_the_reads_log_on_kafka_is_a_topic_of_its_own(site: Site, server: Server) -> None:
    """The server says nothing else about it: here it must at least not lose entries."""
    for _ in range(10):
        await site.call(site.user, GetColony(colonyname=site.name))
    assert "colonyledger_reads_dropped_total 0.0" in (await site.http.get("/metrics")).text
