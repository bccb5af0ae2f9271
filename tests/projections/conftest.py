"""What fold tests start from."""

from __future__ import annotations

import pytest
from colonyledger.identity import Identity
from hypothesis import settings

from tests.projections.world import World

settings.register_profile("ci", derandomize=True, database=None, deadline=None, max_examples=100)
settings.load_profile("ci")


@pytest.fixture
def world() -> World:
    """A partition with the colony "dev", its owner and the user "alice"."""
    world = World()
    world.colony()
    return world


@pytest.fixture
def edge(world: World) -> Identity:
    """An approved executor of type "edge" called "edge1"."""
    return world.executor("edge1")


@pytest.fixture
def other(world: World) -> Identity:
    """Another approved executor of type "edge", called "edge2"."""
    return world.executor("edge2")
