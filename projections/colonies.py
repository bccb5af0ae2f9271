"""Colonies: added and removed by the server owner (protocol: members.md section 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonyledger.wire import AddColony, Empty, GetColonies, GetColony, RemoveColony
from colonyledger.wire import Colony as ColonyRecord

from projections.event import ColonyRemoved, Refusal
from projections.ids import is_identity
from projections.locators import member_colony, named_colony
from projections.registry import Role, command, query

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import Turn, View

__all__ = ["add_colony", "get_colonies", "get_colony", "remove_colony"]


def _no_colony(name: str) -> Refusal:
    return Refusal(400, f"Colony with name <{name}> not found")


def _new_colony_name(message: AddColony) -> str:
    return message.colony.name if message.colony is not None else ""


@command(AddColony, Role.SERVER_OWNER, None, "add colony", home=_new_colony_name)
def add_colony(turn: Turn, message: AddColony) -> ColonyRecord:
    """Create a colony with its owner (members.md, addcolonymsg)."""
    if message.colony is None:
        raise Refusal(400, "Failed to add colony, colony is <nil>")
    record = ColonyRecord(message.colony.colonyid.lower(), message.colony.name)
    if not is_identity(record.colonyid):
        raise Refusal(400, "Failed to add colony, invalid colony Id length")
    if not record.name:
        raise Refusal(400, "Failed to add colony, the name is empty")
    if record.name in turn.state.colonies:
        raise Refusal(400, f"A Colony with name <{record.name}> already exists")
    turn.state.add_colony(record)
    return record


@command(
    RemoveColony,
    Role.SERVER_OWNER,
    named_colony(lambda message: message.colonyname, _no_colony),
    "remove colony",
)
def remove_colony(turn: Turn, message: RemoveColony, colony: Colony) -> Empty:
    """Remove a colony and everything in it, whatever it is doing (members.md, removecolonymsg)."""
    turn.state.remove_colony(colony)
    turn.tell(ColonyRemoved(colony.record.name))
    return Empty()


@query(GetColonies, Role.SERVER_OWNER, None, "get colonies")
def get_colonies(views: list[View], message: GetColonies) -> list[ColonyRecord]:
    """All colonies (members.md, getcoloniesmsg)."""
    return [colony.record for view in views for colony in view.state.colonies.values()]


@query(GetColony, Role.MEMBER, member_colony(), "get colony")
def get_colony(view: View, message: GetColony, colony: Colony) -> ColonyRecord:
    """One colony (members.md, getcolonymsg)."""
    return colony.record
