"""The state of a workflow follows from the counts of its members (workflows.md section 4)."""

from __future__ import annotations

from itertools import product

import pytest
from colonyledger.wire import ProcessGraph

from projections.graphs import Graphs, LiveGraph
from tests.projections.invariants import graph_state


def live(counts: list[int], key: str = "g", offset: int = 0) -> LiveGraph:
    return LiveGraph(ProcessGraph(key), offset, [], counts)


@pytest.mark.parametrize("counts", [each for each in product(range(2), repeat=5) if any(each)])
def test_the_derived_state(counts: tuple[int, ...]) -> None:
    states = [state for state, count in enumerate(counts) if count]
    assert live(list(counts)).derived_state == graph_state(states)


@pytest.mark.parametrize(("state", "final"), list(enumerate([False, False, True, True, True])))
def test_final_states(state: int, final: bool) -> None:
    graph = live([1, 0, 0, 0, 0])
    graph.record.state = state
    assert graph.is_final is final


def test_listings_follow_the_state_and_come_newest_first() -> None:
    graphs = Graphs([0] * 5)
    made = [live([1, 0, 0, 0, 0], f"g{each}", each) for each in range(200)]
    for graph in made:
        graphs.add(graph)
    for graph in made[::2]:
        for state in (1, 0, 1):
            graphs.set_state(graph, state)
    assert graphs.listed(1, 2) == [made[198], made[196]]
    assert graphs.listed(0, 1000) == made[1::2][::-1]
    for graph in made[::2]:
        graphs.remove(graph)
    assert graphs.counts == [100, 0, 0, 0, 0]
    assert graphs.listed(1, 1000) == []
