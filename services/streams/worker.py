"""One worker: its processors, and an address at which its metrics are read, until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import uvicorn

from services.history.opening import open_history
from services.ledger.kafka.ledger import KafkaLedger
from services.ledger.kafka.topics import ensure_topic
from services.snapshots import StateBefore, from_nothing, open_store, state_before
from services.streams.historian import Historian
from services.streams.metrics import WorkerMetrics
from services.streams.settings import WorkerSettings
from services.streams.windowing import Windowing

__all__ = ["run"]

logger = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals to the worker."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signals."""
        yield


def run(settings: WorkerSettings) -> None:
    """Work until SIGTERM or SIGINT.

    Raises:
        HistoryRefused: the history cannot be kept there.
        LedgerError: the topics cannot be used, or a record of the ledger is damaged.
        OSError: the address cannot be listened on.
        StoreUnavailable: the place of the snapshots cannot be reached.
        ValueError: there can be no snapshots in such a place.
    """
    asyncio.run(_run(settings))


async def _run(settings: WorkerSettings) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as undo:
        ledger = KafkaLedger(settings.ledger)
        undo.push_async_callback(ledger.close)
        await ledger.start()
        historian = await _start_historian(settings, ledger, undo) if settings.history else None
        windowing = await _start_windowing(settings, ledger.partitions, undo) if settings.windows else None
        endings: list[asyncio.Future[Any]] = [asyncio.create_task(stopped.wait())]
        endings += [each.failed for each in (historian, windowing) if each is not None]
        port = await _serve_metrics(settings, WorkerMetrics(windowing, historian), undo)
        logger.info("working: metrics at http://%s:%d/metrics", settings.host, port)
        done, _ = await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        endings[0].cancel()
        for each in done:
            each.result()


async def _start_historian(settings: WorkerSettings, ledger: KafkaLedger, undo: AsyncExitStack) -> Historian:
    engine = await asyncio.to_thread(open_history, settings.history)
    undo.callback(engine.close)
    before: StateBefore = from_nothing
    if settings.snapshots:
        store = await asyncio.to_thread(open_store, settings.snapshots)
        before = partial(state_before, ledger, store)
    historian = Historian(ledger, engine, before)
    undo.push_async_callback(historian.stop)
    await historian.start()
    return historian


async def _start_windowing(settings: WorkerSettings, partitions: int, undo: AsyncExitStack) -> Windowing:
    for topic in (
        settings.facts(partitions),
        *(settings.stored(each, partitions) for each in ("windows", "ready")),
    ):
        await ensure_topic(replace(topic, partitions=partitions))
    windowing = Windowing(settings, partitions)
    undo.push_async_callback(windowing.stop)
    windowing.start()
    return windowing


async def _serve_metrics(settings: WorkerSettings, metrics: WorkerMetrics, undo: AsyncExitStack) -> int:
    """Serve `/metrics`; the port that is listened on."""

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        found = scope["type"] == "http" and scope["path"] == "/metrics"
        headers = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]
        status = 200 if found else 404
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": metrics.text() if found else b"Not Found\n"})

    config = uvicorn.Config(
        answer, host=settings.host, port=settings.port, lifespan="off", access_log=False, log_level="warning"
    )
    server = _Server(config)
    listening = config.bind_socket()
    listening.listen()
    serving = asyncio.create_task(server.serve(sockets=[listening]))

    async def stop() -> None:
        server.should_exit = True
        await serving

    undo.push_async_callback(stop)
    port: int = listening.getsockname()[1]
    return port
