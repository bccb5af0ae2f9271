"""Crons: workflows that are submitted by the clock (protocol: crons-generators.md section 1)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from colonyledger.wire.envelope import Empty, Message
from colonyledger.wire.integers import Int64
from colonyledger.wire.times import ZERO_TIME

__all__ = ["AddCron", "Cron", "GetCron", "GetCrons", "NewCron", "RemoveCron", "RunCron"]


class Cron(msgspec.Struct, gc=False):
    """A workflow with the times at which it is submitted. Ids, initiator, times and errors are the server's.

    `interval` is in seconds; -1 means that `cronexpression` says when. `workflowspec` is the JSON of
    a WorkflowSpec, as text. `checkerperiod` is in milliseconds and for information only.
    """

    cronid: str = ""
    initiatorid: str = ""
    initiatorname: str = ""
    colonyname: str = ""
    name: str = ""
    cronexpression: str = ""
    interval: Int64 = 0
    random: bool = False
    nextrun: datetime = ZERO_TIME
    lastrun: datetime = ZERO_TIME
    workflowspec: str = ""
    prevprocessgraphid: str = ""
    waitforprevprocessgraph: bool = False
    checkerperiod: int = 0
    lasterror: str = ""
    """Why the last run could not be started; empty if it was. The reference has no such field."""


class NewCron(Cron, omit_defaults=True, gc=False):
    """A cron as clients send it: pycolonies misspells one key (crons-generators.md quirk C14)."""

    waitforprevprocessgrap: bool = False


class AddCron(Message[Cron], tag="addcronmsg", frozen=True, gc=False):
    """Member: submit a workflow by the clock from now on."""

    cron: NewCron | None = None


class GetCron(Message[Cron], tag="getcronmsg", frozen=True, gc=False):
    """Member: one cron."""

    cronid: str = ""


class GetCrons(Message[list[Cron]], tag="getcronsmsg", frozen=True, gc=False):
    """Member: up to `count` crons, oldest first."""

    colonyname: str = ""
    count: Int64 = 0


class RunCron(Message[Cron], tag="runcronmsg", frozen=True, gc=False):
    """Member: run a cron now, unless it waits for the workflow before."""

    cronid: str = ""


class RemoveCron(Message[Empty], tag="removecronmsg", frozen=True, gc=False):
    """Member: remove a cron; the workflows that it started go on. `all` is ignored."""

    cronid: str = ""
    all: bool = False
