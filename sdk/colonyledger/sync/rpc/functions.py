# Written by sdk/generate_sync.py from colonyledger/rpc/functions.py; change that one.
"""Functions that executors have registered (protocol: processes.md section 9)."""

from __future__ import annotations

from msgspec.structs import replace

from colonyledger.sync.rpc.caller import Caller
from colonyledger.wire import AddFunction, Function, GetFunctions, RemoveFunction

__all__ = ["FunctionCalls"]


class FunctionCalls(Caller):
    """Calls about functions."""

    def add_function(self, function: Function) -> Function:
        """The named executor itself: register a function."""
        if not function.colonyname:
            function = replace(function, colonyname=self.colony)
        return self.call(AddFunction(fun=function))

    def get_functions(self, executorname: str = "") -> list[Function]:
        """Member: the functions of one executor, or of the whole colony."""
        return self.call(GetFunctions(colonyname=self.colony, executorname=executorname))

    def remove_function(self, functionid: str) -> None:
        """The function's executor: unregister it."""
        self.call(RemoveFunction(functionid=functionid))
