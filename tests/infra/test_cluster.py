"""`make cluster`: three brokers, two nodes, two workers and a load balancer, started, used, broken and stopped for real.

If Prometheus is installed, it is part of the cluster, and the dashboard's queries are put to it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from colonyledger.wire import AssignProcess, GetProcess, GetWindows, signed

from infra.cluster.shape import Shape
from infra.grafana.dashboard import DASHBOARD
from tests.kafka_broker import STARTED_QUICKLY
from tests.servers import Server, clean_environment
from tests.services.site import Refused, Site, counted, eventually

PATIENCE = 900
UNTIL_SEEN = 300
"""Seconds after which a worker has certainly taken over, or Prometheus asked for a minute that is over."""


def cluster(*words: str) -> subprocess.CompletedProcess[str]:
    """What became of `python -m infra.cluster`."""
    return subprocess.run(
        [sys.executable, "-m", "infra.cluster", *words],
        env=clean_environment(LEDGER_KAFKA_JVM=STARTED_QUICKLY),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Running:
    """A cluster that runs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.flags = ("--dir", str(directory))
        printed = self.up().stdout
        self.nodes = re.findall(r"^Node \d +(\S+)", printed, re.MULTILINE)
        self.workers = re.findall(r"^Worker \d +(\S+)", printed, re.MULTILINE)
        self.prometheus = re.findall(r"^Prometheus +(http\S+)", printed, re.MULTILINE)
        (self.balancer,) = re.findall(r"^Balancer +(http\S+)", printed, re.MULTILINE)

    def up(self) -> subprocess.CompletedProcess[str]:
        """Start what does not run."""
        done = cluster("up", "--port", "0", "--kafka-port", "0", "--history", "none", *self.flags)
        assert done.returncode == 0, done.stderr
        return done

    def pids(self) -> dict[str, int]:
        """The process of each part."""
        return {path.parent.name: int(path.read_text().split()[0]) for path in self.directory.glob("*/pid")}

    def site(self, url: str) -> Site:
        """A colony, reached through `url`."""
        door = Server(self.directory, variables={})
        door.url = url
        return Site(door)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One cluster for this module."""
    for tool in ("java", "mvn", "haproxy"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed, so the whole cluster cannot be started")
    directory = tmp_path_factory.mktemp("cluster")
    try:
        yield Running(directory)
    finally:
        cluster("down", "--dir", str(directory))


async def test_work_goes_through_the_load_balancer(running: Running) -> None:
    assert len(running.nodes) == 2
    async with running.site(running.balancer) as site:
        worker = await site.executor()
        submitted = await site.submit()
        given = await site.assign(worker)
        assert given.processid == submitted.processid
        await site.close(worker, given)
        assert (await site.http.get("/metrics")).status_code == 404
        assert (await site.http.get("/health")).status_code == 200


async def test_a_node_sees_who_hangs_up_behind_the_load_balancer(running: Running) -> None:
    async def parked() -> float:
        return sum([await counted(node, "colonyledger_parked_demands") for node in nodes])

    async def is_parked() -> bool:
        return await parked() == 1

    async def is_gone() -> bool:
        return await parked() == 0

    nodes = [httpx.AsyncClient(base_url=url) for url in running.nodes]
    async with running.site(running.balancer) as site, nodes[0], nodes[1]:
        worker = await site.executor()
        asked = AssignProcess(colonyname=site.name, timeout=3600)
        async with httpx.AsyncClient(base_url=running.balancer, timeout=None) as waiting:
            poll = asyncio.create_task(waiting.post("/api", content=signed(asked, worker.identity)))
            await eventually(is_parked)
            poll.cancel()
            await asyncio.gather(poll, return_exceptions=True)
        await eventually(is_gone)


async def test_a_node_may_go_and_come_back(running: Running) -> None:
    before = running.pids()
    os.kill(before["node-2"], signal.SIGKILL)

    async def serves() -> bool:
        return (await site.http.get("/health")).status_code == 200

    async with running.site(running.nodes[0]) as site:
        worker = await site.executor()
        await site.submit()
        site.http.base_url = httpx.URL(running.balancer)
        await eventually(serves)
        await site.assign(worker)
    assert cluster("status", *running.flags).returncode == 1
    running.up()
    after = running.pids()
    assert cluster("status", *running.flags).returncode == 0
    assert {name for name in after if after[name] != before[name]} == {"node-2"}


async def test_prometheus_sees_everything(running: Running) -> None:
    """Every process answers it, every rule can be computed, and every query of the dashboard finds something."""
    if not running.prometheus:
        pytest.skip("prometheus is not installed (Debian: prometheus), so no dashboard can be asked for")
    async with (
        running.site(running.balancer) as site,
        httpx.AsyncClient(base_url=f"{running.prometheus[0]}/api/v1/") as prometheus,
    ):

        async def told(what: str, **parameters: str) -> Any:
            return (await prometheus.get(what, params=parameters)).raise_for_status().json()["data"]

        async def all_are_up() -> bool:
            targets = (await told("targets"))["activeTargets"]
            assert len(targets) == len(running.nodes) + len(running.workers)
            return all(target["health"] == "up" for target in targets)

        async def missing() -> list[str]:
            found = [(query, await told("query", query=query)) for query in panel_queries()]
            return [query for query, answer in found if not answer["result"]]

        await eventually(all_are_up)
        for group in (await told("rules"))["groups"]:
            assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}
        executor = await site.executor()
        async with asyncio.timeout(UNTIL_SEEN):
            while await missing():
                await site.submit()
                await site.close(executor, await site.assign(executor, timeout=30))
                with pytest.raises(Refused):
                    await site.call(site.user, GetProcess(processid="0" * 64))
                await asyncio.sleep(1)


def panel_queries() -> list[str]:
    """What the dashboard asks for here, where no node has a history."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    return [query.replace("$__rate_interval", "1m") for query in queries if "_history_" not in query]


