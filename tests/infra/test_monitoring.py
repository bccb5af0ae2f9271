"""Alerts and dashboards ask only for figures that servers give, in PromQL that parses; every alert is explained."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import promql_parser
import pytest
import yaml
from colonyledger.wire import GetColonies, signed

from infra.cluster.shape import Shape
from infra.grafana.dashboard import DASHBOARD, dashboard
from services.ledger import KafkaSettings
from services.ledger.opening import kafka_settings
from services.node.dev import SERVER_OWNER
from services.streams.settings import WorkerSettings
from tests.conftest import StartServer
from tests.kafka_broker import KafkaBroker
from tests.services.site import Site, client_of, eventually
from tests.services.streams.test_served import make_small
from tests.services.streams.workers import WorkerProcess

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "infra" / "prometheus"
WORLDS = Path(__file__).with_name("alerts_test.yml")
OF_PROMETHEUS = {"up"}
"""Series that Prometheus makes itself."""


def rules() -> list[dict[str, Any]]:
    """The alerts."""
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> dict[str, str]:
    """Every query by where it stands."""
    found = {f"alert {rule['alert']}": rule["expr"] for rule in rules()}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "1m")
            found[f"panel {panel['title']} {target['legendFormat']}"] = query
    return found


def selectors(node: Any) -> Iterator[Any]:
    """The series that a parsed query asks for."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        child = getattr(node, name, None)
        if child is not None:
            yield from selectors(child)
    for argument in getattr(node, "args", None) or []:
        yield from selectors(argument)


@pytest.fixture
async def exported(start_server: StartServer) -> dict[str, set[str]]:
    """The series of a real server with history, and the labels of each."""
    server = start_server("--dev", "--history", "chdb", LEDGER_RATE_PER_IDENTITY="1000")
    async with client_of(server) as http:
        await http.post("/api", content=signed(GetColonies(), SERVER_OWNER))
        scraped = (await http.get("/metrics")).text
    return series_in(scraped)


@pytest.fixture
async def exported_by_worker(kafka_broker: KafkaBroker, start_server: StartServer) -> dict[str, set[str]]:
    """The same of a real worker, when a window is over in which it counted something."""
    ledger = f"kafka://{kafka_broker.bootstrap}/{uuid4().hex}"
    await make_small(kafka_settings(ledger))
    server = await asyncio.to_thread(start_server, "--dev", "--ledger", ledger)
    worker = WorkerProcess("--ledger", ledger, "--window-seconds", "1")
    found: dict[str, set[str]] = {}
    try:
        await asyncio.to_thread(worker.start)
        async with Site(server) as site, httpx.AsyncClient() as http:
            executor = await site.executor()

            async def is_told() -> bool:
                await site.submit()
                await site.close(executor, await site.assign(executor, timeout=30))
                answer = await http.get(f"http://127.0.0.1:{worker.port}/metrics")
                found.update(series_in(answer.text))
                return "colonyledger_window_execution_seconds" in found

            await eventually(is_told)
    finally:
        worker.end()
    return found


def series_in(scraped: str) -> dict[str, set[str]]:
    """Names of series and of their labels."""
    series: dict[str, set[str]] = {}
    for line in scraped.splitlines():
        if found := re.match(r"(\w+)(?:\{(.*)\})? ", line):
            series.setdefault(found[1], set()).update(re.findall(r'(\w+)="', found[2] or ""))
    return series


async def test_every_query_asks_for_what_is_exported(
    exported: dict[str, set[str]], exported_by_worker: dict[str, set[str]]
) -> None:
    given = exported | exported_by_worker
    for where, query in queries().items():
        for selector in selectors(promql_parser.parse(query)):
            assert selector.name in given or selector.name in OF_PROMETHEUS, (where, selector.name)
            labels = {matcher.name for matcher in selector.matchers.matchers} - {"job", "instance"}
            assert labels <= given.get(selector.name, set()), (where, labels)


def test_the_dashboard_is_as_it_is_written() -> None:
    """`make generate` writes it anew."""
    assert DASHBOARD.read_text() == dashboard()
    for panel in json.loads(dashboard())["panels"]:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert panel["description"]


