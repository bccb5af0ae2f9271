"""The reference server as a side: it sits out what would end it, or make it break its own rules."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.differential.comparing import differences
from tests.differential.conversation import Verdict
from tests.differential.known import deviation_for
from tests.differential.scene import Move
from tests.differential.sides import HttpSide, Reply

__all__ = ["ReferenceSide"]

_OK = 200
_FINAL = (2, 3, 4)


class ReferenceSide(HttpSide):
    """The reference server. Some of its faults leave a colony in which nothing can be compared any more."""

    def call(self, move: Move, number: int) -> Reply | None:
        """Do it unless it would do harm; `_HARMS` says which and why."""
        harms = _HARMS.get(move.payloadtype)
        if harms is not None and harms(self, move):
            return None
        return super().call(move, number)

    def judge(self, move: Move, ours: Reply, theirs: Reply) -> Verdict:
        """All differences must be explained by a row of docs/compatibility.md."""
        found = [(each, deviation_for(move, each)) for each in differences(ours, theirs)]
        unexplained = [difference for difference, deviation in found if deviation is None]
        return Verdict(unexplained, any(deviation is not None and deviation.parts for _, deviation in found))

    def is_lost_by(self, move: Move) -> bool:
        """It is not by what changes nothing: to close what is closed."""
        return move.payloadtype != "closesuccessfulmsg"

    def _state(self, process: str) -> int | None:
        """The state of a process, None if there is none."""
        status, _, text = self._post("ann", "getprocessmsg", {"processid": process})
        return int(json.loads(text)["state"]) if status == _OK else None

    def _ends_the_server(self, move: Move) -> bool:
        """An unknown id among those of `addchildmsg` (workflows.md, W3)."""
        named = [move.body["parentprocessid"], move.body["childprocessid"]]
        return any(self._state(process) is None for process in named if process)

    def _changes_an_end(self, move: Move) -> bool:
        """Closing what is closed replaces output and end (processes.md, P11 and P12)."""
        return self._state(move.body["processid"]) in _FINAL

    def _changes_a_finished_graph(self, move: Move) -> bool:
        """Cancelling a finished workflow gives it another state (workflows.md, W6)."""
        status, _, text = self._post(
            "ann", "getprocessgraphmsg", {"processgraphid": move.body["processgraphid"]}
        )
        return status == _OK and json.loads(text)["state"] in _FINAL

    def _removes_too_much(self, move: Move) -> bool:
        """Removing workflows of one state takes processes of others along (workflows.md, W2)."""
        return move.body["state"] in (0, *_FINAL)

    def _leaves_half_a_graph(self, move: Move) -> bool:
        """A workflow that is refused stays in part (workflows.md, W7 and W8)."""
        specs = move.body["spec"]["functionspecs"]
        names = {spec["nodename"] for spec in specs}
        return any(parent not in names for spec in specs for parent in spec["conditions"]["dependencies"])

    def _runs_before_it_looks(self, move: Move) -> bool:
        """A cron runs even if who runs it may not (crons-generators.md, C2)."""
        return self._post(move.who, "getcronmsg", {"cronid": move.body["cronid"]})[0] != _OK


_HARMS: dict[str, Callable[[ReferenceSide, Move], bool]] = {
    "addchildmsg": ReferenceSide._ends_the_server,
    "cancelprocessgraphmsg": ReferenceSide._changes_a_finished_graph,
    "closesuccessfulmsg": ReferenceSide._changes_an_end,
    "removeallprocessgraphsmsg": ReferenceSide._removes_too_much,
    "runcronmsg": ReferenceSide._runs_before_it_looks,
    "submitworkflowspecmsg": ReferenceSide._leaves_half_a_graph,
}