async def test_a_worker_may_go_and_the_other_one_counts(running: Running) -> None:
    assert len(running.workers) == 2
    before = running.pids()
    os.kill(before["worker-1"], signal.SIGKILL)
    async with running.site(running.balancer) as site:
        executor = await site.executor()
        for _ in range(3):
            await site.submit()
            await site.close(executor, await site.assign(executor, timeout=30))

        async with asyncio.timeout(UNTIL_SEEN):
            windows = await site.call(site.user, GetWindows(colonyname=site.name))
            while sum(window.succeeded for window in windows) < 3:
                await asyncio.sleep(0.5)
                windows = await site.call(site.user, GetWindows(colonyname=site.name))
        assert sum(window.succeeded for window in windows) == 3
    assert cluster("status", *running.flags).returncode == 1
    running.up()
    after = running.pids()
    assert cluster("status", *running.flags).returncode == 0
    assert {name for name in after if after[name] != before[name]} == {"worker-1"}
    async with httpx.AsyncClient() as http:
        for url in running.workers:
            assert "colonyledger_windows_lag_records" in (await http.get(url)).text


def test_stopping_leaves_nothing_running(running: Running) -> None:
    pids = running.pids()
    assert {name.rpartition("-")[0] or name for name in pids} >= {"node", "worker", "balancer"}
    assert cluster("down", *running.flags).returncode == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids.values())
    for url in (*running.nodes, *running.workers, running.balancer, *running.prometheus):
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
    assert cluster("down", *running.flags).returncode == 0
    assert not running.pids()


def test_there_may_be_no_cluster(tmp_path: Path) -> None:
    down = cluster("down", "--dir", str(tmp_path))
    assert (down.returncode, down.stderr) == (0, f"There is no cluster in {tmp_path}.\n")
    assert cluster("status", "--dir", str(tmp_path)).returncode == 1


def test_one_node_owns_a_history_in_process(tmp_path: Path) -> None:
    shape = Shape(directory=tmp_path, history="chdb", nodes=3)
    assert [shape.history_of(number) for number in (1, 2, 3)] == ["chdb", "none", "none"]
    shape = Shape(directory=tmp_path, history="clickhouse://a:b@c:1/d")
    assert shape.history_of(1) == shape.history_of(2) == "clickhouse://a:b@c:1/d"
