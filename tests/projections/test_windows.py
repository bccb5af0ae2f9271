"""Who may see the windows of a colony, and how many."""

from __future__ import annotations

import pytest
from colonyledger.wire import GetWindows

from projections.event import Refusal
from projections.fold import answer
from projections.registry import REGISTRY
from projections.turn import View
from tests.projections.world import World

ASKED = GetWindows(colonyname="dev", functionname="anything")


def judged(world: World, who: str, message: GetWindows) -> object:
    return answer([View(world.state, who)], REGISTRY["getwindowsmsg"], message)


def test_members_see_the_windows_of_their_colony(world: World) -> None:
    edge = world.executor("edge1")
    assert judged(world, world.user.id, ASKED) == "dev"
    assert judged(world, edge.id, GetWindows(colonyname="dev", count=1000)) == "dev"


@pytest.mark.parametrize("colony", ["dev", "nowhere", ""])
def test_nobody_else_may_ask(world: World, colony: str) -> None:
    for who in (world.server, world.owner):
        with pytest.raises(Refusal) as refused:
            judged(world, who.id, GetWindows(colonyname=colony))
        assert refused.value.status == 403


@pytest.mark.parametrize("count", [-1, 1001])
def test_a_number_out_of_bounds_is_refused(world: World, count: int) -> None:
    with pytest.raises(Refusal, match="count is not between 0 and 1000") as refused:
        judged(world, world.user.id, GetWindows(colonyname="dev", count=count))
    assert refused.value.status == 400
