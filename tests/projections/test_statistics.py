"""Counts by state (processes.md section 10, members.md section 1)."""

from __future__ import annotations

from colonyledger.identity import Identity
from colonyledger.wire import (
    AddExecutor,
    CancelProcess,
    CancelProcessGraph,
    Executor,
    GetStatistics,
    RejectExecutor,
    RemoveExecutor,
    Statistics,
)

from projections.fold import answer
from projections.registry import REGISTRY
from projections.turn import View
from tests.projections.world import World


def test_every_state_is_counted(world: World, edge: Identity) -> None:
    for name in ("rejected", "removed"):
        world.executor(name)
    world.call(world.owner, RejectExecutor(colonyname="dev", executorname="rejected"))
    world.call(world.owner, RemoveExecutor(colonyname="dev", executorname="removed"))
    world.call(world.owner, AddExecutor(executor=Executor("", "edge", "pending", "dev")))
    for closing in (world.close, world.fail):
        world.submit()
        closing(edge, world.assign(edge))
    world.submit()
    world.assign(edge)
    cancelled = world.submit()
    world.call(world.user, CancelProcess(processid=cancelled.processid))
    for closing in (world.close, world.fail):
        world.workflow({"a": []})
        closing(edge, world.assign(edge))
    running = world.workflow({"a": []})
    world.assign(edge)
    gone = world.workflow({"a": [], "b": ["a"]})
    world.call(world.user, CancelProcessGraph(processgraphid=gone.processgraphid))
    world.submit()
    world.workflow({"a": [], "b": ["a"]})

    counted = Statistics(
        colonies=1,
        executors=4,
        activeexecutors=1,
        unregisteredexecutors=1,
        waitingprocesses=3,
        runningprocesses=2,
        successfulprocesses=2,
        failedprocesses=2,
        cancelledprocesses=3,
        waitingworkflows=1,
        runningworkflows=1,
        successfulworkflows=1,
        failedworkflows=1,
        cancelledworkflows=1,
    )
    assert world.statistics() == counted
    assert world.graph(running).state == 1

    world.colony("other")
    world.submit(colony="other")
    assert world.statistics() == counted
    counted.colonies, counted.executors, counted.waitingprocesses = 2, 3, 4
    assert world.call(world.server, GetStatistics()) == counted


def test_statistics_of_the_server_cover_all_partitions(world: World) -> None:
    second = World()
    second.colony("far")
    second.submit(colony="far")
    world.submit()
    views = [View(each.state, world.server.id) for each in (world, second)]
    counted = answer(views, REGISTRY["getstatisticsmsg"], GetStatistics())
    assert counted == Statistics(colonies=2, waitingprocesses=2)
