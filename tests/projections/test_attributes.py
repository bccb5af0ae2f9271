"""Attributes of processes (processes.md sections 3 and 8)."""

from __future__ import annotations

from typing import Any

import pytest
from colonyledger.identity import Identity
from colonyledger.wire import AddAttribute, Attribute, GetAttribute, Message, Process

from projections.ids import tag_of
from projections.specs import attribute_id
from tests.projections.world import World, identity


def add(
    world: World, who: Identity, process: Process, key: str, value: str = "v", kind: int = 1
) -> Attribute:
    new = Attribute(targetid=process.processid, key=key, value=value, attributetype=kind)
    return world.call(who, AddAttribute(attribute=new))


def test_colony_graph_state_and_id_are_the_server_s(world: World, edge: Identity) -> None:
    graph = world.workflow({"a": []})
    process = world.assign(edge)
    sent = Attribute("mine", process.processid, "elsewhere", "nowhere", 4, 1, "k", "v")
    added = world.call(edge, AddAttribute(attribute=sent))
    attributeid = attribute_id(process.processid, "k", 1)
    assert added == Attribute(attributeid, process.processid, "dev", graph.processgraphid, 1, 1, "k", "v")
    assert world.get(process).attributes == [added]
    assert world.call(world.user, GetAttribute(attributeid=attributeid)) == added


@pytest.mark.parametrize("kind", [0, 1, 2, 99])
def test_one_attribute_per_key_and_type(world: World, edge: Identity, kind: int) -> None:
    world.submit()
    process = world.assign(edge)
    other = add(world, edge, process, "k", kind=7)
    first = add(world, edge, process, "k", kind=kind)
    assert add(world, edge, process, "k", kind=kind) == first
    status, _ = world.refused(
        edge,
        AddAttribute(attribute=Attribute(targetid=process.processid, key="k", value="w", attributetype=kind)),
    )
    assert status == 400
    assert world.get(process).attributes == [other, first]


def test_an_environment_attribute_is_part_of_the_environment(world: World, edge: Identity) -> None:
    world.submit(env={"A": "1"}, args=[1, 2.5, None])
    process = world.assign(edge)
    add(world, edge, process, "B", "2", 3)
    add(world, edge, process, "C", "3", 1)
    got = world.get(process)
    assert got.spec.env == {"A": "1", "B": "2"}
    assert got.spec.args == [1, 2.5, None]
    assert [attribute.key for attribute in got.attributes] == ["A", "B", "C"]
    assert add(world, edge, process, "A", "1", 3) == got.attributes[0]


def test_the_state_of_attributes_follows_the_process(world: World, edge: Identity) -> None:
    world.submit(env={"A": "1"}, maxexectime=5, maxretries=1)
    process = world.assign(edge)
    add(world, edge, process, "k")

    def states() -> list[int]:
        return [attribute.state for attribute in world.get(process).attributes]

    assert states() == [1, 1]
    world.tick(5)
    assert states() == [0, 0]
    world.assign(edge)
    world.close(edge, process)
    assert states() == [2, 2]


NOT_RUNNING = "Failed to add attribute, process is not running"


@pytest.mark.parametrize(
    ("caller", "message", "status", "text"),
    [
        ("edge1", AddAttribute(), 400, "Failed to add attribute"),
        (
            "edge1",
            AddAttribute(attribute=Attribute(targetid="x")),
            404,
            "Failed to add attribute, process not found",
        ),
        ("edge1", GetAttribute(attributeid="x"), 400, "Attribute does not exists"),
        ("edge1", GetAttribute(), 400, "Attribute does not exists"),
        ("edge1", GetAttribute(attributeid=tag_of("dev") + "0" * 56), 400, "Attribute does not exists"),
    ],
)
@pytest.mark.usefixtures("edge")
def test_what_is_not_there(world: World, caller: str, message: Message[Any], status: int, text: str) -> None:
    got = world.refused(identity(caller), message)
    assert got[0] == status
    assert got[1].startswith(text)


def test_only_the_executor_of_a_running_process_adds(world: World, edge: Identity, other: Identity) -> None:
    process = world.submit()
    adding = AddAttribute(attribute=Attribute(targetid=process.processid, key="k"))
    assert world.refused(edge, adding) == (403, NOT_RUNNING)
    world.assign(edge)
    only = f"Failed to add attribute, only executor with id <{edge.id}> is allowed to set attributes"
    for who in (other, world.user):
        assert world.refused(who, adding) == (403, only)
    world.close(edge, process)
    assert world.refused(edge, adding) == (403, NOT_RUNNING)
