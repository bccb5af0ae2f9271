"""Which nodes serve: this one, the only one (protocol: members.md section 6)."""

from __future__ import annotations

import socket

from colonyledger.wire import Cluster, ClusterNode, GetCluster

from services.ingress.api import Handler

__all__ = ["cluster_of"]


def cluster_of(host: str, port: int) -> Handler:
    """Answers with the node that listens on `host` and `port`, as the only one and the leader."""

    async def answer(reply: Cluster, message: GetCluster) -> Cluster:
        node = ClusterNode(socket.gethostname(), host, apiport=port)
        return Cluster([node], node)

    return answer
