"""Who takes part in a conversation, and what its moves have made so far, under names that all sides share.

A *symbol* such as `«process:3»` stands for what each side calls the thing by an id of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CAST", "COLONY", "EXECUTORS", "NOBODY", "OTHER_COLONY", "Move", "Scene", "name_of", "symbol"]


def symbol(name: str) -> str:
    """How a symbol is written in a message."""
    return f"«{name}»"


COLONY, OTHER_COLONY = symbol("colony:a"), symbol("colony:b")
NOBODY = symbol("nothing")
"""An id that no side knows."""

EXECUTORS = {"e1": "edge", "e2": "edge", "c1": "cloud", "pending": "edge", "rejected": "edge"}
"""The executors of the colony with their types; the last two are in the state that they are called by."""

CAST = (
    "server",
    "owner",
    "ann",
    "bob",
    *EXECUTORS,
    "heir",
    "otherowner",
    "otheruser",
    "stranger",
    "forger",
)
"""Everybody who calls. `heir` is the key that others change to; what `forger` sends has no good signature."""

MADE_BY = {
    "submitfuncspecmsg": ("processid", "process"),
    "assignprocessmsg": ("processid", "process"),
    "addchildmsg": ("processid", "process"),
    "reconcileblueprintmsg": ("processid", "process"),
    "submitworkflowspecmsg": ("processgraphid", "graph"),
    "addattributemsg": ("attributeid", "attribute"),
    "addcronmsg": ("cronid", "cron"),
    "addgeneratormsg": ("generatorid", "generator"),
    "addfilemsg": ("fileid", "file"),
    "createsnapshotmsg": ("snapshotid", "snapshot"),
    "addfunctionmsg": ("functionid", "function"),
    "addlocationmsg": ("locationid", "location"),
    "addblueprintmsg": ("blueprintid", "blueprint"),
    "addblueprintdefinitionmsg": ("blueprintdefinitionid", "definition"),
}
"""The key of the reply that names something new, and its sort."""


def name_of(executor: str) -> str:
    """The name of an executor: no other conversation has one of that name."""
    return symbol(f"name:{executor}")


@dataclass(frozen=True)
class Move:
    """One RPC: who calls, what, with which JSON. Symbols in it are resolved by each side."""

    who: str
    payloadtype: str
    body: Mapping[str, Any]


@dataclass
class Scene:
    """What has been made, by sort, and who runs which process."""

    made: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    holders: dict[str, str] = field(default_factory=dict)
    graphs: dict[str, str] = field(default_factory=dict)
    """The workflow of each process that is in one."""
    number: int = 0

    def next_number(self) -> int:
        """A number that was not used before."""
        self.number += 1
        return self.number

    def learn(self, move: Move, reply: Any) -> None:
        """Take note of a successful move; `reply` is in symbols."""
        if not isinstance(reply, dict) or move.payloadtype not in MADE_BY:
            return
        key, sort = MADE_BY[move.payloadtype]
        made = str(reply.get(key, ""))
        if made and made not in self.made[sort]:
            self.made[sort].append(made)
        if sort == "process" and (graph := reply.get("processgraphid")):
            self.graphs[made] = graph
        if move.payloadtype == "assignprocessmsg":
            self.holders[made] = move.who
        if sort == "graph":
            for spec in move.body["spec"]["functionspecs"]:
                process = symbol(f"{made[1:-1]}.{spec['nodename']}")
                self.made["process"].append(process)
                self.graphs[process] = made
