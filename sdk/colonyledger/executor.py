"""Executors in a few lines.

executor = Executor(name="edge-1", type="edge", colony="dev")

@executor.function
async def square(x: int) -> int:
    return x * x

executor.run()
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, overload

from colonyledger.binding import Binding
from colonyledger.client import Client
from colonyledger.environment import Environment
from colonyledger.errors import AccessDenied, ColonyError, ConfigurationError, ConnectionFailed, NotReady
from colonyledger.identity import Identity
from colonyledger.keyfile import identity_in
from colonyledger.registration import add_functions, ensure_member
from colonyledger.setbacks import Setbacks
from colonyledger.sync.client import SyncClient
from colonyledger.wire import Capabilities
from colonyledger.wire import Executor as ExecutorRecord
from colonyledger.worker import Demand, Worker

__all__ = ["Executor"]

_log = logging.getLogger("colonyledger.executor")

F = TypeVar("F", bound=Callable[..., Any])

FORGOTTEN_SECONDS = 300.0
"""After so long without contact a server may have forgotten an executor, which then adds itself again."""


class Executor:
    """A program that runs functions for a colony. It connects to the server; nothing connects to it.

    What is not given is taken from the environment variables that `Environment` lists.

    Its key is `identity`, or the one kept in `key_file`, which is made at the first start. With
    neither, an executor that has the key of the colony's `owner` makes a key for this run only and
    removes itself when it stops; one that has not uses COLONIES_PRVKEY and must have been added and
    approved by the colony's owner. With the owner's key it adds and approves itself; `replace` then
    lets it take over a name that another key has.

    Runs up to `concurrency` processes at a time; each call for work waits `poll` seconds. `cpu` and
    `mem` ("2000m", "4Gi") limit what one process may need.
    """

    def __init__(
        self,
        name: str = "",
        type: str = "",  # noqa: A002
        colony: str = "",
        *,
        server: str = "",
        identity: Identity | None = None,
        key_file: Path | str | None = None,
        owner: Identity | None = None,
        replace: bool = False,
        unregister: bool | None = None,
        concurrency: int = 1,
        poll: int = 60,
        cpu: str = "",
        mem: str = "",
        location: str = "",
        capabilities: Capabilities | None = None,
    ) -> None:
        if concurrency < 1 or poll < 1:
            raise ConfigurationError("concurrency and poll are at least 1.")
        self._name = name
        self._type = type
        self._colony = colony
        self._server = server
        self._identity = identity
        self._key_file = None if key_file is None else Path(key_file)
        self._owner = owner
        self._replace = replace
        self._unregister = unregister
        self._demand = Demand(concurrency, poll, cpu, mem)
        self._location = location
        self._capabilities = capabilities or Capabilities()
        self._bindings: dict[str, Binding] = {}
        self._stop: Callable[[], object] | None = None
        self._stop_asked = False

    @overload
    def function(self, function: F) -> F: ...
    @overload
    def function(self, *, name: str = "", description: str = "") -> Callable[[F], F]: ...
    def function(
        self, function: F | None = None, *, name: str = "", description: str = ""
    ) -> F | Callable[[F], F]:
        """Offer a function under its own name or `name`; used as a decorator.

        It may be async or not; if not, it runs in a thread. What it gets: see `colonyledger.binding`.
        What it returns becomes the only output, unless it is an `Output`, which is the list of
        outputs; None is no output. An exception fails the process; `Failure` says with which words.

        Raises:
            ConfigurationError: the name is taken, or it asks for the wrong kind of call.
        """

        def offer(offered: F) -> F:
            binding = Binding(offered, name, description)
            if binding.name in self._bindings:
                raise ConfigurationError(f"The executor has a function {binding.name} already.")
            self._bindings[binding.name] = binding
            return offered

        return offer if function is None else offer(function)

    def run(self) -> None:
        """Work until SIGINT or SIGTERM; then finish what runs. A second signal ends it at once."""
        asyncio.run(self._serve_with_signals())

    def stop(self) -> None:
        """Ask the executor to finish what runs and end; may be called from any thread.

        One that does not work yet ends as soon as it starts.
        """
        self._stop_asked = True
        if self._stop is not None:
            self._stop()

    async def serve(self) -> None:
        """Work until `stop` is called, in the event loop of the caller, whose signals are left alone.

        Raises:
            ConfigurationError: a setting is missing, the name belongs to another key, or the executor
            was removed or rejected while it was in touch with the server.
            ServerRefused: the server does not let it register.
        """
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(stopping.set)
        if self._stop_asked:
            stopping.set()
        try:
            await self._work(stopping)
        finally:
            self._stop, self._stop_asked = None, False

    async def _work(self, stopping: asyncio.Event) -> None:
        """Register, work until `stopping` is set, and leave."""
        record, identity, owner = self._settled()
        async with self._connected(identity, record.colonyname) as (client, sync_client):

            async def readmit(silence: float) -> None:
                if owner is not None and silence < FORGOTTEN_SECONDS:
                    raise ConfigurationError(
                        f"Executor {record.executorname} is no approved member any more: it was removed or "
                        f"rejected, or another run with another key took its name."
                    )
                await self._registered(client, owner, record, stopping)

            if not await self._registered(client, owner, record, stopping):
                return
            _log.info("Executor %s is at work in colony %s", record.executorname, record.colonyname)
            await self._hired(client, sync_client, readmit, stopping).run()
            if owner is not None and self._leaves:
                await self._removed(client.using(owner), record)

    @asynccontextmanager
    async def _connected(self, identity: Identity, colony: str) -> AsyncIterator[tuple[Client, SyncClient]]:
        """The clients that the executor and its functions call the server by."""
        server = self._server or Environment().url
        with SyncClient(server, identity, colony=colony) as sync_client:
            async with Client(server, identity, colony=colony) as client:
                yield client, sync_client

    def _hired(
        self,
        client: Client,
        sync_client: SyncClient,
        readmit: Callable[[float], Awaitable[None]],
        stopping: asyncio.Event,
    ) -> Worker:
        """Who takes processes and runs them."""
        return Worker(client, sync_client, self._bindings, self._demand, readmit=readmit, stopping=stopping)

    async def _serve_with_signals(self) -> None:
        with _signals(asyncio.get_running_loop(), self.stop):
            await self.serve()

    @property
    def _leaves(self) -> bool:
        """Whether it removes itself when it stops: by default if nobody will have its key then."""
        if self._unregister is None:
            return self._identity is None and self._key_file is None
        return self._unregister

    def _settled(self) -> tuple[ExecutorRecord, Identity, Identity | None]:
        """What to register, the key to work with, and the colony owner's key if there is one."""
        environment = Environment()
        owner = self._owner or (environment.colony_owner if environment.has_colony_owner else None)
        if self._identity is not None:
            identity = self._identity
        elif self._key_file is not None:
            identity = identity_in(self._key_file)
        else:
            identity = environment.identity if owner is None else Identity.generate()
        record = ExecutorRecord(
            executorid=identity.id,
            executortype=self._type or environment.executor_type,
            executorname=self._name or environment.executor_name,
            colonyname=self._colony or environment.colony,
            locationname=self._location,
            capabilities=self._capabilities,
        )
        return record, identity, owner

    async def _registered(
        self, client: Client, owner: Identity | None, record: ExecutorRecord, stopping: asyncio.Event
    ) -> bool:
        """Become a member and register the functions, however long that takes; False if told to stop."""
        setbacks = Setbacks(stopping)
        while not stopping.is_set():
            try:
                if owner is not None:
                    await ensure_member(client, client.using(owner), record, replace=self._replace)
                await add_functions(client, record, self._bindings.values())
            except (ConnectionFailed, NotReady) as error:
                await setbacks.sit_out(error)
            except AccessDenied:
                if owner is not None:
                    raise
                await setbacks.sit_out(
                    f"Executor {record.executorname} is no approved member of {record.colonyname}; the "
                    f"colony's owner can add it: colony executor add --name {record.executorname} "
                    f"--type {record.executortype} --executorid {record.executorid} --approve."
                )
            else:
                return True
        return False

    async def _removed(self, owner: Client, record: ExecutorRecord) -> None:
        try:
            await owner.remove_executor(record.executorname)
        except ColonyError as error:
            _log.warning("Executor %s could not be removed. %s", record.executorname, error)


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at the first SIGINT or SIGTERM; a second one ends the program."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}

    def stop_once() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        _log.info("Stopping; signal again to stop at once")
        stop()

    with suppress(NotImplementedError):  # Windows has no signal handlers in event loops
        for number in numbers:
            loop.add_signal_handler(number, stop_once)
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler)
