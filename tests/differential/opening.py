"""How every conversation begins: two colonies with their members."""

from __future__ import annotations

from tests.differential.members import executor, user
from tests.differential.scene import COLONY, EXECUTORS, OTHER_COLONY, Move, name_of, symbol

__all__ = ["FIRST", "opening"]

FIRST = {
    "members": ["addfunctionmsg", "addlocationmsg"],
    "work": ["submitfuncspecmsg", "submitfuncspecmsg", "submitfuncspecmsg", "assignprocessmsg"],
    "workflows": ["submitworkflowspecmsg", "submitworkflowspecmsg"],
    "files": ["addfilemsg", "addfilemsg", "addfilemsg"],
    "logs": ["addexecutorlogmsg"],
    "crons": ["addcronmsg"],
    "generators": ["addgeneratormsg"],
    "blueprints": ["addblueprintdefinitionmsg", "addblueprintdefinitionmsg", "addblueprintmsg"],
}
"""The moves with which a domain comes to life: most others are refused before."""


def opening() -> list[Move]:
    """The moves that everything else stands on."""
    made = [
        Move("server", "addcolonymsg", {"colony": {"colonyid": symbol("id:owner"), "name": COLONY}}),
        Move(
            "server", "addcolonymsg", {"colony": {"colonyid": symbol("id:otherowner"), "name": OTHER_COLONY}}
        ),
        Move("owner", "addusermsg", {"user": user("ann")}),
        Move("owner", "addusermsg", {"user": user("bob")}),
        Move("otherowner", "addusermsg", {"user": user("otheruser", OTHER_COLONY)}),
    ]
    for name in EXECUTORS:
        made.append(Move("owner", "addexecutormsg", {"executor": executor(name)}))
        if name != "pending":
            decision = "rejectexecutormsg" if name == "rejected" else "approveexecutormsg"
            made.append(Move("owner", decision, {"colonyname": COLONY, "executorname": name_of(name)}))
    return made
