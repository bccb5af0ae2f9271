"""Members, processes and workflows as the naive model keeps them, and what the protocol says of each alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from colonyledger.wire import FunctionSpec, Gpu

SECOND = 10**9
DAY = 86_400 * SECOND
WAITING, RUNNING, SUCCESS, FAILED, CANCELLED = range(5)
NAMES = ("waiting", "running", "successful", "failed", "cancelled")
CPU = {"": 0, "500m": 500, "2000m": 2000}
MEM = {"": 0, "1Gi": 1024**3, "8Gi": 8 * 1024**3}
"""The amounts that the model can read, in millicores and bytes; all others are refused."""


class Refused(Exception):
    """An RPC is refused with a status and a text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


def moment(time: int) -> datetime:
    """An instant as it is written on the wire, 0 for the zero time."""
    if not time:
        return datetime(1, 1, 1, tzinfo=UTC)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time // 1000)


@dataclass
class Member:
    """A user (state None) or an executor."""

    name: str
    id: str
    state: int | None = None
    type: str = ""
    location: str = ""
    functions: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


@dataclass(eq=False)
class Proc:
    """A process; times in nanoseconds, 0 for none. `place` orders submissions, `moved` changes of state."""

    id: str
    place: tuple[int, int]
    initiator: Member
    spec: FunctionSpec
    submitted: int
    graph: Graph | None = None
    state: int = WAITING
    holder: Member | None = None
    assigned: bool = False
    started: int = 0
    ended: int = 0
    waitdeadline: int = 0
    execdeadline: int = 0
    moved: int = 0
    retries: int = 0
    offset: int = -1
    waits: bool = False
    closed: bool = False
    attributes: list[tuple[str, str, int]] = field(default_factory=list)
    parents: list[Proc] = field(default_factory=list)
    children: list[Proc] = field(default_factory=list)
    input: list[Any] = field(default_factory=list)
    output: list[Any] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def prioritytime(self) -> int:
        return self.submitted - self.spec.priority * DAY

    @property
    def rank(self) -> tuple[int, tuple[int, int]]:
        """Its place in the queue (queue.md section 3)."""
        return self.prioritytime, self.place

    @property
    def is_candidate(self) -> bool:
        return self.state == WAITING and not self.waits

    def is_held_by(self, member: Member) -> bool:
        """Whether it is assigned to that key, be it registered anew or not."""
        return self.holder is not None and self.holder.id == member.id

    def fits(self, executor: Member, cpu: int | None, mem: int | None) -> bool:
        """The candidate test of queue.md section 4."""
        asked = self.spec.conditions
        names = asked.executornames
        return (
            self.is_candidate
            and asked.executortype == executor.type
            and (names in (None, [], ["*"]) or executor.name in (names or []))
            and asked.locationname.lower() in ("", executor.location.lower())
            and (cpu is None or CPU[asked.cpu] <= cpu)
            and (mem is None or MEM[asked.mem] <= mem)
        )

    def expected(self) -> dict[str, Any]:
        """Its record, but for the ids of attributes, which are in no order."""
        return {
            "processid": self.id,
            "initiatorid": self.initiator.id,
            "initiatorname": self.initiator.name,
            "assignedexecutorid": self.holder.id if self.holder else "",
            "isassigned": self.assigned,
            "state": self.state,
            "prioritytime": self.prioritytime,
            "submissiontime": moment(self.submitted),
            "starttime": moment(self.started),
            "endtime": moment(self.ended),
            "waitdeadline": moment(self.waitdeadline),
            "execdeadline": moment(self.execdeadline),
            "retries": self.retries,
            "attributes": sorted((*each, self.state) for each in self.attributes),
            "spec": self._echoed(),
            "waitforparents": self.waits,
            "parents": [parent.id for parent in self.parents],
            "children": [child.id for child in self.children],
            "processgraphid": self.graph.id if self.graph else "",
            "in": self.input,
            "out": self.output,
            "errors": self.errors,
        }

    def _echoed(self) -> Any:
        spec: dict[str, Any] = msgspec.to_builtins(self.spec)
        asked = spec["conditions"]
        asked["colonyname"] = "dev"
        asked["cpu"], asked["mem"] = f"{CPU[asked['cpu']]}m", f"{MEM[asked['mem']] // 1024**2}Mi"
        asked["storage"], asked["gpu"] = "0Mi", msgspec.to_builtins(Gpu(mem="0Mi"))
        if asked["executornames"] == ["*"]:
            asked["executornames"] = []
        if self.graph and spec["maxexectime"] == 0:
            spec["maxexectime"] = -1
        spec["env"] = {key: value for key, value, kind in self.attributes if kind == 3}
        return spec


@dataclass(eq=False)
class Graph:
    """A workflow."""

    id: str
    initiator: Member
    submitted: int
    members: list[Proc] = field(default_factory=list)
    roots: list[Proc] = field(default_factory=list)
    state: int = WAITING
    started: int = 0
    ended: int = 0

    def resolve(self, now: int) -> None:
        """The rules of workflows.md section 4, first one that applies."""
        states = [member.state for member in self.members]
        if FAILED in states:
            state = FAILED
        elif CANCELLED in states:
            state = CANCELLED
        elif set(states) == {SUCCESS}:
            state = SUCCESS
        else:
            state = RUNNING if SUCCESS in states or RUNNING in states else WAITING
        if (self.state, state) == (WAITING, RUNNING):
            self.started = now
        if state != self.state and state >= SUCCESS:
            self.ended = now
        self.state = state
