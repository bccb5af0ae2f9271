"""How messages name the colony that they are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from colonyledger.wire import Message

from projections.event import Refusal
from projections.registry import Locator

if TYPE_CHECKING:
    from projections.state import Colony, State

__all__ = ["member_colony", "named_colony", "owned_colony", "required", "within"]

M = TypeVar("M", bound=Message[Any])
T = TypeVar("T")
S = TypeVar("S")


def required(value: T | None, message: str) -> T:
    """The embedded object of a message.

    Raises:
        Refusal: 400, it is missing.

    """
    if value is None:
        raise Refusal(400, message)
    return value


def named_colony(name: Callable[[M], str], missing: Callable[[str], Refusal]) -> Locator[M, Colony]:
    """The colony of a name that the message holds; `missing` is the refusal if there is none of that name."""

    def find(state: State, message: M) -> tuple[Colony, Colony] | None:
        colony = state.colonies.get(name(message))
        return None if colony is None else (colony, colony)

    return Locator(find, lambda message: missing(name(message)), name)


def member_colony(name: Callable[[M], str] = lambda message: message.colonyname) -> Locator[M, Colony]:  # type: ignore[attr-defined]
    """The colony that a member names (protocol: identity.md section 6, checks A and M)."""
    return named_colony(name, lambda colony: Refusal(403, f"Colony with name <{colony}> does not exists"))


def owned_colony(name: Callable[[M], str] = lambda message: message.colonyname) -> Locator[M, Colony]:  # type: ignore[attr-defined]
    """The colony that an owner names (protocol: identity.md section 6, check O)."""

    def missing(colony: str) -> Refusal:
        return Refusal(403, f"Colony with name <{colony}> does not exists" if colony else "Empty Colony name")

    return named_colony(name, missing)


def within(
    colony: Locator[M, Colony], pick: Callable[[Colony, M], S | None], absent: Callable[[M], Refusal]
) -> Locator[M, tuple[Colony, S]]:
    """A thing inside of a colony that the message names; the rule is given (colony, thing).

    Whether there is such a thing is only told to those who may ask: `absent` comes after the check of roles.
    """

    def find(state: State, message: M) -> tuple[Colony, tuple[Colony, S] | None] | None:
        found = colony.find(state, message)
        if found is None:
            return None
        thing = pick(found[0], message)
        return found[0], None if thing is None else (found[0], thing)

    return Locator(find, colony.missing, colony.home, absent=absent)
