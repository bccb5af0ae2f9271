"""Rates and times of calls in windows of time (docs/streams.md)."""

from __future__ import annotations

from colonyledger.rpc.caller import Caller
from colonyledger.wire import FunctionWindow, GetWindows

__all__ = ["WindowCalls"]


class WindowCalls(Caller):
    """Calls about windows; servers of this project answer them."""

    async def get_windows(
        self, functionname: str = "", executorname: str = "", *, since: int = 0, count: int = 100
    ) -> list[FunctionWindow]:
        """Member: how often functions were called and how long it took, newest window first.

        Each is about one function on one executor; names that are not empty choose. `since` gives only
        windows that begin then, in nanoseconds since 1970, or later; `count` is at most 1,000.
        """
        return await self.call(
            GetWindows(
                colonyname=self.colony,
                functionname=functionname,
                executorname=executorname,
                since=since,
                count=count,
            )
        )
