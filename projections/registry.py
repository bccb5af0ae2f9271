"""The table of all RPCs: one entry says its message, who may call it, and the rule that does it.

Roles, routing, the protocol table of the docs, metrics and tests all read this table.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from colonyledger.wire import Message, payloadtype_of

from projections.event import Refusal

if TYPE_CHECKING:
    from projections.state import Colony, State
    from projections.turn import Turn

__all__ = ["REGISTRY", "Kind", "Locator", "Role", "Rpc", "command", "query", "subscription", "system"]

M = TypeVar("M", bound=Message[Any])
S = TypeVar("S")


class Kind(StrEnum):
    """Where an RPC is recorded, and whether it may change state."""

    COMMAND = "command"
    QUERY = "query"
    SUBSCRIPTION = "subscription"
    """Recorded like a query; served on the websocket only, where its rule gives what is to be watched."""
    SYSTEM = "system"


class Role(Enum):
    """Who may call an RPC (protocol: identity.md section 6); the value is the code used there."""

    ANYBODY = "-"
    SERVER_OWNER = "S"
    COLONY_OWNER = "O"
    MEMBER = "A"
    ANY_MEMBER = "M"
    MEMBER_OR_OWNER = "AO"


class Locator(NamedTuple, Generic[M, S]):
    """How the colony and the thing that a message is about are found.

    `find` gives None if there is no such thing; `missing` is the refusal then. With `by_id`, the
    message names no colony: whoever does not belong to the thing's colony gets `missing` as well,
    so that nobody can probe which ids exist.
    """

    find: Callable[[State, M], tuple[Colony, S | None] | None]
    missing: Callable[[M], Refusal]
    home: Callable[[M], str]
    """The colony's name, or with `by_id` an id that starts with its tag: it says which partition to ask."""
    by_id: bool = False
    aliased: bool = False
    """Whether the id may be one that does not start with the tag of its colony (`Aliases`)."""
    absent: Callable[[M], Refusal] | None = None
    """The refusal if the colony is there and the thing in it is not: `find` gave (colony, None)."""


class Rpc(NamedTuple):
    """One entry of the table."""

    payloadtype: str
    kind: Kind
    message: type[Message[Any]]
    role: Role
    locator: Locator[Any, Any] | None
    """None: the RPC is about the whole server."""
    purpose: str
    """What it does, as it completes the sentence "Failed to …"."""
    rule: Callable[..., Any]
    """Called with the turn or view, the message and, unless it is about the whole server, what was located."""
    replytype: str
    home: Callable[[Any], str]
    """The colony's name, or an id that starts with its tag, that says which partition a message is for."""
    repeated: Callable[[Turn, Any, bytes], None] | None = None
    """Called with the turn, the message and the first one's reply when a command comes again with its nonce."""

    @property
    def module(self) -> str:
        """The module of `projections` that the rule stands in."""
        return self.rule.__module__


REGISTRY: dict[str, Rpc] = {}
"""Every RPC and system event by its payload type."""


def _register(rpc: Rpc) -> None:
    if rpc.payloadtype in REGISTRY:
        raise ValueError(f"{rpc.payloadtype} is registered twice")
    REGISTRY[rpc.payloadtype] = rpc


def _nowhere(message: Message[Any]) -> str:
    return ""


def command(
    message: type[M],
    role: Role,
    locator: Locator[M, S] | None,
    purpose: str,
    home: Callable[[M], str] = _nowhere,
    repeated: Callable[[Turn, M, bytes], None] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated rule as the command of `message`: it may change state.

    `home` is for commands without a locator; with one, the locator says where the message belongs.
    `repeated` is done instead of the rule when the same message comes again with its nonce.
    """

    def register(rule: Callable[..., Any]) -> Callable[..., Any]:
        name = payloadtype_of(message)
        place = home if locator is None else locator.home
        _register(Rpc(name, Kind.COMMAND, message, role, locator, purpose, rule, name, place, repeated))
        return rule

    return register


def query(
    message: type[M], role: Role, locator: Locator[M, S] | None, purpose: str, replytype: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated rule as the query of `message`: it only reads."""

    def register(rule: Callable[..., Any]) -> Callable[..., Any]:
        name = payloadtype_of(message)
        place = _nowhere if locator is None else locator.home
        _register(Rpc(name, Kind.QUERY, message, role, locator, purpose, rule, replytype or name, place))
        return rule

    return register


def subscription(
    message: type[M], role: Role, locator: Locator[M, S], purpose: str, replytype: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated rule as that of a subscription: it gives what is to be watched."""

    def register(rule: Callable[..., Any]) -> Callable[..., Any]:
        name = payloadtype_of(message)
        reply = replytype or name
        _register(Rpc(name, Kind.SUBSCRIPTION, message, role, locator, purpose, rule, reply, locator.home))
        return rule

    return register


def system(message: type[M]) -> Callable[[Callable[[Turn, M], None]], Callable[[Turn, M], None]]:
    """Register the decorated rule for an event that only nodes append."""

    def register(rule: Callable[[Turn, M], None]) -> Callable[[Turn, M], None]:
        name = payloadtype_of(message)
        _register(Rpc(name, Kind.SYSTEM, message, Role.ANYBODY, None, name, rule, name, _nowhere))
        return rule

    return register
