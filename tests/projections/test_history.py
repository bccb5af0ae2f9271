"""Who may ask the history, and how much of it (decision 21)."""

from __future__ import annotations

from colonyledger.wire import QueryHistory, QueryServerHistory

from projections.event import Refusal
from projections.fold import answer
from projections.registry import REGISTRY
from projections.turn import View
from tests.projections.world import World

ASKED = QueryHistory(colonyname="dev")


def scope(world: World, who: str, message: QueryHistory | QueryServerHistory) -> str | Refusal | None:
    """What the question may see, or why it may not be asked."""
    rpc = next(rpc for rpc in REGISTRY.values() if rpc.message is type(message))
    try:
        seen: str | None = answer([View(world.state, who)], rpc, message)
    except Refusal as refusal:
        return refusal
    return seen


def test_the_owner_of_a_colony_sees_its_rows(world: World) -> None:
    assert scope(world, world.owner.id, ASKED) == "dev"


def test_the_owner_of_the_server_sees_all_rows(world: World) -> None:
    assert scope(world, world.server.id, QueryServerHistory()) is None


def test_nobody_else_may_ask(world: World) -> None:
    for who, asked in (
        (world.user, ASKED),
        (world.server, ASKED),
        (world.user, QueryServerHistory()),
        (world.owner, QueryServerHistory()),
    ):
        refused = scope(world, who.id, asked)
        assert isinstance(refused, Refusal)
        assert refused.status == 403
