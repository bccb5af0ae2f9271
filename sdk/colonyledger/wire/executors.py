"""Executors (protocol: members.md section 3)."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

import msgspec

from colonyledger.wire.envelope import Empty, Message
from colonyledger.wire.integers import Int64
from colonyledger.wire.times import ZERO_TIME

__all__ = [
    "AddExecutor",
    "Allocations",
    "ApproveExecutor",
    "Capabilities",
    "ChangeExecutorId",
    "Executor",
    "ExecutorState",
    "GetExecutor",
    "GetExecutorById",
    "GetExecutors",
    "Gpu",
    "Hardware",
    "Project",
    "RejectExecutor",
    "RemoveExecutor",
    "ReportAllocation",
    "Software",
    "UpdateExecutor",
]


class ExecutorState(IntEnum):
    """Where an executor stands (members.md section 3.1)."""

    PENDING = 0
    APPROVED = 1
    REJECTED = 2
    UNREGISTERED = 3


class Gpu(msgspec.Struct, gc=False):
    """Graphics processors, of a machine or asked for."""

    name: str = ""
    mem: str = ""
    count: int = 0
    nodecount: int = 0


class Hardware(msgspec.Struct, gc=False):
    """A kind of machine that an executor has; all texts are free."""

    model: str = ""
    nodes: int = 0
    cpu: str = ""
    cores: int = 0
    mem: str = ""
    storage: str = ""
    gpu: Gpu = msgspec.field(default_factory=Gpu)
    platform: str = ""
    architecture: str = ""
    network: list[str] | None = None


class Software(msgspec.Struct, gc=False):
    """A program that an executor offers."""

    name: str = ""
    type: str = ""
    version: str = ""


class Capabilities(msgspec.Struct, gc=False):
    """What an executor has; for people to read, it does not steer assignment."""

    hardware: list[Hardware] | None = None
    software: list[Software] | None = None


class Project(msgspec.Struct, gc=False):
    """What one project may use, and uses, at an executor."""

    allocatedcpu: Int64 = 0
    usedcpu: Int64 = 0
    allocatedgpu: Int64 = 0
    usedgpu: Int64 = 0
    allocatedstorage: Int64 = 0
    usedstorage: Int64 = 0


class Allocations(msgspec.Struct, gc=False):
    """The projects of an executor, by name."""

    projects: dict[str, Project] | None = None


class Executor(msgspec.Struct, gc=False):
    """A program that takes work of one type. State and times are the server's."""

    executorid: str = ""
    executortype: str = ""
    executorname: str = ""
    colonyname: str = ""
    state: int = ExecutorState.PENDING
    requirefuncreg: bool = False
    commissiontime: datetime = ZERO_TIME
    lastheardfromtime: datetime = ZERO_TIME
    locationname: str = ""
    capabilities: Capabilities = msgspec.field(default_factory=Capabilities)
    allocations: Allocations = msgspec.field(default_factory=Allocations)
    blueprintid: str = ""
    blueprintgen: Int64 = 0


class AddExecutor(Message[Executor], tag="addexecutormsg", frozen=True, gc=False):
    """Colony owner: add an executor; it is pending until it is approved."""

    executor: Executor | None = None


class ApproveExecutor(Message[Empty], tag="approveexecutormsg", frozen=True, gc=False):
    """Colony owner: let an executor work."""

    colonyname: str = ""
    executorname: str = ""


class RejectExecutor(Message[Empty], tag="rejectexecutormsg", frozen=True, gc=False):
    """Colony owner: stop an executor from working."""

    colonyname: str = ""
    executorname: str = ""


class RemoveExecutor(Message[Empty], tag="removeexecutormsg", frozen=True, gc=False):
    """Colony owner: remove an executor; what it was running goes back to the queue."""

    colonyname: str = ""
    executorname: str = ""


class GetExecutors(Message[list[Executor]], tag="getexecutorsmsg", frozen=True, gc=False):
    """Any member: the colony's executors in all states."""

    colonyname: str = ""


class GetExecutor(Message[Executor], tag="getexecutormsg", frozen=True, gc=False):
    """Member: one executor by name."""

    colonyname: str = ""
    executorname: str = ""


class GetExecutorById(Message[Executor], tag="getexecutorbyidmsg", frozen=True, gc=False):
    """Member: one executor by id."""

    colonyname: str = ""
    executorid: str = ""


class UpdateExecutor(Message[Empty], tag="updateexecutormsg", frozen=True, gc=False):
    """The executor itself: replace its capabilities."""

    colonyname: str = ""
    executorname: str = ""
    capabilities: Capabilities = msgspec.field(default_factory=Capabilities)


class ReportAllocation(Message[Empty], tag="reportallocationmsg", frozen=True, gc=False):
    """The executor itself: replace its allocations."""

    colonyname: str = ""
    executorname: str = ""
    allocations: Allocations = msgspec.field(default_factory=Allocations)


class ChangeExecutorId(Message[Empty], tag="changeexecutoridmsg", frozen=True, gc=False):
    """The executor itself: go on with another key; `executorid` is the id of the new one (members.md section 7)."""

    colonyname: str = ""
    executorid: str = ""
