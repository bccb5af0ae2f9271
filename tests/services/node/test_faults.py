"""A disk that is full, and a ledger that is damaged: the server says so, and never answers wrongly."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from colonyledger.wire import (
    Conditions,
    FunctionSpec,
    GetColonies,
    GetProcesses,
    Process,
    SubmitFunctionSpec,
    signed,
)

from services.node.dev import SERVER_OWNER
from tests.conftest import StartServer
from tests.services.site import Site, error_in, eventually


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1024 * 1024, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


async def submitted(site: Site) -> list[str]:
    asked = GetProcesses(colonyname=site.name, count=100, state=0)
    processes: list[Process] = await site.call(site.user, asked)
    return [process.processid for process in processes]


@pytest.mark.embedded("fills the disk under the segment files")
async def test_a_full_disk(start_server: StartServer, small_disk: Path) -> None:
    server = start_server("--dev", directory=small_disk / "data")
    async with Site(server) as site:
        worker = await site.executor()
        acknowledged = [(await site.submit("other")).processid for _ in range(5)]
        parked = await site.park(worker)
        ballast = fill(small_disk)
        spec = FunctionSpec(
            funcname="echo", conditions=Conditions(site.name, executortype="other"), args=["x" * 2_000_000]
        )
        answer = await site.post(signed(SubmitFunctionSpec(spec=spec), site.user))
        status, message = error_in(answer)
        assert status == 503
        assert "No space left" in message
        assert answer.headers["retry-after"] == "1"
        health = await site.http.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "faulty")
        assert "No space left" in health.json()["reason"]
        status, message = error_in(await site.post(signed(GetColonies(), SERVER_OWNER)))
        assert (status, "No space left" in message) == (503, True)
        assert "colonyledger_ready 0.0" in (await site.http.get("/metrics")).text
        assert not parked.done()
        ballast.unlink()

        async def is_well() -> bool:
            return (await site.http.get("/health")).status_code == 200

        await eventually(is_well)
        assert await submitted(site) == acknowledged
        acknowledged.append((await site.submit("other")).processid)
        assert await submitted(site) == acknowledged
        process = await site.submit()
        assert (await parked).processid == process.processid
        assert await asyncio.to_thread(server.stop) == 0
        server.start()
        site.http.base_url = httpx.URL(server.url)
        assert await submitted(site) == acknowledged


@pytest.mark.embedded("fills the disk under the segment files")
async def test_a_disk_that_is_full_at_the_start(start_server: StartServer, small_disk: Path) -> None:
    server = start_server("--dev", directory=small_disk / "data")
    async with Site(server) as site:
        acknowledged = [(await site.submit()).processid for _ in range(5)]
        assert server.stop() == 0
        ballast = fill(small_disk)
        server.start(until_ready=False)
        site.http.base_url = httpx.URL(server.url)
        ballast.unlink()
        await asyncio.to_thread(server.wait_until_ready)
        assert await submitted(site) == acknowledged
        await site.submit()


@pytest.mark.embedded("damages a segment file")
async def test_a_damaged_ledger(start_server: StartServer) -> None:
    server = start_server("--dev")
    async with Site(server) as site:
        for number in range(5):
            await site.submit(args=[f"argument {number}"])
        assert server.stop() == 0
        (segment,) = (server.directory / "ledger" / "0").glob("*.segment")
        content = bytearray(segment.read_bytes())
        places = [found.start() for found in re.finditer(b"submitfuncspecmsg", content)]
        content[places[2]] ^= 1
        segment.write_bytes(content)
        server.start(until_ready=False)
        site.http.base_url = httpx.URL(server.url)

        async def is_faulty() -> bool:
            return "faulty" in (await site.http.get("/health")).text

        await eventually(is_faulty)
        health = await site.http.get("/health")
        assert health.status_code == 503
        # Rules, the development colony and its user, this colony and its user, two submits.
        assert "partition 0, offset 7" in health.json()["reason"]
        for message, who in ((GetColonies(), SERVER_OWNER), (GetProcesses(colonyname=site.name), site.user)):
            assert error_in(await site.post(signed(message, who)))[0] == 503
        version = b'{"payloadtype":"versionmsg","payload":"eyJtc2d0eXBlIjoidmVyc2lvbm1zZyJ9","signature":""}'
        assert error_in(await site.post(version))[0] == 503
        before = segment.read_bytes()
        assert error_in(await site.post(signed(SubmitFunctionSpec(), site.user)))[0] == 503
        assert await asyncio.to_thread(server.stop) == 0
        assert segment.read_bytes() == before, "the evidence was changed"
