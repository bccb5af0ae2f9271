"""Who work is done for: the id and the name that processes, workflows and files carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from colonyledger.wire import ExecutorState

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import View

__all__ = ["COLONY_OWNER_NAME", "Initiator", "caller_of", "known"]

COLONY_OWNER_NAME = "colonyowner"
"""What the owner of a colony is called where a name is shown (blueprints.md, quirk B2)."""


class Initiator(NamedTuple):
    """The id of a key, and the name that its holder has in the colony."""

    id: str
    name: str


def caller_of(view: View, colony: Colony) -> Initiator:
    """The executor or user that calls; the owner of the colony is called COLONY_OWNER_NAME."""
    if view.executor is not None:
        return Initiator(view.executor.executorid, view.executor.executorname)
    user = colony.users.by_id.get(view.caller)
    if user is not None:
        return Initiator(
            user.userid, user.name
        )  # the member's own text of the id: a million processes share it
    return Initiator(view.caller, COLONY_OWNER_NAME)


def known(colony: Colony, identity: str, since: int) -> Initiator | None:
    """Who goes on now for the one whose id was `identity` at offset `since`; None if nobody does."""
    current = colony.identities.current(identity, since)
    executor = colony.executors.by_id.get(current)
    if executor is not None and executor.state != ExecutorState.UNREGISTERED:
        return Initiator(current, executor.executorname)
    user = colony.users.by_id.get(current)
    if user is not None:
        return Initiator(current, user.name)
    return Initiator(current, COLONY_OWNER_NAME) if current == colony.record.colonyid else None
