"""Alerts and dashboards ask only for figures that servers give, in PromQL that parses; every alert is explained."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from colonyledger.wire import GetColonies, signed

from infra.grafana.dashboard import DASHBOARD, dashboard
from services.node.dev import SERVER_OWNER
from tests.conftest import StartServer
from tests.services.site import client_of

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "infra" / "prometheus"
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
    series: dict[str, set[str]] = {}
    for line in scraped.splitlines():
        if found := re.match(r"(\w+)(?:\{(.*)\})? ", line):
            series.setdefault(found[1], set()).update(re.findall(r'(\w+)="', found[2] or ""))
    return series


async def test_every_query_asks_for_what_servers_export(exported: dict[str, set[str]]) -> None:
    for where, query in queries().items():
        for selector in selectors(promql_parser.parse(query)):
            assert selector.name in exported or selector.name in OF_PROMETHEUS, (where, selector.name)
            labels = {matcher.name for matcher in selector.matchers.matchers} - {"job", "instance"}
            assert labels <= exported.get(selector.name, set()), (where, labels)


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


def test_prometheus_asks_every_node_of_the_compose_file() -> None:
    settings = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    nodes = [
        f"{name}:{service['environment']['COLONIES_SERVER_HTTP_PORT']}"
        for name, service in services.items()
        if service.get("command") == ["server", "start"]
    ]
    (job,) = settings["scrape_configs"]
    assert job["static_configs"] == [{"targets": nodes}]
    assert settings["rule_files"] == ["alerts.yml"]
