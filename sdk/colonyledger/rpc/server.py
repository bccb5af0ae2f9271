"""The server itself (protocol: envelope.md section 6, members.md section 6)."""

from __future__ import annotations

from colonyledger.rpc.caller import Caller
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

    async def get_version(self) -> Version:
        """Anybody: the server's version."""
        return await self.call(GetVersion())

    async def get_server_info(self) -> ServerInfo:
        """Anybody: the server's version, and where it listens."""
        return await self.call(GetServerInfo())

    async def get_statistics(self) -> Statistics:
        """Server owner: counts of the whole server."""
        return await self.call(GetStatistics())

    async def get_cluster(self) -> Cluster:
        """Server owner: the nodes of the cluster."""
        return await self.call(GetCluster())

    async def change_server_id(self, serverid: str) -> None:
        """Server owner: hand the server to another key."""
        await self.call(ChangeServerId(serverid=serverid))
