"""The state of one partition: what an id leads to."""

from __future__ import annotations

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import AddFunction, RemoveColony, RemoveFunction

from projections.state import State
from tests.projections.world import World, function


@pytest.mark.parametrize("identifier", ["", "x", "0" * 64])
def test_an_empty_state_knows_nothing(identifier: str) -> None:
    state = State()
    assert list(state.homes(identifier)) == []
    assert state.find_process(identifier) is None
    assert state.find_graph(identifier) is None


def test_ids_lead_to_their_colony(world: World, edge: Identity) -> None:
    world.colony("other")
    process = world.submit(env={"A": "1"})
    graph = world.workflow({"a": []})
    world.call(edge, AddFunction(fun=function("edge1", functionid="chosen")))
    dev = world.state.colonies["dev"]
    for each in (process.processid, graph.processgraphid, process.attributes[0].attributeid, "chosen"):
        assert list(world.state.homes(each)) == [dev]
    found = world.state.find_graph(graph.processgraphid)
    assert found is not None
    assert found[0] is dev
    world.call(edge, RemoveFunction(functionid="chosen"))
    assert list(world.state.homes("chosen")) == []


def test_an_id_that_two_colonies_chose_leads_to_both(world: World, edge: Identity) -> None:
    world.colony("other")
    theirs = world.executor("theirs", colony="other")
    colonies = [world.state.colonies[name] for name in ("dev", "other")]
    world.call(edge, AddFunction(fun=function("edge1", functionid="chosen")))
    world.call(theirs, AddFunction(fun=function("theirs", functionid="chosen", colonyname="other")))
    assert list(world.state.homes("chosen")) == colonies
    world.call(edge, RemoveFunction(functionid="chosen"))
    assert list(world.state.homes("chosen")) == colonies[1:]
    world.call(world.server, RemoveColony(colonyname="other"))
    assert list(world.state.homes("chosen")) == []


def test_a_chosen_id_that_starts_with_the_tag_needs_no_look_up(world: World, edge: Identity) -> None:
    chosen = world.state.colonies["dev"].tag + "-echo"
    world.call(edge, AddFunction(fun=function("edge1", functionid=chosen)))
    assert not world.state.is_alias(chosen)
    assert list(world.state.homes(chosen)) == [world.state.colonies["dev"]]
    world.call(edge, AddFunction(fun=function("edge1", "sum", functionid="sum")))
    assert world.state.is_alias("sum")
    world.call(edge, RemoveFunction(functionid=chosen))
    assert world.state.is_alias("sum")
