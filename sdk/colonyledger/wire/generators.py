"""Generators: workflows that are submitted when enough arguments have come (protocol: crons-generators.md section 2)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from colonyledger.wire.envelope import Empty, Message
from colonyledger.wire.integers import Int64
from colonyledger.wire.times import ZERO_TIME

__all__ = [
    "AddGenerator",
    "Generator",
    "GetGenerator",
    "GetGenerators",
    "PackGenerator",
    "RemoveGenerator",
    "ResolveGenerator",
]


class Generator(msgspec.Struct, gc=False):
    """A workflow that is submitted with every `trigger` arguments, or with fewer after `timeout` seconds.

    A `timeout` of 0 or less waits for ever. `workflowspec` is the JSON of a WorkflowSpec, as text.
    `checkerperiod` is in milliseconds and for information only.
    """

    generatorid: str = ""
    initiatorid: str = ""
    initiatorname: str = ""
    colonyname: str = ""
    name: str = ""
    workflowspec: str = ""
    trigger: Int64 = 0
    timeout: Int64 = 0
    firstpack: datetime = ZERO_TIME
    lastrun: datetime = ZERO_TIME
    queuesize: int = 0
    checkerperiod: int = 0
    lasterror: str = ""
    """Why the last batch could not be submitted; empty if it was. The reference has no such field."""


class AddGenerator(Message[Generator], tag="addgeneratormsg", frozen=True, gc=False):
    """Member: make a generator."""

    generator: Generator | None = None


class GetGenerator(Message[Generator], tag="getgeneratormsg", frozen=True, gc=False):
    """Member: one generator by id."""

    generatorid: str = ""


class ResolveGenerator(Message[Generator], tag="resolvegeneratormsg", frozen=True, gc=False):
    """Member: one generator by name."""

    colonyname: str = ""
    generatorname: str = ""


class GetGenerators(Message[list[Generator]], tag="getgeneratorsmsg", frozen=True, gc=False):
    """Member: up to `count` generators, oldest first."""

    colonyname: str = ""
    count: Int64 = 0


class PackGenerator(Message[Empty], tag="packgeneratormsg", frozen=True, gc=False):
    """Member: give a generator one more argument."""

    generatorid: str = ""
    arg: str = ""


class RemoveGenerator(Message[Empty], tag="removegeneratormsg", frozen=True, gc=False):
    """Member: remove a generator with the arguments that it has not used. `all` is ignored."""

    generatorid: str = ""
    all: bool = False
