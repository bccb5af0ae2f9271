"""A server that archives its ledger beside its work, and goes on with that whatever fails."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from services.archive import Archive
from services.ledger import LedgerError, open_ledger
from services.node.settings import NodeSettings, SettingsError
from tests.conftest import StartServer
from tests.kafka_broker import KafkaBroker
from tests.s3_server import S3Server
from tests.services.site import Site, counted, eventually


def often(place: str) -> Mapping[str, str]:
    """What a server has in its environment to archive every second."""
    return {"LEDGER_ARCHIVE": place, "LEDGER_ARCHIVE_SECONDS": "1"}


async def archived(place: str) -> list[int]:
    """Where each partition of an archive ends; nothing if there is none yet."""
    try:
        archive = await Archive.open(place)
    except LedgerError:
        return []
    return [await archive.end(partition) for partition in range(archive.partitions)]


async def until_complete(site: Site, place: str, where: str = "") -> None:
    """Wait until an archive has everything that is in the ledger, which is the server's own unless told."""

    async def is_complete() -> bool:
        ledger = await open_ledger(where or site.server.ledger, read_only=True)
        ends = [await ledger.end(partition) for partition in range(ledger.partitions)]
        await ledger.close()
        return await archived(place) == ends

    await eventually(is_complete)


async def lag(http: httpx.AsyncClient) -> tuple[float, float]:
    """Records and seconds by which the archive is behind, as the server says."""
    return (
        await counted(http, "colonyledger_archive_lag_records"),
        await counted(http, "colonyledger_archive_lag_seconds"),
    )


async def test_a_server_archives_what_comes(start_server: StartServer, tmp_path: Path) -> None:
    place = str(tmp_path / "archive")
    server = start_server("--dev", **often(place))
    async with Site(server) as site:
        for _ in range(3):
            await site.submit()
            await until_complete(site, place)

        async def is_told() -> bool:
            return await lag(site.http) == (0, 0)

        await eventually(is_told)
        assert await counted(site.http, "colonyledger_archive_failures_total") == 0
        assert server.stop() == 0
        server.start()
        again = site.beside(server)
        await again.submit()
        await until_complete(again, place)
        await again.leave()


async def test_a_server_archives_to_s3(start_server: StartServer, bucket: str, s3: S3Server) -> None:
    access = {
        "AWS_ENDPOINT_URL": f"http://{s3.address}",
        "AWS_ACCESS_KEY_ID": "any-access-key",
        "AWS_SECRET_ACCESS_KEY": "any-secret-key",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server = start_server("--dev", **often(bucket), **access)
    async with Site(server) as site:
        await site.submit()
        await until_complete(site, bucket)


async def test_a_place_that_is_away_is_tried_again(start_server: StartServer, tmp_path: Path) -> None:
    """Serving goes on, the metrics tell of it, and when the place is there everything is archived."""
    place = tmp_path / "archive"
    place.write_text("no directory")
    server = start_server("--dev", **often(str(place)))
    async with Site(server) as site:
        await asyncio.to_thread(
            server.wait_for, re.compile("the ledger is not archived, trying again in 1 s: .*cannot be")
        )
        await site.submit()
        records, seconds = await lag(site.http)
        assert records > 0
        assert seconds > 0
        assert await counted(site.http, "colonyledger_archive_failures_total") > 0
        place.unlink()
        await until_complete(site, str(place))


async def test_an_archive_of_another_ledger_is_left_alone(start_server: StartServer, tmp_path: Path) -> None:
    place = str(tmp_path / "archive")
    first = start_server("--dev", **often(place))
    async with Site(first) as site:
        await until_complete(site, place)
        assert first.stop() == 0
    before = await archived(place)
    second = start_server("--dev", **often(place))
    async with Site(second) as site:
        await asyncio.to_thread(second.wait_for, re.compile("the archive .* is of another ledger"))
        await site.submit()
        assert await archived(place) == before


async def test_several_nodes_share_the_work(
    start_server: StartServer, kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    """Each partition is archived by the node that is first for it; when that is lost, another one takes over."""
    ledger, place = f"kafka://{kafka_broker.bootstrap}/{uuid4().hex}", str(tmp_path / "archive")
    await (await open_ledger(ledger, partitions=4)).close()
    servers = [
        await asyncio.to_thread(start_server, "--dev", "--ledger", ledger, **often(place)) for _ in range(2)
    ]
    async with Site(servers[0]) as first:
        await first.submit()
        await until_complete(first, place, ledger)
        second = first.beside(servers[1])
        await asyncio.to_thread(servers[0].kill)
        for _ in range(2):
            await second.submit()
            await until_complete(second, place, ledger)
        await second.leave()


def test_a_wrong_place_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"LEDGER_ARCHIVE\) must be a directory or s3://bucket/prefix"):
        NodeSettings.from_environment({"LEDGER_ARCHIVE": "http://host"})
    with pytest.raises(SettingsError, match="LEDGER_ARCHIVE_SECONDS"):
        NodeSettings.from_environment({"LEDGER_ARCHIVE_SECONDS": "0"})
