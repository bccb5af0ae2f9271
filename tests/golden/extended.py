"""A random history of which the first half was copied from partition 2 of another ledger, as the first of two."""

from __future__ import annotations

from msgspec.structs import replace

from projections.epochs import Closed, Epoch
from projections.event import Event
from tests.projections.workload import Workload

__all__ = ["extended"]


def extended() -> list[Event]:
    """The same records in every run."""
    workload = Workload(seed=2)
    world = workload.world
    world.partition = 2
    workload.run(150)
    assert list(world.state.colonies) == ["dev", "other"]
    world.system(Closed(successor="ledger-2"))
    copied = len(world.events)
    world.partition = 0
    world.system(Epoch(partitions=2, former="ledger"))
    assert list(world.state.colonies) == ["dev"]
    events = workload.run(150)
    first = [replace(each, partition=0, record=replace(each.record, origin=2)) for each in events[:copied]]
    return first + events[copied:]
