"""Who may see the windows of a colony, and how many; the ingress gives them (docs/streams.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonyledger.wire import GetWindows

from projections.event import Refusal
from projections.locators import member_colony
from projections.registry import Role, query

if TYPE_CHECKING:
    from projections.state import Colony
    from projections.turn import View

__all__ = ["MOST_WINDOWS", "get_windows"]

MOST_WINDOWS = 1000
"""The most windows that one request may ask for."""


@query(GetWindows, Role.MEMBER, member_colony(), "get windows")
def get_windows(view: View, message: GetWindows, colony: Colony) -> str:
    """Rates and times of calls by function and executor: the rule names the colony whose windows may be seen."""
    if not 0 <= message.count <= MOST_WINDOWS:
        raise Refusal(400, f"Failed to get windows, count is not between 0 and {MOST_WINDOWS}")
    return colony.record.name
