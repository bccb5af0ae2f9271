"""What a user asks for: a function, who may run it, where, how long (protocol: processes.md section 1)."""

from __future__ import annotations

from typing import Any

import msgspec

from colonyledger.wire.executors import Gpu
from colonyledger.wire.integers import Int32, Int64

__all__ = [
    "Conditions",
    "Filesystem",
    "FunctionSpec",
    "OnConflict",
    "OnConflicts",
    "SnapshotMount",
    "SyncDirectory",
]


class SnapshotMount(msgspec.Struct, gc=False):
    """A snapshot to check out before the function runs."""

    snapshotid: str = ""
    label: str = ""
    dir: str = ""
    keepfiles: bool = False
    keepsnapshot: bool = False


class OnConflict(msgspec.Struct, gc=False):
    """Which side wins."""

    keeplocal: bool = False


class OnConflicts(msgspec.Struct, gc=False):
    """Which side wins before the start and after the close."""

    onstart: OnConflict = msgspec.field(default_factory=OnConflict)
    onclose: OnConflict = msgspec.field(default_factory=OnConflict)


class SyncDirectory(msgspec.Struct, gc=False):
    """A label to synchronise with a directory before the start and after the close."""

    label: str = ""
    dir: str = ""
    keepfiles: bool = False
    onconflicts: OnConflicts = msgspec.field(default_factory=OnConflicts)


class Filesystem(msgspec.Struct, gc=False):
    """Instructions to the executor about files; the server never looks inside."""

    mount: str = ""
    snapshots: list[SnapshotMount | str] | None = None
    dirs: list[SyncDirectory | str] | None = None


class Conditions(msgspec.Struct, gc=False):
    """Who may run the function, and what it needs. Units: processes.md section 1, Units."""

    colonyname: str = ""
    executornames: list[str] | None = None
    executortype: str = ""
    locationname: str = ""
    dependencies: list[str] = []
    nodes: Int32 = 0
    cpu: str = ""
    processes: Int32 = 0
    processespernode: Int32 = 0
    mem: str = ""
    storage: str = ""
    gpu: Gpu = msgspec.field(default_factory=Gpu)
    walltime: Int64 = 0


class FunctionSpec(msgspec.Struct, gc=False):
    """A function to run. Times are in seconds; zero or less means no limit.

    `maxretries` says how often a process is put back after overrunning `maxexectime`; negative
    means for ever.
    """

    nodename: str = ""
    funcname: str = ""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    priority: Int32 = 0
    maxwaittime: Int32 = 0
    maxexectime: Int32 = 0
    maxretries: Int32 = 0
    conditions: Conditions = msgspec.field(default_factory=Conditions)
    label: str = ""
    fs: Filesystem = msgspec.field(default_factory=Filesystem)
    env: dict[str, str] = {}
    channels: list[str] = []
