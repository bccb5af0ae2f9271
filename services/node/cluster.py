"""Which nodes serve (protocol: members.md section 6)."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace

from colonyledger.wire import Cluster, ClusterNode, GetCluster

from services.cluster import Alone, Announcement, KafkaMembership, Membership
from services.ingress.api import Handler
from services.ledger.opening import LogKind, kafka_settings
from services.node.settings import NodeSettings

__all__ = ["Describe", "cluster_of", "join", "place_of"]

Describe = Callable[[], Announcement]
"""What this node says of itself."""

_ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 (a node that listens everywhere is reached by its machine's name)


def place_of(settings: NodeSettings, port: int) -> tuple[str, int]:
    """The host and port at which the others and the clients reach this node, which listens on `port`."""
    if settings.advertised:
        host, _, number = settings.advertised.rpartition(":")
        return host, int(number)
    return (socket.gethostname() if settings.host in _ANYWHERE else settings.host), port


def join(settings: NodeSettings, run: str, describe: Describe) -> Membership:
    """Take a node's place among the others over its ledger.

    Raises:
        LedgerRefused: the ledger's name is wrong.
    """
    if not settings.is_on_kafka:
        return Alone()
    ledger = kafka_settings(settings.ledger_url)
    topic = "nodes" if ledger.topic == LogKind.LEDGER else f"{ledger.topic}-nodes"
    return KafkaMembership(replace(ledger, topic=topic, definition="nodes"), run, describe)


def cluster_of(describe: Describe, membership: Membership) -> Handler:
    """Answers with the nodes that live; all name the same one as leader."""

    async def answer(reply: Cluster, message: GetCluster) -> Cluster:
        nodes = sorted((describe(), *membership.others), key=lambda node: node.run)
        return Cluster([_node(node) for node in nodes], _node(_first(nodes)))

    return answer


def _first(nodes: list[Announcement]) -> Announcement:
    return next((node for node in nodes if node.ready), nodes[0])


def _node(node: Announcement) -> ClusterNode:
    """A node as clients see it. They find the leader by its name, so nodes of one machine need names of their own."""
    return ClusterNode(f"{node.name}-{node.port}", node.host, apiport=node.port)
