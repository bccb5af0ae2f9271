"""Who may do what (protocol: identity.md sections 5 and 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colonyledger.wire import ExecutorState, Message

from projections.event import Refusal
from projections.registry import Role, Rpc

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import View

__all__ = ["authorise", "belongs", "is_member"]

_NOT_SERVER_OWNER = "Access denied, not server owner"
_NOT_COLONY_OWNER = "Access denied, not colony owner"


def authorise(rpc: Rpc, view: View, message: Message[Any]) -> Any:
    """Find what `message` is about and check that the caller may do it.

    Returns:
        What the locator found, None for an RPC about the whole server.

    Raises:
        Refusal: there is no such thing, or the caller may not.

    """
    locator = rpc.locator
    if locator is None:
        if rpc.role is Role.SERVER_OWNER and view.caller != view.state.server_id:
            raise Refusal(403, _NOT_SERVER_OWNER)
        return None
    if rpc.role is Role.SERVER_OWNER and view.caller != view.state.server_id:
        raise Refusal(403, _NOT_SERVER_OWNER)
    found = locator.find(view.state, message)
    if found is None:
        raise locator.missing(message)
    colony, subject = found
    view.executor = colony.executors.by_id.get(view.caller)
    if not _permits(rpc.role, colony, view):
        named = locator.home(message) == colony.record.name
        if locator.by_id and not named and not belongs(colony, view.caller):
            raise locator.missing(message)
        raise _denied(rpc.role, colony)
    if subject is None and locator.absent is not None:
        raise locator.absent(message)
    return subject


def is_member(colony: Colony, caller: str) -> bool:
    """Whether the caller is an approved executor or a user of the colony."""
    executor = colony.executors.by_id.get(caller)
    return (executor is not None and executor.state == ExecutorState.APPROVED) or caller in colony.users.by_id


def belongs(colony: Colony, caller: str) -> bool:
    """Whether the colony knows the caller at all: as owner, user, or executor in any state."""
    return (
        caller == colony.record.colonyid or caller in colony.users.by_id or caller in colony.executors.by_id
    )


def _permits(role: Role, colony: Colony, view: View) -> bool:
    executor, caller = view.executor, view.caller
    if role is Role.MEMBER or role is Role.MEMBER_OR_OWNER:
        if (
            executor is not None and executor.state == ExecutorState.APPROVED
        ) or caller in colony.users.by_id:
            return True
        return role is Role.MEMBER_OR_OWNER and caller == colony.record.colonyid
    if role is Role.ANY_MEMBER:
        known = executor is not None and executor.state in (ExecutorState.PENDING, ExecutorState.APPROVED)
        return known or caller in colony.users.by_id
    if role is Role.COLONY_OWNER:
        return caller == colony.record.colonyid
    return True


def _denied(role: Role, colony: Colony) -> Refusal:
    if role in (Role.COLONY_OWNER, Role.MEMBER_OR_OWNER):
        return Refusal(403, _NOT_COLONY_OWNER)
    return Refusal(403, f"Access denied, not a member of Colony with name <{colony.record.name}>")
