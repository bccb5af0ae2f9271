"""Counts of what is stored now (protocol: processes.md section 5, members.md section 1)."""

from __future__ import annotations

import msgspec

from colonyledger.wire.envelope import Message

__all__ = ["GetStatistics", "Statistics"]


class Statistics(msgspec.Struct, gc=False):
    """Counts of one colony, or of the whole server."""

    colonies: int = 0
    executors: int = 0
    activeexecutors: int = 0
    unregisteredexecutors: int = 0
    waitingprocesses: int = 0
    runningprocesses: int = 0
    successfulprocesses: int = 0
    failedprocesses: int = 0
    cancelledprocesses: int = 0
    waitingworkflows: int = 0
    runningworkflows: int = 0
    successfulworkflows: int = 0
    failedworkflows: int = 0
    cancelledworkflows: int = 0


class GetStatistics(Message[Statistics], tag="getstatisticsmsg", frozen=True, gc=False):
    """Server owner: counts of the whole server."""
