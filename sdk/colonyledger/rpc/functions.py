"""Functions that executors have registered (protocol: processes.md section 9)."""

from __future__ import annotations

from msgspec.structs import replace

from colonyledger.rpc.caller import Caller
from colonyledger.wire import AddFunction, Function, GetFunctions, RemoveFunction

__all__ = ["FunctionCalls"]


class FunctionCalls(Caller):
    """Calls about functions."""

    async def add_function(self, function: Function) -> Function:
        """The named executor itself: register a function."""
        if not function.colonyname:
            function = replace(function, colonyname=self.colony)
        return await self.call(AddFunction(fun=function))

    async def get_functions(self, executorname: str = "") -> list[Function]:
        """Member: the functions of one executor, or of the whole colony."""
        return await self.call(GetFunctions(colonyname=self.colony, executorname=executorname))

    async def remove_function(self, functionid: str) -> None:
        """The function's executor: unregister it."""
        await self.call(RemoveFunction(functionid=functionid))
