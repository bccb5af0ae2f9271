"""The server's owner (protocol: members.md section 7). Version and cluster are answered by the ingress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonyledger.wire import ChangeServerId, Cluster, Empty, GetCluster

from projections.event import Refusal
from projections.ids import is_identity
from projections.registry import Role, command, query

if TYPE_CHECKING:
    from projections.turn import Turn, View

__all__ = ["change_server_id", "get_cluster"]


@command(ChangeServerId, Role.SERVER_OWNER, None, "change server Id")
def change_server_id(turn: Turn, message: ChangeServerId) -> Empty:
    """Hand the server to another key; the old one is refused from then on."""
    serverid = message.serverid.lower()
    if not is_identity(serverid):
        raise Refusal(400, "Failed to change server Id, new server Id is not 64 characters")
    turn.state.server_id = serverid
    return Empty()


@query(GetCluster, Role.SERVER_OWNER, None, "get cluster")
def get_cluster(views: list[View], message: GetCluster) -> Cluster:
    """The nodes that serve; the ledger does not know them, the node that is asked does (members.md section 6)."""
    return Cluster()
