"""Directed acyclic graphs of processes: order, cycles, and how dashboards draw them.

Protocol: workflows.md section 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from colonyledger.wire import Edge, Node, NodeData, NodePosition, NodeStyle, ProcessState

from projections.process import LiveProcess

__all__ = ["depth_first", "drawing", "has_cycle"]

_BOX_WIDTH, _GAP, _LEVEL_HEIGHT = 150, 50, 80
_COLOURS = ("#eee8d8", "#4689cd", "#92d050", "#cb4239", "#f5a623")


def has_cycle(parents: Mapping[str, Sequence[str]]) -> bool:
    """Whether some node is its own ancestor; `parents` has every node as a key."""
    waiting = {name: len(own) for name, own in parents.items()}
    children: dict[str, list[str]] = {name: [] for name in parents}
    for name, own in parents.items():
        for parent in own:
            children[parent].append(name)
    free = [name for name, count in waiting.items() if count == 0]
    for name in free:
        for child in children[name]:
            waiting[child] -= 1
            if waiting[child] == 0:
                free.append(child)
    return len(free) < len(parents)


def depth_first(roots: Sequence[str], processes: Mapping[str, LiveProcess]) -> list[LiveProcess]:
    """Everything reachable from the roots, each once, as first met on the way down."""
    met: dict[str, LiveProcess] = {}
    pending = list(reversed(roots))
    while pending:
        processid = pending.pop()
        if processid not in met:
            met[processid] = processes[processid]
            pending.extend(reversed(met[processid].record.children))
    return list(met.values())


def drawing(
    members: Sequence[LiveProcess], processes: Mapping[str, LiveProcess]
) -> tuple[list[Node], list[Edge]]:
    """Boxes and arrows for `members`, which are in depth-first order."""
    depths = _depths(members, processes)
    levels: dict[int, int] = {}
    for process in members:
        depth = depths[process.record.processid]
        levels[depth] = levels.get(depth, 0) + 1
    widest = max((_width(count) for count in levels.values()), default=0)
    placed: dict[int, int] = {}
    nodes: list[Node] = []
    edges: list[Edge] = []
    for process in members:
        record = process.record
        depth = depths[record.processid]
        column = placed.get(depth, 0)
        placed[depth] = column + 1
        shift = widest // 2 - _width(levels[depth]) // 2
        kind = "input" if not record.parents else "" if record.children else "output"
        nodes.append(
            Node(
                record.processid,
                NodeData(process.nodename),
                NodePosition(shift + column * (_BOX_WIDTH + _GAP), depth * _LEVEL_HEIGHT),
                kind,
                NodeStyle("", _COLOURS[record.state]),
            )
        )
        edges.extend(
            Edge(f"{record.processid}-{child}", record.processid, child, record.state == ProcessState.RUNNING)
            for child in record.children
        )
    return nodes, edges


def _width(count: int) -> int:
    return _BOX_WIDTH * count + _GAP * (count - 1)


def _depths(members: Sequence[LiveProcess], processes: Mapping[str, LiveProcess]) -> dict[str, int]:
    """The longest path from a root to each member, so that every arrow points down (quirk W15)."""
    waiting = {process.record.processid: len(process.record.parents) for process in members}
    depths = {process.record.processid: 0 for process in members}
    free = [processid for processid, count in waiting.items() if count == 0]
    for processid in free:
        for child in processes[processid].record.children:
            depths[child] = max(depths[child], depths[processid] + 1)
            waiting[child] -= 1
            if waiting[child] == 0:
                free.append(child)
    return depths
