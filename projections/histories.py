"""What became of each blueprint, also after its removal (protocol: blueprints.md section 1.4, quirk B6)."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from colonyledger.wire import Blueprint, BlueprintHistory, GetBlueprintHistory

from projections.event import Refusal
from projections.limits import MAX_BLUEPRINT_HISTORY, MAX_REMOVED_BLUEPRINTS
from projections.registry import Locator, Role, query

if TYPE_CHECKING:
    from projections.state import Colony, State
    from projections.turn import Turn, View

__all__ = ["Histories", "get_blueprint_history", "write_history"]

_DELETE = "delete"


class Histories:
    """The newest changes of each blueprint of one colony, oldest first, and of those that were removed last."""

    __slots__ = ("by_blueprint", "removed")

    def __init__(self) -> None:
        self.by_blueprint: dict[str, deque[BlueprintHistory]] = {}
        self.removed: deque[str] = deque()
        """The ids of removed blueprints, first removal first."""

    def add(self, history: BlueprintHistory) -> None:
        """Keep a change; the removal of a blueprint is its last."""
        changes = self.by_blueprint.setdefault(history.blueprintid, deque(maxlen=MAX_BLUEPRINT_HISTORY))
        changes.append(history)
        if history.changetype == _DELETE:
            self.removed.append(history.blueprintid)
            if len(self.removed) > MAX_REMOVED_BLUEPRINTS:
                del self.by_blueprint[self.removed.popleft()]


def write_history(turn: Turn, colony: Colony, blueprint: Blueprint, changetype: str) -> None:
    """Keep what a blueprint is after a change."""
    colony.histories.add(
        BlueprintHistory(
            turn.new_id(colony),
            blueprint.blueprintid,
            blueprint.kind,
            colony.record.name,
            blueprint.metadata.name,
            blueprint.metadata.generation,
            blueprint.spec,
            blueprint.status,
            turn.moment,
            turn.caller,
            changetype,
        )
    )


Changes = deque[BlueprintHistory]


def _find(state: State, message: GetBlueprintHistory) -> tuple[Colony, Changes] | None:
    for colony in state.homes(message.blueprintid):
        changes = colony.histories.by_blueprint.get(message.blueprintid)
        if changes is not None:
            return colony, changes
    return None


_CHANGES = Locator[GetBlueprintHistory, Changes](
    _find,
    lambda _: Refusal(404, "Blueprint not found"),
    lambda message: message.blueprintid,
    by_id=True,
)


@query(GetBlueprintHistory, Role.MEMBER_OR_OWNER, _CHANGES, "get blueprint history")
def get_blueprint_history(
    view: View, message: GetBlueprintHistory, changes: Changes
) -> list[BlueprintHistory]:
    """The newest changes of a blueprint, newest first (blueprints.md, getblueprinthistory)."""
    return list(islice(reversed(changes), message.limit if message.limit > 0 else None))
