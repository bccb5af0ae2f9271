"""Taking processes and running them, a limited number at a time, until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

from colonyledger.binding import Binding
from colonyledger.client import Client
from colonyledger.context import Call
from colonyledger.errors import (
    AccessDenied,
    ColonyError,
    ConnectionFailed,
    InvalidArgument,
    NotReady,
    TooLarge,
)
from colonyledger.output import Failure, output_of
from colonyledger.setbacks import Setbacks
from colonyledger.sync.client import SyncClient
from colonyledger.sync.context import SyncCall
from colonyledger.wire import Process

__all__ = ["Demand", "Worker"]

_log = logging.getLogger("colonyledger.executor")

_LAST_POLL_SECONDS = 0.5
"""How long an executor that stops waits for the call that asks for work: a process may be on its way."""


@dataclass(frozen=True)
class Demand:
    """What an executor asks for."""

    concurrency: int = 1
    """Processes that it runs at a time."""
    poll: int = 60
    """Seconds that one call waits for work."""
    cpu: str = ""
    """The most processor time that a process may need, such as "2000m"; empty for no limit."""
    mem: str = ""
    """The most memory that a process may need, such as "4Gi"; empty for no limit."""


class Worker:
    """Runs `functions` for the processes that the executor of `client` is given.

    `readmit` is awaited when the server says that the executor is no approved member, with the
    seconds since it last was one.
    """

    def __init__(
        self,
        client: Client,
        sync_client: SyncClient,
        functions: Mapping[str, Binding],
        demand: Demand,
        *,
        readmit: Callable[[float], Awaitable[None]],
        stopping: asyncio.Event,
    ) -> None:
        self._client = client
        self._sync_client = sync_client
        self._functions = functions
        self._demand = demand
        self._readmit = readmit
        self._stopping = stopping
        self._running: set[asyncio.Task[Any]] = set()
        self._threads = ThreadPoolExecutor(demand.concurrency, thread_name_prefix="colony")
        self._setbacks = Setbacks(stopping)
        self._admitted = monotonic()

    async def run(self) -> None:
        """Take and run processes until told to stop, then finish those that run."""
        stop: asyncio.Task[Any] = asyncio.create_task(self._stopping.wait())
        try:
            while not stop.done():
                if len(self._running) >= self._demand.concurrency:
                    await asyncio.wait({stop, *self._running}, return_when=asyncio.FIRST_COMPLETED)
                elif process := await self._next(stop):
                    self._begin(process)
            await self._finish()
        finally:
            for task in (stop, *self._running):
                task.cancel()
            self._threads.shutdown(wait=False)

    def _begin(self, process: Process) -> None:
        task = asyncio.create_task(self._handle(process))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _finish(self) -> None:
        if self._running:
            _log.info("Finishing %d running processes", len(self._running))
            await asyncio.wait(self._running)

    def _ask(self) -> asyncio.Task[Process | None]:
        """One call for work, under way."""
        demand = self._demand
        return asyncio.create_task(
            self._client.assign(timeout=demand.poll, availablecpu=demand.cpu, availablemem=demand.mem)
        )

    async def _next(self, stop: asyncio.Task[Any]) -> Process | None:
        """The next process, None if there is none for now."""
        poll = self._ask()
        try:
            await asyncio.wait({poll, stop}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({poll}, timeout=_LAST_POLL_SECONDS)
        finally:
            poll.cancel()
        try:
            return await self._taken(poll)
        except asyncio.CancelledError:
            if not stop.done():
                raise
        return None

    async def _taken(self, poll: asyncio.Task[Process | None]) -> Process | None:
        """What a call for work gave; None, after a pause, if it failed."""
        try:
            process = await poll
        except AccessDenied as error:
            await self._setbacks.sit_out(error)
            await self._readmit(monotonic() - self._admitted)
        except ColonyError as error:
            await self._setbacks.sit_out(error)
        else:
            self._setbacks.are_over()
            self._admitted = monotonic()
            return process
        return None

    async def _handle(self, process: Process) -> None:
        """Run the function for `process` and close the process with what comes of it."""
        name, started = process.spec.funcname, monotonic()
        _log.info("Process %s: %s started", process.processid, name)
        close: Callable[[], Awaitable[None]]
        try:
            output = output_of(await self._result(process))
        except Failure as failure:
            outcome, close = f"failed: {failure}", self._failing(process, failure.errors)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it ends the process, not us
            _log.warning("Process %s: %s raised", process.processid, name, exc_info=error)
            outcome, close = f"failed: {error}", self._failing(process, [_sentence(error)])
        else:
            outcome, close = "succeeded", partial(self._client.close, process.processid, output)
        _log.info("Process %s: %s %s after %.3f s", process.processid, name, outcome, monotonic() - started)
        try:
            await self._close(process, close)
        except ColonyError as error:
            _log.warning("Process %s: its result was not accepted. %s", process.processid, error)

    async def _result(self, process: Process) -> object:
        name = process.spec.funcname
        binding = self._functions.get(name)
        if binding is None:
            raise Failure(f"Unsupported function: {name}")
        if binding.is_async:
            args, kwargs = binding.arguments(Call(self._client, process))
            return await binding.function(*args, **kwargs)
        args, kwargs = binding.arguments(SyncCall(self._sync_client, process))
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(_in_thread, binding.function, args, kwargs))

    def _failing(self, process: Process, errors: Sequence[str]) -> Callable[[], Awaitable[None]]:
        return partial(self._client.fail, process.processid, errors)

    async def _close(self, process: Process, close: Callable[[], Awaitable[None]]) -> None:
        try:
            await _delivered(close)
        except (InvalidArgument, TooLarge) as error:
            await _delivered(self._failing(process, [f"The result cannot be sent: {error}"]))


async def _delivered(close: Callable[[], Awaitable[None]]) -> None:
    """Close a process, however long the server is away: a result is not to be lost."""
    setbacks = Setbacks(asyncio.Event())
    while True:
        try:
            return await close()
        except (ConnectionFailed, NotReady) as error:
            await setbacks.sit_out(f"A result waits to be delivered. {error}")


def _in_thread(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    try:
        return function(*args, **kwargs)
    except StopIteration as error:  # a future cannot hold it
        raise RuntimeError("the function raised StopIteration") from error


def _sentence(error: BaseException) -> str:
    """What a process that ended with `error` is closed with."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