def test_every_alert_has_a_section() -> None:
    headings = re.findall(r"^### (\w+)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    names = [rule["alert"] for rule in rules()]
    assert [heading for heading in headings if heading in names] == names
    for rule in rules():
        assert rule["for"]
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}


def test_grafana_finds_its_source_and_its_dashboards() -> None:
    place = ROOT / "infra" / "grafana" / "provisioning"
    (source,) = yaml.safe_load((place / "datasources" / "prometheus.yml").read_text())["datasources"]
    used = {
        target["datasource"]["uid"]
        for panel in json.loads(dashboard())["panels"]
        for target in panel["targets"]
    }
    assert used == {source["uid"]}
    (provider,) = yaml.safe_load((place / "dashboards" / "colony-ledger.yml").read_text())["providers"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    mounted = {
        volume.split(":")[1]: volume.split(":")[0] for volume in compose["services"]["grafana"]["volumes"]
    }
    assert ROOT / mounted[provider["options"]["path"]] == DASHBOARD.parent


def test_prometheus_asks_every_node_and_worker_of_the_compose_file() -> None:
    settings = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    nodes = [
        f"{name}:{service['environment']['COLONIES_SERVER_HTTP_PORT']}"
        for name, service in services.items()
        if service.get("command") == ["server", "start"]
    ]
    port = WorkerSettings(ledger=KafkaSettings(bootstrap_servers="b:9092")).port
    workers = [
        f"{name}:{port}"
        for name, service in services.items()
        if service.get("command") == ["streams", "worker"]
    ]
    asked = {job["job_name"]: job["static_configs"] for job in settings["scrape_configs"]}
    assert asked == {
        "colony-ledger": [{"targets": nodes}],
        "colony-ledger-workers": [{"targets": workers}],
    }
    assert settings["rule_files"] == ["alerts.yml"]


def test_native_prometheus_is_told_what_the_container_is_told(tmp_path: Path) -> None:
    """Only whom to ask is different."""
    given = (PROMETHEUS / "prometheus.yml").read_text()
    shape = Shape(directory=tmp_path, nodes=3, workers=1, port=7000)
    native = yaml.safe_load(shape.prometheus_settings(given))
    settings = yaml.safe_load(given)
    asked = [job.pop("static_configs") for job in native["scrape_configs"]]
    assert asked == [
        [{"targets": ["127.0.0.1:7001", "127.0.0.1:7002", "127.0.0.1:7003"]}],
        [{"targets": ["127.0.0.1:7004"]}],
    ]
    for job in settings["scrape_configs"]:
        del job["static_configs"]
    assert native == settings
    with pytest.raises(ValueError, match="no job colony-ledger"):
        shape.prometheus_settings("scrape_configs: []")


@pytest.fixture
def promtool() -> str:
    """Prometheus' own checker."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian: prometheus), so Prometheus itself reads nothing")
    return found


@pytest.mark.parametrize(
    "words",
    [("check", "config", "prometheus.yml"), ("check", "rules", "alerts.yml")],
    ids=["config", "rules"],
)
def test_prometheus_reads_what_it_is_told(promtool: str, words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [promtool, *words], cwd=PROMETHEUS, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"SUCCESS: {len(rules())} rules found" in done.stdout


def test_alerts_come_when_they_should(promtool: str, tmp_path: Path) -> None:
    """Worlds of series in alerts_test.yml, and which alerts they must and must not raise."""
    (tmp_path / "alerts.yml").write_text((PROMETHEUS / "alerts.yml").read_text())
    (tmp_path / "test.yml").write_text(WORLDS.read_text())
    done = subprocess.run(
        [promtool, "test", "rules", "test.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("world", [0, 1], ids=["well", "not well"])
def test_every_alert_is_tried_in_both_worlds(world: int) -> None:
    tried = yaml.safe_load(WORLDS.read_text())["tests"][world]["alert_rule_test"]
    assert {case["alertname"] for case in tried} == {rule["alert"] for rule in rules()}
