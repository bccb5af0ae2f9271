"""Writes dashboards/colony-ledger.json. Run as `python -m infra.grafana.dashboard`, which `make generate` does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["DASHBOARD", "dashboard"]

DASHBOARD = Path(__file__).with_name("dashboards") / "colony-ledger.json"

_SOURCE = {"type": "prometheus", "uid": "prometheus"}
_ACROSS = 24
_HEIGHT = 8
_RANGE = "[$__rate_interval]"


class _Panel(NamedTuple):
    title: str
    description: str
    unit: str
    queries: dict[str, str]
    """PromQL by legend."""
    kind: str = "timeseries"
    width: int = 12


_PANELS = (
    _Panel(
        "Nodes that serve",
        "1 for each node that has caught up with the ledger and answers RPCs.",
        "none",
        {"{{instance}}": "colonyledger_ready"},
        "stat",
        8,
    ),
    _Panel(
        "Parked demands",
        "Executors that wait for work.",
        "none",
        {"{{instance}}": "colonyledger_parked_demands"},
        "stat",
        8,
    ),
    _Panel(
        "Subscribers",
        "Websocket connections.",
        "none",
        {
            "{{instance}}": "colonyledger_subscribers",
            "subscriptions {{instance}}": "colonyledger_subscriptions",
        },
        "stat",
        8,
    ),
    _Panel(
        "RPCs by payload type",
        "Answered RPCs a second, of all nodes, by payload type.",
        "reqps",
        {"{{payloadtype}}": f"sum by (payloadtype) (rate(colonyledger_rpcs_total{_RANGE}))"},
    ),
    _Panel(
        "Refusals and errors",
        "RPCs a second that were not answered with 200, by type and status; 404 of assignprocessmsg is an empty poll.",
        "reqps",
        {
            "{{payloadtype}} {{status}}": (
                f'sum by (payloadtype, status) (rate(colonyledger_rpcs_total{{status!="200"}}{_RANGE}))'
            )
        },
    ),
    _Panel(
        "Time of RPCs, median",
        "Half of the RPCs take longer. Executors that wait for work take as long as they wait.",
        "s",
        {
            "{{payloadtype}}": (
                "histogram_quantile(0.5, sum by (le, payloadtype) "
                f"(rate(colonyledger_rpc_seconds_bucket{_RANGE})))"
            )
        },
    ),
    _Panel(
        "Time of RPCs, 99th percentile",
        "One in a hundred takes longer.",
        "s",
        {
            "{{payloadtype}}": (
                "histogram_quantile(0.99, sum by (le, payloadtype) "
                f"(rate(colonyledger_rpc_seconds_bucket{_RANGE})))"
            )
        },
    ),
    _Panel(
        "Records folded",
        "Records a second that each node applies to its state.",
        "none",
        {"{{instance}}": f"rate(colonyledger_records_folded{_RANGE})"},
    ),
    _Panel(
        "Behind the furthest node",
        "Records that a node has not folded and another has.",
        "none",
        {"{{instance}}": "scalar(max(colonyledger_records_folded)) - colonyledger_records_folded"},
    ),
    _Panel(
        "History lag, records",
        "Records that are folded and not yet in the history.",
        "none",
        {"{{instance}}": "colonyledger_history_lag_records"},
    ),
    _Panel(
        "History lag, time",
        "Ledger time by which the history is behind.",
        "s",
        {"{{instance}}": "colonyledger_history_lag_seconds"},
    ),
    _Panel(
        "Archive lag",
        "Time since the archive had everything that was acknowledged; 0 when it has it, or none is kept.",
        "s",
        {"{{instance}}": "colonyledger_archive_lag_seconds"},
    ),
    _Panel(
        "Reads not recorded",
        "Entries a second that the reads log did not take.",
        "none",
        {"{{instance}}": f"rate(colonyledger_reads_dropped_total{_RANGE})"},
    ),
    _Panel(
        "Rate limit",
        "RPCs a second refused because their identity sent too many.",
        "reqps",
        {"{{instance}}": f"rate(colonyledger_rate_limited_total{_RANGE})"},
    ),
)


def dashboard() -> str:
    """The dashboard as Grafana reads it."""
    panels: list[dict[str, Any]] = []
    left = top = 0
    for number, panel in enumerate(_PANELS, 1):
        if left + panel.width > _ACROSS:
            left, top = 0, top + _HEIGHT
        panels.append(_drawn(number, panel, left, top))
        left += panel.width
    whole = {
        "uid": "colony-ledger",
        "title": "Colony Ledger",
        "schemaVersion": 41,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": panels,
    }
    return json.dumps(whole, indent=1) + "\n"


def _drawn(number: int, panel: _Panel, left: int, top: int) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "gridPos": {"x": left, "y": top, "w": panel.width, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
            for place, (legend, query) in enumerate(panel.queries.items())
        ],
    }


if __name__ == "__main__":
    DASHBOARD.write_text(dashboard())
