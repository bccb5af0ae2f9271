"""Workflows: directed acyclic graphs of processes (protocol: workflows.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from colonyledger.wire.envelope import Empty, Message
from colonyledger.wire.functionspec import FunctionSpec
from colonyledger.wire.processes import Process, ProcessState
from colonyledger.wire.times import ZERO_TIME

__all__ = [
    "AddChild",
    "CancelProcessGraph",
    "Edge",
    "GetProcessGraph",
    "GetProcessGraphs",
    "Node",
    "NodeData",
    "NodePosition",
    "NodeStyle",
    "ProcessGraph",
    "RemoveAllProcessGraphs",
    "RemoveProcessGraph",
    "SubmitWorkflow",
    "WorkflowSpec",
]


class WorkflowSpec(msgspec.Struct, gc=False):
    """Function specifications whose `conditions.dependencies` name their parents' `nodename`."""

    colonyname: str = ""
    functionspecs: list[FunctionSpec] = []


class NodeData(msgspec.Struct, gc=False):
    """What is written on a drawn node."""

    label: str = ""


class NodePosition(msgspec.Struct, gc=False):
    """Where a node is drawn, in pixels."""

    x: int = 0
    y: int = 0


class NodeStyle(msgspec.Struct, gc=False):
    """How a node is drawn."""

    color: str = ""
    background: str = ""


class Node(msgspec.Struct, gc=False):
    """A process as drawn by dashboards (workflows.md section 1)."""

    id: str = ""
    data: NodeData = msgspec.field(default_factory=NodeData)
    position: NodePosition = msgspec.field(default_factory=NodePosition)
    type: str = ""
    style: NodeStyle = msgspec.field(default_factory=NodeStyle)


class Edge(msgspec.Struct, gc=False):
    """A dependency as drawn by dashboards; `animated` while the source runs."""

    id: str = ""
    source: str = ""
    target: str = ""
    animated: bool = False


class ProcessGraph(msgspec.Struct, gc=False):
    """A workflow that was submitted. `nodes` and `edges` are filled by GetProcessGraph only."""

    processgraphid: str = ""
    initiatorid: str = ""
    initiatorname: str = ""
    colonyname: str = ""
    rootprocessids: Sequence[str] = ()
    state: int = ProcessState.WAITING
    submissiontime: datetime = ZERO_TIME
    starttime: datetime = ZERO_TIME
    endtime: datetime = ZERO_TIME
    processids: Sequence[str] = ()
    nodes: Sequence[Node] = ()
    edges: Sequence[Edge] = ()


class SubmitWorkflow(Message[ProcessGraph], tag="submitworkflowspecmsg", frozen=True, gc=False):
    """Member: submit a workflow."""

    spec: WorkflowSpec | None = None


class GetProcessGraph(Message[ProcessGraph], tag="getprocessgraphmsg", frozen=True, gc=False):
    """Member: one workflow, with what is needed to draw it."""

    processgraphid: str = ""


class GetProcessGraphs(Message[list[ProcessGraph]], tag="getprocessgraphsmsg", frozen=True, gc=False):
    """Member: up to `count` workflows in one state, newest first."""

    colonyname: str = ""
    count: int = 0
    state: int = 0


class RemoveProcessGraph(Message[Empty], tag="removeprocessgraphmsg", frozen=True, gc=False):
    """Member: remove a workflow that is not running, with its processes."""

    processgraphid: str = ""
    all: bool = False


class RemoveAllProcessGraphs(Message[Empty], tag="removeallprocessgraphsmsg", frozen=True, gc=False):
    """Colony owner: remove the workflows in one state (-1: all), with their processes."""

    colonyname: str = ""
    state: int = 0


class CancelProcessGraph(Message[Empty], tag="cancelprocessgraphmsg", frozen=True, gc=False):
    """Member: cancel what has not finished of a workflow."""

    processgraphid: str = ""


class AddChild(Message[Process], tag="addchildmsg", frozen=True, gc=False):
    """The executor that runs the parent: grow a running workflow (workflows.md section 6)."""

    processgraphid: str = ""
    parentprocessid: str = ""
    childprocessid: str = ""
    spec: FunctionSpec | None = None
    insert: bool = False
