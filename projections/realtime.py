"""Who may watch processes change (protocol: logs-channels-realtime.md section 3).

A subscription is judged like a read: when it is made, and again before anything is sent. Sending is
the business of `services.realtime`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from colonyledger.wire import ProcessState, SubscribeProcess, SubscribeProcesses

from projections.event import Change, ProcessChanged, Refusal
from projections.locators import member_colony
from projections.process import FINAL, LiveProcess
from projections.processes import Found
from projections.registry import Locator, Role, subscription
from projections.roles import is_member

if TYPE_CHECKING:
    from projections.state import Colony, State
    from projections.turn import View

__all__ = ["can_reach", "colonies_of", "colony_meant", "entered", "subscribe_process", "subscribe_processes"]


def _find(state: State, message: SubscribeProcess) -> tuple[Colony, Found] | None:
    found = state.find_process(message.processid)
    return None if found is None else (found[0], found)


_PROCESS = Locator[SubscribeProcess, Found](
    _find,
    lambda message: Refusal(403, f"Invalid process with Id {message.processid}"),
    lambda message: message.processid,
    by_id=True,
)


@subscription(SubscribeProcess, Role.MEMBER, _PROCESS, "subscribe to process")
def subscribe_process(view: View, message: SubscribeProcess, found: Found) -> LiveProcess:
    """A process each time it enters a state (section 3.2)."""
    _check_state(message.state)
    return found[1]


@subscription(
    SubscribeProcesses,
    Role.MEMBER,
    member_colony(),
    "subscribe to processes",
    replytype="subscribeprocessmsg",
)
def subscribe_processes(view: View, message: SubscribeProcesses, colony: Colony) -> Colony:
    """Each process of an executor type that enters a state (section 3.3)."""
    _check_state(message.state)
    return colony


def colonies_of(states: Iterable[State], caller: str) -> list[str]:
    """The colonies that somebody is a member of."""
    return [name for state in states for name, colony in state.colonies.items() if is_member(colony, caller)]


def colony_meant(names: Sequence[str]) -> str:
    """The colony that is meant by a member of these that names none (section 3.3).

    Raises:
        Refusal: 403, the caller is a member of none; 400, of several.

    """
    if not names:
        raise Refusal(403, "executor not found")
    if len(names) > 1:
        raise Refusal(400, f"Name a colony: this key is a member of {len(names)}")
    return names[0]


def entered(fact: ProcessChanged) -> int | None:
    """The state that a process entered by a change, None if it entered none that is signalled (section 3.4)."""
    if fact.change is Change.READY:
        return ProcessState.WAITING.value
    if fact.change is Change.ASSIGNED:
        return ProcessState.RUNNING.value
    if fact.change is Change.CLOSED:
        return fact.process.record.state
    return None


def can_reach(process: LiveProcess, state: int) -> bool:
    """Whether a process is in `state` or may still enter it."""
    return process.record.state == state or process.record.state not in FINAL


def _check_state(state: int) -> None:
    if not ProcessState.WAITING <= state <= ProcessState.CANCELLED:
        raise Refusal(400, f"There is no process state {state}; states are 0 to 4")
