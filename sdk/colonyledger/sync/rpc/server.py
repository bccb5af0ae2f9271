# Written by sdk/generate_sync.py from colonyledger/rpc/server.py; change that one.
"""The server itself (protocol: envelope.md section 6, members.md section 6)."""

from __future__ import annotations

from colonyledger.sync.rpc.caller import Caller
from colonyledger.wire import (
    ChangeServerId,
    Cluster,
    GetCluster,
    GetServerInfo,
    GetStatistics,
    GetVersion,
    ServerInfo,
    Statistics,
    Version,
)

__all__ = ["ServerCalls"]


class ServerCalls(Caller):
    """Calls about the server."""

    def get_version(self) -> Version:
        """Anybody: the server's version."""
        return self.call(GetVersion())

    def get_server_info(self) -> ServerInfo:
        """Anybody: the server's version, and where it listens."""
        return self.call(GetServerInfo())

    def get_statistics(self) -> Statistics:
        """Server owner: counts of the whole server."""
        return self.call(GetStatistics())

    def get_cluster(self) -> Cluster:
        """Server owner: the nodes of the cluster."""
        return self.call(GetCluster())

    def change_server_id(self, serverid: str) -> None:
        """Server owner: hand the server to another key."""
        self.call(ChangeServerId(serverid=serverid))
