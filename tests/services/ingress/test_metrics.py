"""What `/metrics` says."""

from __future__ import annotations

import httpx
from colonyledger.identity import Identity
from colonyledger.wire import GetColony, signed
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.services.site import Site


async def families(http: httpx.AsyncClient) -> dict[str, Metric]:
    """Everything that `/metrics` says, as Prometheus reads it."""
    answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = list(text_string_to_metric_families(answer.text))
    assert len({family.name for family in found}) == len(found)
    assert all(family.documentation and family.name.startswith("colonyledger_") for family in found)
    return {family.name: family for family in found}


def of_rpc(family: Metric, payloadtype: str, **labels: str) -> dict[str, float]:
    """The samples about one RPC, by the rest of their name and their `le`."""
    wanted = {"payloadtype": payloadtype, **labels}
    return {
        sample.name.removeprefix(family.name) + sample.labels.get("le", ""): sample.value
        for sample in family.samples
        if wanted.items() <= sample.labels.items()
    }


async def test_rpcs_are_counted_and_timed(site: Site) -> None:
    before = await families(site.http)
    for _ in range(3):
        assert (await site.post(signed(GetColony(colonyname=site.name), site.user))).status_code == 200
    assert (await site.post(signed(GetColony(colonyname="none"), site.user))).status_code == 403
    after = await families(site.http)
    for status, number in (("200", 3), ("403", 1)):
        counts = [
            of_rpc(seen["colonyledger_rpcs"], "getcolonymsg", status=status) for seen in (before, after)
        ]
        assert counts[1]["_total"] - counts[0].get("_total", 0) == number
    times = of_rpc(after["colonyledger_rpc_seconds"], "getcolonymsg")
    earlier = of_rpc(before["colonyledger_rpc_seconds"], "getcolonymsg")
    assert times["_count"] == times["_bucket+Inf"] == earlier.get("_count", 0) + 4
    buckets = [value for name, value in times.items() if name.startswith("_bucket")]
    assert buckets == sorted(buckets)
    assert times["_sum"] > earlier.get("_sum", 0)


async def test_what_is_no_rpc_is_counted_as_unknown(site: Site) -> None:
    before = (await families(site.http))["colonyledger_rpcs"]
    await site.post(b"no envelope")
    await site.post(signed(GetColony(), Identity.generate()).replace(b"getcolonymsg", b"nosuchmsg"))
    after = (await families(site.http))["colonyledger_rpcs"]
    for status in ("400", "403"):
        counts = [of_rpc(seen, "unknown", status=status).get("_total", 0) for seen in (before, after)]
        assert counts[1] == counts[0] + 1
    assert "nosuchmsg" not in (await site.http.get("/metrics")).text
