"""Subscriptions to processes over the websocket (protocol: logs-channels-realtime.md section 3)."""

from __future__ import annotations

from colonyledger.wire.envelope import Message
from colonyledger.wire.integers import Int64
from colonyledger.wire.processes import Process

__all__ = ["SubscribeProcess", "SubscribeProcesses"]


class SubscribeProcess(Message[Process], tag="subscribeprocessmsg", frozen=True, gc=False):
    """Member: a process each time it enters `state`, at once if it is in it, for `timeout` seconds.

    `executortype` may be left empty; otherwise it must be that of the process, or nothing comes.
    """

    processid: str = ""
    executortype: str = ""
    state: int = 0
    timeout: Int64 = 0
    colonyname: str = ""


class SubscribeProcesses(Message[Process], tag="subscribeprocessesmsg", frozen=True, gc=False):
    """Member: each process of an executor type that enters `state` from now on, for `timeout` seconds.

    Without `colonyname` it is the colony that the caller is a member of.
    """

    executortype: str = ""
    state: int = 0
    timeout: Int64 = 0
    colonyname: str = ""
