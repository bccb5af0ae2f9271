"""Executors that get their work from Kafka, as they would get it over HTTP.

executor = KafkaExecutor(name="edge-1", type="edge", colony="dev", slots=4)

@executor.function
async def square(x: int) -> int:
    return x * x

executor.run()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from colonyledger.client import Client
from colonyledger.executor import Executor
from colonyledger.identity import Identity
from colonyledger.kafka.brokers import KafkaBrokers
from colonyledger.kafka.link import KafkaLink
from colonyledger.kafka.transport import kafka_client, sync_kafka_client
from colonyledger.kafka.worker import SlotWorker
from colonyledger.sync.client import SyncClient
from colonyledger.wire import Capabilities
from colonyledger.worker import Worker

__all__ = ["KafkaExecutor"]


class KafkaExecutor(Executor):
    """A program that runs functions for a colony and reaches its servers through Kafka alone.

    `brokers` says where Kafka is; without it the environment does (`KafkaBrokers`). The executor asks
    for a process for each of its `slots` that is free, by a signed RPC that waits `poll` seconds: that
    is also how long a slot of an executor that died may take work that is then put back by its
    deadline. Everything else is as for `Executor`.
    """

    def __init__(
        self,
        name: str = "",
        type: str = "",  # noqa: A002
        colony: str = "",
        *,
        brokers: KafkaBrokers | None = None,
        identity: Identity | None = None,
        key_file: Path | str | None = None,
        owner: Identity | None = None,
        replace: bool = False,
        unregister: bool | None = None,
        slots: int = 1,
        poll: int = 10,
        cpu: str = "",
        mem: str = "",
        location: str = "",
        capabilities: Capabilities | None = None,
    ) -> None:
        super().__init__(
            name,
            type,
            colony,
            identity=identity,
            key_file=key_file,
            owner=owner,
            replace=replace,
            unregister=unregister,
            concurrency=slots,
            poll=poll,
            cpu=cpu,
            mem=mem,
            location=location,
            capabilities=capabilities,
        )
        self._brokers = brokers
        self._link: KafkaLink | None = None

    @asynccontextmanager
    async def _connected(self, identity: Identity, colony: str) -> AsyncIterator[tuple[Client, SyncClient]]:
        link = self._link = KafkaLink(self._brokers or KafkaBrokers.from_environment())
        loop = asyncio.get_running_loop()
        with sync_kafka_client(link, identity, loop, colony=colony) as sync_client:
            async with kafka_client(link, identity, colony=colony) as client:
                yield client, sync_client

    def _hired(
        self,
        client: Client,
        sync_client: SyncClient,
        readmit: Callable[[float], Awaitable[None]],
        stopping: asyncio.Event,
    ) -> Worker:
        if self._link is None:
            raise RuntimeError("the executor is not connected")
        return SlotWorker(
            client,
            sync_client,
            self._bindings,
            self._demand,
            readmit=readmit,
            stopping=stopping,
            withdraw=self._link.withdraw_assigns,
        )
