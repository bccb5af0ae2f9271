"""Nodes: the machines that executors report (protocol: members.md section 5)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from colonyledger.wire.envelope import Message
from colonyledger.wire.integers import Int64
from colonyledger.wire.times import ZERO_TIME

__all__ = ["ComputeNode", "GetNode", "GetNodes", "GetNodesByLocation"]


class ComputeNode(msgspec.Struct, gc=False):
    """A machine, or a kind of machine, that an executor has.

    `cpu` is in cores, `memory` in MiB; `state` is "ready" or "not-ready".
    """

    id: str = ""
    name: str = ""
    colonyname: str = ""
    location: str = ""
    platform: str = ""
    architecture: str = ""
    cpu: int = 0
    memory: Int64 = 0
    gpu: int = 0
    capabilities: list[str] = []
    labels: dict[str, str] = {}
    state: str = ""
    lastseen: datetime = ZERO_TIME
    created: datetime = ZERO_TIME


class GetNode(Message[ComputeNode], tag="getnodemsg", frozen=True, gc=False):
    """Any member: one node by name."""

    colonyname: str = ""
    nodename: str = ""


class GetNodes(Message[list[ComputeNode]], tag="getnodesmsg", frozen=True, gc=False):
    """Any member: the colony's nodes."""

    colonyname: str = ""


class GetNodesByLocation(Message[list[ComputeNode]], tag="getnodesbylocationmsg", frozen=True, gc=False):
    """Any member: the nodes at one location, ignoring case."""

    colonyname: str = ""
    location: str = ""
