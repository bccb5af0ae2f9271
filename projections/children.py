"""Growing a workflow while it runs (protocol: workflows.md section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from colonyledger.wire import AddChild, ProcessState

from projections import lifecycle
from projections.event import Refusal
from projections.initiators import caller_of
from projections.locators import required
from projections.process import LiveProcess, StoredProcess
from projections.processes import new_process
from projections.registry import Role, command
from projections.specs import check_priority
from projections.workflows import FoundGraph, located_graph

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import Turn

__all__ = ["add_child"]


@command(AddChild, Role.MEMBER, located_graph("add child to", status=400), "add child to processgraph")
def add_child(turn: Turn, message: AddChild, found: FoundGraph) -> StoredProcess:
    """Add a process below a running one of the caller, between it and its children or beside them."""
    colony, graph = found
    spec = required(message.spec, "Failed to add child to processgraph, msg.FunctionSpec is nil")
    parent = _parent(turn, colony, message)
    adopted = [] if message.insert or not message.childprocessid else [_adopted(colony, message)]
    check_priority(spec)
    child = new_process(turn, colony, spec, caller_of(turn, colony), graphid=message.processgraphid)
    childid = child.record.processid
    child.record.parents = [parent.record.processid]
    child.record.waitforparents = True
    child.unfinished_parents = 1
    if message.insert:
        child.record.children = parent.record.children
        parent.record.children = [childid]
        for below in child.record.children:
            _replace_parent(colony.processes.by_id[below], parent.record.processid, childid)
    else:
        parent.record.children = _with(parent.record.children, childid)
        child.record.children = [process.record.processid for process in adopted]
        for process in adopted:
            process.record.parents = _with(process.record.parents, childid)
            process.unfinished_parents += 1
            if not process.record.waitforparents:
                colony.processes.hold(process)
    graph.members.append(childid)
    graph.counts[ProcessState.WAITING] += 1
    lifecycle.submit(turn, colony, child)
    return child.record


def _parent(turn: Turn, colony: Colony, message: AddChild) -> LiveProcess:
    parentid = message.parentprocessid
    parent = colony.processes.by_id.get(parentid)
    if parent is None:
        raise Refusal(400, f"Failed to add child to processgraph, process with Id {parentid} not found")
    if parent.record.state != ProcessState.RUNNING:
        raise Refusal(400, f"Process with Id {parentid} is not running")
    if parent.record.assignedexecutorid != turn.caller:
        raise Refusal(400, f"Process with Id {parentid} is not assigned to executor with Id {turn.caller}")
    if parent.record.processgraphid != message.processgraphid:
        raise Refusal(400, f"Process with Id {parentid} does not belong to a processgraph")
    return parent


def _adopted(colony: Colony, message: AddChild) -> LiveProcess:
    """The process that is to wait for the new one as well (quirk W4).

    It waits, so it cannot be an ancestor of the running one, whose ancestors have succeeded.
    """
    childid = message.childprocessid
    child = colony.processes.by_id.get(childid)
    if child is None or child.record.processgraphid != message.processgraphid:
        raise Refusal(400, f"Failed to add child to processgraph, process with Id {childid} not found")
    if child.record.state != ProcessState.WAITING:
        raise Refusal(400, f"Process with Id {childid} has started; it cannot wait for one more parent")
    return child


def _with(ids: Sequence[str], one_more: str) -> list[str]:
    """The ids and one more; a list that is there already is not copied, for it may be long."""
    ids = ids if isinstance(ids, list) else list(ids)
    ids.append(one_more)
    return ids


def _replace_parent(process: LiveProcess, old: str, new: str) -> None:
    process.record.parents = [*(each for each in process.record.parents if each != old), new]
