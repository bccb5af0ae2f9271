"""Epochs: a ledger ends, and goes on in another one that has more partitions (architecture, Epochs).

Each partition of the new ledger begins as a copy of a partition of the old one, which ends with
`ledgerclosed`. `ledgerepoch` follows in each, and the colonies go that have their home in another copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonyledger.wire import Empty, Int64, Message, payloadtype_of

from projections.event import Event, Refusal
from projections.ids import home_of, tag_of
from projections.messages import system_message
from projections.registry import REGISTRY, system

if TYPE_CHECKING:
    from projections.state import State
    from projections.turn import Turn

__all__ = ["Closed", "Epoch", "begin", "gone_on", "is_told"]


class Closed(Message[Empty], tag="ledgerclosed", frozen=True, gc=False):
    """The partition ends here, and goes on in another ledger. Nothing after this changes anything."""

    successor: str = ""
    """The ledger in which it goes on, as it is named in LEDGER_URL."""


class Epoch(Message[Empty], tag="ledgerepoch", frozen=True, gc=False):
    """What was copied ends here; from now on this partition is one of so many."""

    partitions: Int64 = 0
    former: str = ""
    """The ledger that this one continues, as it was named."""


_EPOCH = payloadtype_of(Epoch)


@system(Closed)
def apply_closed(turn: Turn, message: Closed) -> None:
    """Let the partition rest from now on."""
    turn.state.successor = message.successor


@system(Epoch)
def apply_epoch(turn: Turn, message: Epoch) -> None:
    """Nothing: an epoch that follows a closing has begun before the clock moved, any other one means nothing."""


def begin(state: State, event: Event) -> bool:
    """Whether an epoch begins with an event after the closing: then every colony goes that has its home elsewhere.

    Before the clock moves, so that what was due meanwhile happens in one partition only.
    """
    message = system_message(event, REGISTRY[_EPOCH])
    if not isinstance(message, Epoch) or event.origin >= message.partitions:
        return False
    state.successor = None
    elsewhere = [
        colony
        for colony in state.colonies.values()
        if home_of(colony.tag, message.partitions) != event.origin
    ]
    for colony in elsewhere:
        state.remove_colony(colony)
    return True


def gone_on(successor: str) -> Refusal:
    """What is said to whoever wants something done by a partition that is closed."""
    return Refusal(503, f"This ledger is closed and goes on as {successor}: ask a server of that one")


def is_told(event: Event, colony: str, partitions: int) -> bool:
    """Whether history, facts and windows tell what an event of a ledger of so many partitions came to.

    What was copied is in several partitions: what concerns a colony is told in its home, what
    concerns none (`colony` is empty) in the partition of the same number as the first one.
    """
    if event.record.origin < 0:
        return True
    return event.partition == (home_of(tag_of(colony), partitions) if colony else event.origin)
