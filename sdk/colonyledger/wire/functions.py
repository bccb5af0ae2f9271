"""Functions that executors have registered (protocol: processes.md sections 4 and 9)."""

from __future__ import annotations

import msgspec

from colonyledger.wire.envelope import Empty, Message
from colonyledger.wire.integers import Int64

__all__ = ["AddFunction", "Function", "FunctionArgument", "GetFunctions", "RemoveFunction"]


class FunctionArgument(msgspec.Struct, gc=False, omit_defaults=True):
    """What a function takes, for people and tools to read."""

    name: str = ""
    type: str = ""
    description: str = ""
    required: bool = False
    enum: list[str] = []


class Function(msgspec.Struct, gc=False):
    """A function of an executor, with its statistics in seconds (queue.md section 9)."""

    functionid: str = ""
    executorname: str = ""
    executortype: str = ""
    colonyname: str = ""
    funcname: str = ""
    description: str = ""
    args: list[FunctionArgument] = []
    counter: Int64 = 0
    minwaittime: float = 0.0
    maxwaittime: float = 0.0
    minexectime: float = 0.0
    maxexectime: float = 0.0
    avgwaittime: float = 0.0
    avgexectime: float = 0.0
    locationname: str = ""


class AddFunction(Message[Function], tag="addfunctionmsg", frozen=True, gc=False):
    """The named executor itself: register a function."""

    fun: Function | None = None


class GetFunctions(Message[list[Function]], tag="getfunctionsmsg", frozen=True, gc=False):
    """Member: the functions of one executor, or of the colony if `executorname` is empty."""

    colonyname: str = ""
    executorname: str = ""


class RemoveFunction(Message[Empty], tag="removefunctionmsg", frozen=True, gc=False):
    """The function's executor: unregister it."""

    functionid: str = ""
