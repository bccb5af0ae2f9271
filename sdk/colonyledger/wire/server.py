"""The server itself (protocol: envelope.md section 6, members.md section 6)."""

from __future__ import annotations

import msgspec

from colonyledger.wire.envelope import Empty, Message

__all__ = [
    "Backend",
    "ChangeServerId",
    "Cluster",
    "ClusterNode",
    "GetCluster",
    "GetServerInfo",
    "GetVersion",
    "ServerInfo",
    "Version",
]


class Version(msgspec.Struct, tag="versionmsg", tag_field="msgtype", gc=False):
    """What is running."""

    buildversion: str = ""
    buildtime: str = ""


class GetVersion(Message[Version], tag="versionmsg", frozen=True, gc=False):
    """Anybody, unsigned: the server's version."""

    buildversion: str = ""
    buildtime: str = ""


class Backend(msgspec.Struct, gc=False):
    """A place where the server listens."""

    type: str = "http"
    port: int = 0
    host: str = ""
    tls: bool = False
    insecure: bool = False


class ServerInfo(msgspec.Struct, gc=False):
    """What is running, and where it listens."""

    buildversion: str = ""
    buildtime: str = ""
    backends: list[Backend] = []


class GetServerInfo(Message[ServerInfo], tag="getserverinfomsg", frozen=True, gc=False):
    """Anybody, unsigned: the server's version and listeners."""


class ClusterNode(msgspec.Struct, gc=False):
    """One node of the cluster; ports that it does not have are 0."""

    name: str = ""
    host: str = ""
    port: int = 0
    peerport: int = 0
    relayport: int = 0
    apiport: int = 0


class Cluster(msgspec.Struct, gc=False):
    """The nodes that serve, and the one that is called leader."""

    nodes: list[ClusterNode] = []
    leader: ClusterNode = msgspec.field(default_factory=ClusterNode)


class GetCluster(Message[Cluster], tag="getclustermsg", frozen=True, gc=False):
    """Server owner: the nodes of the cluster."""


class ChangeServerId(Message[Empty], tag="changeserveridmsg", frozen=True, gc=False):
    """Server owner: hand the server to another key."""

    serverid: str = ""
