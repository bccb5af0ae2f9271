"""Nodes: the hardware that executors report, one by one (docs/compatibility.md)."""

from __future__ import annotations

import pytest
from colonyledger.wire import (
    Capabilities,
    ComputeNode,
    GetExecutor,
    GetNode,
    GetNodes,
    GetNodesByLocation,
    Gpu,
    Hardware,
    RejectExecutor,
    RemoveExecutor,
    Software,
    UpdateExecutor,
)

from tests.projections.world import World

BIG = Hardware(
    model="rack",
    nodes=4,
    cores=64,
    mem="512Gi",
    gpu=Gpu("a100", "80Gi", 8, 4),
    platform="linux",
    architecture="amd64",
)


def report(world: World, name: str, *hardware: Hardware, location: str = "") -> None:
    who = world.executor(name, location=location)
    has = Capabilities(hardware=list(hardware), software=[Software("docker"), Software("slurm")])
    world.call(who, UpdateExecutor(colonyname="dev", executorname=name, capabilities=has))


def names(nodes: list[ComputeNode]) -> list[str]:
    return [node.name for node in nodes]


def test_a_node_is_what_an_executor_says_it_has(world: World) -> None:
    report(world, "edge1", BIG, location="Lab")
    executor = world.call(world.user, GetExecutor(colonyname="dev", executorname="edge1"))
    node = ComputeNode(
        executor.executorid,
        "edge1",
        "dev",
        "Lab",
        "linux",
        "amd64",
        64,
        512 * 1024,
        8,
        ["docker", "slurm"],
        {"executor": "edge1", "executortype": "edge", "model": "rack", "nodes": "4"},
        "ready",
        executor.lastheardfromtime,
        executor.commissiontime,
    )
    assert world.call(world.user, GetNodes(colonyname="dev")) == [node]
    assert world.call(world.user, GetNode(colonyname="dev", nodename="edge1")) == node


def test_several_machines_of_one_executor_are_numbered(world: World) -> None:
    report(world, "edge-1", BIG, Hardware(mem="a lot"), Hardware(mem="1024K"))
    world.executor("silent")
    nodes = world.call(world.user, GetNodes(colonyname="dev"))
    assert names(nodes) == ["edge-1", "edge-1-2", "edge-1-3"]
    assert [node.memory for node in nodes] == [512 * 1024, 0, 0]
    assert len({node.id for node in nodes}) == 3
    for node in nodes:
        assert world.call(world.user, GetNode(colonyname="dev", nodename=node.name)) == node


@pytest.mark.parametrize("name", ["gone", "", "edge1-3", "edge1-", "edge1-02", "silent", "silent-2"])
def test_unknown_nodes(world: World, name: str) -> None:
    report(world, "edge1", BIG, BIG)
    world.executor("silent")
    refused = world.refused(world.user, GetNode(colonyname="dev", nodename=name))
    assert refused == (404, "Failed to get node, node is nil")


@pytest.mark.parametrize(
    ("location", "found"),
    [
        ("lab", ["edge1", "edge3"]),
        ("LAB", ["edge1", "edge3"]),
        ("attic", ["edge2"]),
        ("", ["edge4"]),
        ("gone", []),
    ],
)
def test_nodes_by_location(world: World, location: str, found: list[str]) -> None:
    for name, place in (("edge1", "Lab"), ("edge2", "attic"), ("edge3", "lab"), ("edge4", "")):
        report(world, name, BIG, location=place)
    assert names(world.call(world.user, GetNodesByLocation(colonyname="dev", location=location))) == found


def test_a_node_is_ready_while_its_executor_may_work_and_gone_with_it(world: World) -> None:
    report(world, "edge1", BIG, location="lab")
    world.call(world.owner, RejectExecutor(colonyname="dev", executorname="edge1"))
    assert world.call(world.user, GetNode(colonyname="dev", nodename="edge1")).state == "not-ready"
    world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="edge1"))
    assert world.call(world.user, GetNodes(colonyname="dev")) == []
    report(world, "edge1", BIG, location="attic")
    assert names(world.call(world.user, GetNodesByLocation(colonyname="dev", location="lab"))) == []
    assert names(world.call(world.user, GetNodesByLocation(colonyname="dev", location="attic"))) == ["edge1"]
