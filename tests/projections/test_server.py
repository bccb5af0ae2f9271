"""The server's owner (members.md section 7)."""

from __future__ import annotations

import pytest
from colonyledger.wire import ChangeServerId, Cluster, Empty, GetCluster, GetColonies

from tests.projections.world import World, identity


def test_the_server_changes_hands(world: World) -> None:
    new = identity("heir")
    assert world.call(world.server, ChangeServerId(serverid=new.id.upper())) == Empty()
    denied = (403, "Access denied, not server owner")
    assert world.refused(world.server, GetColonies()) == denied
    assert world.refused(world.server, ChangeServerId(serverid=world.server.id)) == denied
    assert len(world.call(new, GetColonies())) == 1


@pytest.mark.parametrize("serverid", ["", "a" * 63, "g" * 64])
def test_the_server_is_not_handed_to_nobody(world: World, serverid: str) -> None:
    status, text = world.refused(world.server, ChangeServerId(serverid=serverid))
    assert status == 400
    assert text.startswith("Failed to change server Id")
    assert len(world.call(world.server, GetColonies())) == 1


def test_only_the_owner_hands_the_server_over(world: World) -> None:
    denied = (403, "Access denied, not server owner")
    assert world.refused(world.owner, ChangeServerId(serverid=world.owner.id)) == denied


def test_only_the_owner_asks_for_the_cluster_which_the_node_fills_in(world: World) -> None:
    assert world.call(world.server, GetCluster()) == Cluster()
    assert world.refused(world.owner, GetCluster()) == (403, "Access denied, not server owner")
