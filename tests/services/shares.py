"""Nodes that share the partitions of one ledger, and colonies in each of these."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from uuid import uuid4

import httpx

from projections.ids import tag_of
from services.cluster import holders
from services.ledger.kafka import KafkaLedger, KafkaSettings
from tests.kafka_broker import KafkaBroker
from tests.servers import Server
from tests.services.site import Site, counted, eventually

__all__ = [
    "PARTITIONS",
    "colonies",
    "fair_ports",
    "make_ledger",
    "name_in",
    "partition_of",
    "served_by",
    "until_parked",
    "until_shared",
]

PARTITIONS = 8
_SHOWN = re.compile(r'^colonyledger_partition_(served|folded)\{partition="(\d+)"\} (\S+)$', re.MULTILINE)


async def make_ledger(broker: KafkaBroker) -> str:
    """A ledger of a few partitions; its URL."""
    topic = uuid4().hex
    settings = KafkaSettings(bootstrap_servers=broker.bootstrap, topic=topic, partitions=PARTITIONS)
    ledger = KafkaLedger(settings)
    await ledger.start()
    await ledger.close()
    return f"kafka://{broker.bootstrap}/{topic}"


def fair_ports(nodes: int, replicas: int) -> list[int]:
    """Free ports for nodes of this machine such that each holds some partitions, and none of them all if it need not."""
    while True:
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(nodes)]
            for each in sockets:
                each.bind(("127.0.0.1", 0))
            ports = [each.getsockname()[1] for each in sockets]
        places = [f"127.0.0.1:{port}" for port in ports]
        held = Counter(
            place for partition in range(PARTITIONS) for place in holders(partition, places, replicas)
        )
        most = PARTITIONS - (replicas < nodes)
        if len(held) == nodes and max(held.values()) <= most:
            return ports


async def served_by(server: Server) -> dict[int, int]:
    """How far a node has folded the partitions that it serves."""
    async with httpx.AsyncClient(timeout=60, verify=False) as http:
        text = (await http.get(f"{server.url}/metrics")).text
    shown = {(what, int(partition)): float(value) for what, partition, value in _SHOWN.findall(text)}
    return {
        partition: int(shown["folded", partition])
        for partition in range(PARTITIONS)
        if shown.get(("served", partition))
    }


async def until_shared(servers: list[Server], replicas: int) -> dict[str, set[int]]:
    """Wait until each node serves its share and nothing else; who serves what then, by URL."""
    places = {server.url: f"127.0.0.1:{server.port}" for server in servers}
    shares = {
        url: {number for number in range(PARTITIONS) if place in holders(number, places.values(), replicas)}
        for url, place in places.items()
    }

    async def are_served() -> bool:
        return all([set(await served_by(server)) == shares[server.url] for server in servers])

    await eventually(are_served)
    return shares


def name_in(partition: int) -> str:
    """The name of a colony in a partition."""
    while True:
        name = f"colony-{uuid4().hex[:12]}"
        if partition_of(name) == partition:
            return name


def partition_of(colony: str) -> int:
    """The partition that a colony is in."""
    return int(tag_of(colony), 16) % PARTITIONS


@asynccontextmanager
async def colonies(servers: list[Server]) -> AsyncIterator[list[list[Site]]]:
    """A colony in each partition, made through one node or another; each through all nodes."""
    sites: list[list[Site]] = []
    try:
        for partition in range(PARTITIONS):
            first = Site(servers[partition % len(servers)])
            first.name = name_in(partition)
            await first.__aenter__()
            sites.append([first.beside(server) for server in servers])
            await first.leave()
        yield sites
    finally:
        for site in [site for beside in sites for site in beside]:
            await site.leave()


async def until_parked(servers: list[Server], number: int) -> None:
    """Wait until so many executors wait, at whatever node."""

    async def are_parked() -> bool:
        parked = 0.0
        for server in servers:
            async with httpx.AsyncClient(base_url=server.url, verify=False) as http:
                parked += await counted(http, "colonyledger_parked_demands")
        return parked == number

    await eventually(are_parked)
