"""Order, cycles and drawing of graphs (workflows.md section 1)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import CancelProcessGraph
from hypothesis import given
from hypothesis import strategies as st

from projections.dag import has_cycle
from tests.projections.world import World

NAMES = "abcdef"
graphs = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True, max_size=3), min_size=1
).map(lambda parents: {name: [each for each in own if each in parents] for name, own in parents.items()})
dags = graphs.map(
    lambda parents: {name: [each for each in own if each < name] for name, own in sorted(parents.items())}
)


def reachable(parents: dict[str, list[str]], start: str) -> set[str]:
    """Everything above a node."""
    above: set[str] = set()
    pending = list(parents[start])
    while pending:
        name = pending.pop()
        if name not in above:
            above.add(name)
            pending += parents[name]
    return above


@given(graphs)
def test_a_cycle_is_a_node_above_itself(parents: dict[str, list[str]]) -> None:
    assert has_cycle(parents) == any(name in reachable(parents, name) for name in parents)


def recursive_order(children: dict[str, list[str]], roots: list[str]) -> list[str]:
    """Depth first: a node when it is first met, before its children."""
    met: list[str] = []

    def visit(name: str) -> None:
        if name not in met:
            met.append(name)
            for child in children[name]:
                visit(child)

    for root in roots:
        visit(root)
    return met


@given(dags)
def test_order_edges_and_layers_of_any_workflow(parents: dict[str, list[str]]) -> None:
    world = World()
    world.colony()
    graph = world.workflow(parents)
    names = dict(zip(graph.processids, parents, strict=True))
    children = {name: [child for child in parents if name in parents[child]] for name in parents}
    order = recursive_order(children, [name for name in parents if not parents[name]])
    drawn = world.graph(graph)
    assert [names[each] for each in drawn.processids] == order
    assert [(names[edge.source], names[edge.target]) for edge in drawn.edges] == [
        (source, target) for source in order for target in children[source]
    ]
    nodes = {names[each.id]: each for each in drawn.nodes}
    for name, drawing in nodes.items():
        kind = "input" if not parents[name] else "" if children[name] else "output"
        assert (drawing.type, drawing.data.label) == (kind, name)
        assert all(nodes[parent].position.y < drawing.position.y for parent in parents[name])
    check_layers(drawn.nodes)


def check_layers(nodes: Any) -> None:
    """Boxes stand side by side, every layer in the middle of the widest."""
    layers: dict[int, list[int]] = {}
    for node in nodes:
        layers.setdefault(node.position.y, []).append(node.position.x)
    assert sorted(layers) == [80 * depth for depth in range(len(layers))]
    widest = max(150 * len(layer) + 50 * (len(layer) - 1) for layer in layers.values())
    for layer in layers.values():
        width = 150 * len(layer) + 50 * (len(layer) - 1)
        left = widest // 2 - width // 2
        assert layer == [left + 200 * place for place in range(len(layer))]


def test_colours(world: World, edge: Identity) -> None:
    graph = world.workflow({"ok": [], "no": ["ok"], "run": ["ok"], "wait": ["ok"]})
    world.close(edge, world.assign(edge))
    world.fail(edge, world.assign(edge))
    world.assign(edge)
    colours = {node.data.label: node.style.background for node in world.graph(graph).nodes}
    assert colours == {"ok": "#92d050", "no": "#cb4239", "run": "#4689cd", "wait": "#eee8d8"}
    gone = world.workflow({"a": []})
    world.call(world.user, CancelProcessGraph(processgraphid=gone.processgraphid))
    assert [node.style.background for node in world.graph(gone).nodes] == ["#f5a623"]


def test_an_arrow_moves_while_its_source_runs(world: World, edge: Identity) -> None:
    graph = world.workflow({"a": [], "b": ["a"], "c": ["b"]})
    process = world.assign(edge)
    assert [arrow.animated for arrow in world.graph(graph).edges] == [True, False]
    world.close(edge, process)
    assert [arrow.animated for arrow in world.graph(graph).edges] == [False, False]


@pytest.mark.parametrize("levels", [1, 300])
def test_a_long_chain(world: World, edge: Identity, levels: int) -> None:
    chain = {f"n{each}": [f"n{each - 1}"] if each else [] for each in range(levels)}
    graph = world.workflow(chain)
    drawn = world.graph(graph)
    assert drawn.processids == graph.processids
    assert [node.position.y for node in drawn.nodes] == [80 * each for each in range(levels)]
    world.fail(edge, world.assign(edge))
    assert world.graph(graph).state == 3


def test_a_node_drawn_below_its_longest_path(world: World) -> None:
    graph = world.workflow({"a": [], "d": ["a", "c"], "b": ["a"], "c": ["b"]})
    depths = {node.data.label: node.position.y // 80 for node in world.graph(graph).nodes}
    assert depths == {"a": 0, "b": 1, "c": 2, "d": 3}
