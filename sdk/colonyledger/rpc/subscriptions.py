"""Subscriptions to processes, and waiting for them (protocol: logs-channels-realtime.md section 3)."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import AsyncGenerator

from colonyledger.errors import ColonyError
from colonyledger.retries import Patience
from colonyledger.rpc.processes import ProcessCalls
from colonyledger.rpc.realtime import RealtimeCaller
from colonyledger.states import is_final
from colonyledger.wire import Process, ProcessState, SubscribeProcess, SubscribeProcesses

__all__ = ["SubscriptionCalls"]

_FOREVER_SECONDS = 365 * 86_400
"""The timeout of a subscription that was given none."""
_ROUND_SECONDS = 60
"""How long `wait` trusts one subscription before it looks again: a server may tell of success only."""


class SubscriptionCalls(ProcessCalls, RealtimeCaller):
    """Subscriptions to changes of processes."""

    async def subscribe_process(
        self,
        processid: str,
        state: ProcessState,
        timeout: int = _FOREVER_SECONDS,  # noqa: ASYNC109
    ) -> AsyncGenerator[Process]:
        """Member: a process each time it enters `state`, at once if it is in it; ends after `timeout` seconds.

        If the process ends in another state, it is given as it is then, and that is the last.

        Raises:
            ConnectionFailed: the connection broke; what happens from then on is not told.
        """
        message = SubscribeProcess(processid=processid, state=state, timeout=timeout, colonyname=self._colony)
        async with self._subscribed(message) as processes:
            while (process := await processes.next()) is not None:
                yield process

    async def subscribe_processes(
        self,
        executortype: str,
        state: ProcessState,
        timeout: int = _FOREVER_SECONDS,  # noqa: ASYNC109
    ) -> AsyncGenerator[Process]:
        """Member: each process of an executor type that enters `state` from now on; ends after `timeout` seconds.

        Raises:
            ConnectionFailed: the connection broke; what happens from then on is not told.
        """
        message = SubscribeProcesses(
            executortype=executortype, state=state, timeout=timeout, colonyname=self.colony
        )
        async with self._subscribed(message) as processes:
            while (process := await processes.next()) is not None:
                yield process

    async def wait(
        self,
        processid: str,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Process:
        """Member: wait until a process has ended, and give it as it is then, whatever its state.

        The server tells when that is; if it cannot be subscribed to, it is asked again and again.

        Raises:
            WaitTimedOut: it did not end within `timeout` seconds. It goes on all the same.
        """
        patience = Patience(timeout, f"Process {processid}")
        while True:
            process = await self.get_process(processid)
            if is_final(process.state):
                return process
            seconds = patience.whole_seconds(_ROUND_SECONDS)
            if not seconds or not await self._changes(processid, seconds):
                await sleep(patience.next())

    async def _changes(self, processid: str, seconds: int) -> bool:
        """Whether a process has ended, or may have, within some seconds; False if that cannot be told."""
        message = SubscribeProcess(
            processid=processid, state=ProcessState.SUCCESS, timeout=seconds, colonyname=self._colony
        )
        try:
            async with self._subscribed(message) as processes:
                await processes.next()
        except ColonyError:
            return False
        return True
