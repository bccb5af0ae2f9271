"""A node that has lost its ledger, or serves a partition no more, sends its clients to the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.cluster import Membership
from services.ingress.demands import Demands
from services.node.sharing import Server
from services.replica import Replica

__all__ = ["leave_what_is_distrusted", "send_away_while_faulty"]

_LOOK_SECONDS = 1.0

_PATIENCE_SECONDS = 5.0
"""How long executors wait at a node that has lost the ledger, if there are others."""


async def send_away_while_faulty(replica: Replica, demands: Demands, membership: Membership) -> None:
    """Have executors ask again that wait while the replica has a fault for a while; runs until it is cancelled.

    If no other node was ever seen, they wait on: there is nobody else to ask.
    """
    others = False
    while True:
        others = others or bool(membership.others)
        if others and replica.fault is not None:
            await asyncio.sleep(_PATIENCE_SECONDS)
            if replica.fault is not None:
                demands.send_away(f"This server cannot serve now, ask again: {replica.fault}")
        await asyncio.sleep(_LOOK_SECONDS)


async def leave_what_is_distrusted(
    replica: Replica, membership: Membership, servers: Sequence[Server]
) -> None:
    """Let nothing be done any more for partitions that are distrusted; runs until it is cancelled."""
    left: set[int] = set()
    while True:
        for partition in replica.distrusted.keys() - left:
            for server in servers:
                server.leave(partition)
            left.add(partition)
            membership.changed()
        await asyncio.sleep(_LOOK_SECONDS)
