"""Nodes: the machines that executors have said they have (protocol: members.md section 5).

The reference names these RPCs and never served them. Here a node stands for one entry of the hardware
that an executor reports, at the executor's location, for as long as the executor is registered.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from colonyledger.wire import (
    ComputeNode,
    Executor,
    ExecutorState,
    GetNode,
    GetNodes,
    GetNodesByLocation,
    Hardware,
)

from projections.event import Refusal
from projections.locators import member_colony
from projections.registry import Role, query
from projections.units import memory_bytes

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import View

__all__ = ["get_node", "get_nodes", "get_nodes_by_location"]

_MEBIBYTE = 1024**2
_READY, _NOT_READY = "ready", "not-ready"


@query(GetNodes, Role.ANY_MEMBER, member_colony(), "get nodes")
def get_nodes(view: View, message: GetNodes, colony: Colony) -> list[ComputeNode]:
    """All nodes, those of the oldest executor first."""
    return _nodes(colony.executors.equipped())


@query(GetNodesByLocation, Role.ANY_MEMBER, member_colony(), "get nodes by location")
def get_nodes_by_location(view: View, message: GetNodesByLocation, colony: Colony) -> list[ComputeNode]:
    """The nodes at one location; case does not matter, as in the queue."""
    return _nodes(colony.executors.equipped_at(message.location))


@query(GetNode, Role.ANY_MEMBER, member_colony(), "get node")
def get_node(view: View, message: GetNode, colony: Colony) -> ComputeNode:
    """One node by name: the executor's, followed by - and a number for all but its first hardware."""
    by_name = colony.executors.by_name
    candidates = [by_name.get(message.nodename), by_name.get(message.nodename.rpartition("-")[0])]
    for node in _nodes(executor for executor in candidates if executor is not None):
        if node.name == message.nodename:
            return node
    raise Refusal(404, "Failed to get node, node is nil")


def _nodes(executors: Iterable[Executor]) -> list[ComputeNode]:
    return [
        _node(executor, number, hardware)
        for executor in executors
        if executor.state != ExecutorState.UNREGISTERED
        for number, hardware in enumerate(executor.capabilities.hardware or (), 1)
    ]


def _node(executor: Executor, number: int, hardware: Hardware) -> ComputeNode:
    suffix = "" if number == 1 else f"-{number}"
    return ComputeNode(
        executor.executorid + suffix,
        executor.executorname + suffix,
        executor.colonyname,
        executor.locationname,
        hardware.platform,
        hardware.architecture,
        hardware.cores,
        _mebibytes(hardware.mem),
        hardware.gpu.count,
        [software.name for software in executor.capabilities.software or ()],
        {
            "executor": executor.executorname,
            "executortype": executor.executortype,
            "model": hardware.model,
            "nodes": str(hardware.nodes),
        },
        _READY if executor.state == ExecutorState.APPROVED else _NOT_READY,
        executor.lastheardfromtime,
        executor.commissiontime,
    )


def _mebibytes(text: str) -> int:
    """The amount of memory in a free text, 0 if it is none."""
    try:
        return memory_bytes(text) // _MEBIBYTE
    except Refusal:
        return 0
