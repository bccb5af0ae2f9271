"""Processes: function specifications on their way (protocol: processes.md sections 2 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import Any, Generic, TypeVar

import msgspec

from colonyledger.wire.attributes import Attribute
from colonyledger.wire.envelope import Empty, Message
from colonyledger.wire.functionspec import FunctionSpec
from colonyledger.wire.times import ZERO_TIME

__all__ = [
    "AssignProcess",
    "CancelProcess",
    "CloseFailed",
    "CloseSuccessful",
    "GetPauseStatus",
    "GetProcess",
    "GetProcessHistory",
    "GetProcesses",
    "PauseAssignments",
    "PauseStatus",
    "Process",
    "ProcessOf",
    "ProcessState",
    "RemoveAllProcesses",
    "RemoveProcess",
    "ResumeAssignments",
    "SetOutput",
    "SubmitFunctionSpec",
]


class ProcessState(IntEnum):
    """Where a process, or a workflow, stands (processes.md section 0)."""

    NOTSET = -1
    WAITING = 0
    RUNNING = 1
    SUCCESS = 2
    FAILED = 3
    CANCELLED = 4


SpecT = TypeVar("SpecT")


class ProcessOf(msgspec.Struct, Generic[SpecT], gc=False):
    """A process. `SpecT` is FunctionSpec for clients; the server keeps the spec as encoded JSON."""

    processid: str
    initiatorid: str
    initiatorname: str
    spec: SpecT
    assignedexecutorid: str = ""
    isassigned: bool = False
    state: int = ProcessState.WAITING
    prioritytime: int = 0
    submissiontime: datetime = ZERO_TIME
    starttime: datetime = ZERO_TIME
    endtime: datetime = ZERO_TIME
    waitdeadline: datetime = ZERO_TIME
    execdeadline: datetime = ZERO_TIME
    retries: int = 0
    attributes: Sequence[Attribute] = ()
    waitforparents: bool = False
    parents: Sequence[str] = ()
    children: Sequence[str] = ()
    processgraphid: str = ""
    input: Sequence[Any] = msgspec.field(default=(), name="in")
    output: Sequence[Any] = msgspec.field(default=(), name="out")
    errors: Sequence[str] = ()


Process = ProcessOf[FunctionSpec]


class PauseStatus(msgspec.Struct, tag="pausestatusreplymsg", tag_field="msgtype", gc=False):
    """Whether a colony's assignments are paused."""

    colonyname: str = ""
    ispaused: bool = False


class SubmitFunctionSpec(Message[Process], tag="submitfuncspecmsg", frozen=True, gc=False):
    """Member: submit a function specification."""

    spec: FunctionSpec | None = None


class AssignProcess(Message[Process], tag="assignprocessmsg", frozen=True, gc=False):
    """Executor: ask for work, waiting up to `timeout` seconds; negative answers at once.

    `availablecpu` and `availablemem` limit what is given; empty means no limit.
    """

    colonyname: str = ""
    timeout: int = 0
    availablecpu: str = ""
    availablemem: str = ""


class GetProcess(Message[Process], tag="getprocessmsg", frozen=True, gc=False):
    """Member: one process."""

    processid: str = ""


class GetProcesses(Message[list[Process]], tag="getprocessesmsg", frozen=True, gc=False):
    """Member: up to `count` processes in one state, filtered by whatever is not empty.

    With `processgraphid`, `state` may be -1 for all states.
    """

    colonyname: str = ""
    count: int = 0
    state: int = 0
    executortype: str = ""
    label: str = ""
    initiator: str = ""
    processgraphid: str = ""


class GetProcessHistory(Message[list[Process]], tag="getprocesshistmsg", frozen=True, gc=False):
    """Member: the processes in one state that were submitted in the last `seconds`."""

    colonyname: str = ""
    executorid: str = ""
    seconds: int = 0
    state: int = 0


class RemoveProcess(Message[Empty], tag="removeprocessmsg", frozen=True, gc=False):
    """Member: remove a process that is not running and in no workflow."""

    processid: str = ""
    all: bool = False


class RemoveAllProcesses(Message[Empty], tag="removeallprocessesmsg", frozen=True, gc=False):
    """Colony owner: remove the processes in one state (-1: all) that are in no workflow."""

    colonyname: str = ""
    state: int = 0


class CancelProcess(Message[Empty], tag="cancelprocessmsg", frozen=True, gc=False):
    """Member: cancel a waiting or running process that is in no workflow."""

    processid: str = ""


class CloseSuccessful(Message[Empty], tag="closesuccessfulmsg", frozen=True, gc=False):
    """The assigned executor: finish a process; a non-empty `out` replaces its output."""

    processid: str = ""
    output: list[Any] = msgspec.field(default_factory=list, name="out")


class CloseFailed(Message[Empty], tag="closefailedmsg", frozen=True, gc=False):
    """The assigned executor: give a process up for good."""

    processid: str = ""
    errors: list[str] = []


class SetOutput(Message[Empty], tag="setoutputmsg", frozen=True, gc=False):
    """The assigned executor: set the output of its running process."""

    processid: str = ""
    output: list[Any] = msgspec.field(default_factory=list, name="out")


class PauseAssignments(Message[Empty], tag="pauseassignmentsmsg", frozen=True, gc=False):
    """Colony owner: hand out no work until resumed."""

    colonyname: str = ""


class ResumeAssignments(Message[Empty], tag="resumeassignmentsmsg", frozen=True, gc=False):
    """Colony owner: hand out work again."""

    colonyname: str = ""


class GetPauseStatus(Message[PauseStatus], tag="getpausestatusmsg", frozen=True, gc=False):
    """Any member: whether assignments are paused."""

    colonyname: str = ""
