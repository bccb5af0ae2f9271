"""Submitting, reading, cancelling and removing workflows (protocol: workflows.md sections 2, 5 and 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from colonyledger.wire import (
    CancelProcessGraph,
    Empty,
    FunctionSpec,
    GetProcessGraph,
    GetProcessGraphs,
    Message,
    ProcessGraph,
    ProcessState,
    RemoveAllProcessGraphs,
    RemoveProcessGraph,
    SubmitWorkflow,
    WorkflowSpec,
)

from projections import lifecycle
from projections.dag import depth_first, drawing, has_cycle
from projections.event import GraphChanged, Refusal
from projections.graphs import LiveGraph
from projections.initiators import Initiator, caller_of
from projections.limits import MAX_LIST_COUNT
from projections.locators import member_colony, owned_colony, required
from projections.process import FINAL, LiveProcess
from projections.processes import new_process
from projections.registry import Locator, Role, command, query
from projections.specs import check_priority

if TYPE_CHECKING:
    from projections.state import Colony, State
    from projections.turn import Turn, View

__all__ = [
    "FoundGraph",
    "cancel_process_graph",
    "check_nodes",
    "get_process_graph",
    "get_process_graphs",
    "located_graph",
    "remove_all_process_graphs",
    "remove_process_graph",
    "submit_graph",
    "submit_workflow",
]

FoundGraph = tuple["Colony", LiveGraph]

_REFUSED = 500
"""The status of a workflow that cannot be (quirk W16)."""


def located_graph(
    doing: str,
    graphid: Callable[[Any], str] = lambda message: message.processgraphid,
    status: int = 500,
) -> Locator[Any, FoundGraph]:
    """The workflow that a message names by id."""

    def find(state: State, message: Message[Any]) -> tuple[Colony, FoundGraph] | None:
        found = state.find_graph(graphid(message))
        return None if found is None else (found[0], found)

    return Locator(
        find, lambda _: Refusal(status, f"Failed to {doing} processgraph, graph is nil"), graphid, by_id=True
    )


def _colony_of_spec(message: SubmitWorkflow) -> str:
    return required(message.spec, "Failed to submit workflow, msg.WorkflowSpec is nil").colonyname


@command(SubmitWorkflow, Role.MEMBER, member_colony(_colony_of_spec), "submit workflow")
def submit_workflow(turn: Turn, message: SubmitWorkflow, colony: Colony) -> ProcessGraph:
    """Queue a workflow (workflows.md section 2)."""
    spec = required(message.spec, "Failed to submit workflow, msg.WorkflowSpec is nil")
    return submit_graph(turn, colony, spec, caller_of(turn, colony)).record


def submit_graph(
    turn: Turn, colony: Colony, spec: WorkflowSpec, initiator: Initiator, root_input: Sequence[Any] = ()
) -> LiveGraph:
    """Queue the processes of a workflow, all or none; `root_input` is what those without parents are given.

    Raises:
        Refusal: 500, a node cannot be understood or the graph cannot be run.

    """
    specs = spec.functionspecs
    parents = check_nodes(specs)
    graphid = turn.new_id(colony)
    processes = [_new_member(turn, colony, each, initiator, graphid) for each in specs]
    ids = {process.nodename: process.record.processid for process in processes}
    children: dict[str, list[str]] = {name: [] for name in ids}
    for process in processes:
        for parent in parents[process.nodename]:
            children[parent].append(process.record.processid)
    for process in processes:
        own = parents[process.nodename]
        process.record.parents = tuple(ids[parent] for parent in own)
        process.record.children = tuple(children[process.nodename])
        process.record.waitforparents = bool(own)
        process.unfinished_parents = len(own)
        if not own:
            process.record.input = root_input
    members = [process.record.processid for process in processes]
    record = ProcessGraph(
        graphid,
        initiator.id,
        initiator.name,
        colony.record.name,
        [process.record.processid for process in processes if not process.record.parents],
        submissiontime=turn.moment,
        processids=members,
    )
    counts = [len(processes), 0, 0, 0, 0]
    graph = LiveGraph(record, turn.event.offset, members, counts)
    colony.graphs.add(graph)
    turn.tell(GraphChanged(colony.record.name, graph))
    for process in processes:
        lifecycle.submit(turn, colony, process)
    return graph


def check_nodes(specs: Sequence[FunctionSpec]) -> dict[str, list[str]]:
    """The parents of each node by name, each once.

    Raises:
        Refusal: 500, the nodes do not form a graph that can be run.

    """
    if not specs:
        raise Refusal(_REFUSED, "Failed to submit workflow, it has no function specs")
    parents: dict[str, list[str]] = {}
    for spec in specs:
        if not spec.nodename:
            raise Refusal(_REFUSED, "Nodename is missing, check function spec for errors")
        if spec.nodename in parents:
            raise Refusal(_REFUSED, f"Duplicate nodename: {spec.nodename}")
        parents[spec.nodename] = list(dict.fromkeys(spec.conditions.dependencies))
    for own in parents.values():
        if any(name not in parents for name in own):
            raise Refusal(
                _REFUSED,
                "Failed to submit workflow, invalid dependencies, "
                "are you depending on a nodename that does not exits?",
            )
    if has_cycle(parents):
        raise Refusal(_REFUSED, "Failed to submit workflow, its dependencies form a cycle")
    return parents


def _new_member(
    turn: Turn, colony: Colony, spec: FunctionSpec, initiator: Initiator, graphid: str
) -> LiveProcess:
    try:
        check_priority(spec)
        return new_process(turn, colony, spec, initiator, graphid=graphid)
    except Refusal as refusal:
        reason = f"Failed to submit workflow, failed to add process: {refusal.message}"
        raise Refusal(_REFUSED, reason) from None


@query(GetProcessGraph, Role.MEMBER, located_graph("get"), "get processgraph")
def get_process_graph(view: View, message: GetProcessGraph, found: FoundGraph) -> ProcessGraph:
    """One workflow, with nodes and edges to draw it (workflows.md sections 1 and 7)."""
    colony, graph = found
    members = _ordered(colony, graph)
    nodes, edges = drawing(members, colony.processes.by_id)
    processids = [process.record.processid for process in members]
    return msgspec.structs.replace(graph.record, processids=processids, nodes=nodes, edges=edges)


@query(GetProcessGraphs, Role.MEMBER, member_colony(), "get processgraphs")
def get_process_graphs(view: View, message: GetProcessGraphs, colony: Colony) -> list[ProcessGraph]:
    """The newest `count` workflows in one state (workflows.md section 7)."""
    if not ProcessState.WAITING <= message.state <= ProcessState.CANCELLED:
        raise Refusal(400, "invalid msg.State")
    if message.count > MAX_LIST_COUNT:
        raise Refusal(400, f"Count is larger than MaxCount limit <{MAX_LIST_COUNT}>")
    if message.count < 0:
        raise Refusal(400, "Failed to get processgraphs, count is negative")
    graphs = colony.graphs.listed(message.state, message.count)
    return [
        msgspec.structs.replace(
            graph.record, processids=[each.record.processid for each in _ordered(colony, graph)]
        )
        for graph in graphs
    ]


def _ordered(colony: Colony, graph: LiveGraph) -> list[LiveProcess]:
    return depth_first(graph.record.rootprocessids, colony.processes.by_id)


@command(RemoveProcessGraph, Role.MEMBER, located_graph("remove"), "remove processgraph")
def remove_process_graph(turn: Turn, message: RemoveProcessGraph, found: FoundGraph) -> Empty:
    """Forget a workflow that is not running, with its processes (workflows.md section 7)."""
    colony, graph = found
    if graph.record.state == ProcessState.RUNNING:
        raise Refusal(400, "Failed to remove processgraph, cannot remove a running processgraph")
    lifecycle.remove_graph(turn, colony, graph)
    return Empty()


@command(RemoveAllProcessGraphs, Role.COLONY_OWNER, owned_colony(), "remove all processgraphs")
def remove_all_process_graphs(turn: Turn, message: RemoveAllProcessGraphs, colony: Colony) -> Empty:
    """Forget the workflows in a state with exactly their processes (workflows.md section 7, quirk W2)."""
    if message.state == ProcessState.RUNNING:
        raise Refusal(400, "not possible to remove running processgraphs")
    if not ProcessState.NOTSET <= message.state <= ProcessState.CANCELLED:
        raise Refusal(400, "invalid state when deleting all processgraphs")
    graphs = colony.graphs
    everything = message.state == ProcessState.NOTSET
    for graph in list(graphs.by_id.values()) if everything else graphs.in_state(message.state):
        lifecycle.remove_graph(turn, colony, graph)
    return Empty()


@command(CancelProcessGraph, Role.MEMBER, located_graph("cancel"), "cancel processgraph")
def cancel_process_graph(turn: Turn, message: CancelProcessGraph, found: FoundGraph) -> Empty:
    """Cancel what has not finished of a workflow; what has finished stays as it is (quirk W6)."""
    colony, graph = found
    for processid in graph.members:
        process = colony.processes.by_id[processid]
        if process.record.state not in FINAL:
            lifecycle.cancel(turn, colony, process)
    return Empty()
