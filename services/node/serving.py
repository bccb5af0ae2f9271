"""Run a node behind uvicorn until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState

from services.fronts.answering import Hall
from services.fronts.keeper import Fronts
from services.ingress.app import App
from services.ingress.door import KEEP_ALIVE_SECONDS, Door, House
from services.ingress.heads import Heads
from services.ingress.http import HttpProtocol
from services.ingress.load import Load
from services.ingress.metrics import Metrics
from services.node import gauges
from services.node.listening import in_url, listening
from services.node.loop import new_event_loop
from services.node.node import Prepare, ServerNode
from services.node.public import public_answers
from services.node.settings import NodeSettings
from services.node.tls import server_context
from services.realtime.limits import MAX_REQUEST_BYTES, PING_SECONDS

__all__ = ["serve"]

OnReady = Callable[[ServerNode], None]
"""Told once RPCs are served."""

logger = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Uvicorn that sends parked executors away before it waits for open requests. `fronts` take connections for it."""

    def __init__(self, config: uvicorn.Config, node: ServerNode) -> None:
        super().__init__(config)
        self.node = node
        self.fronts: Fronts | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `_serve`: uvicorn would end the process before the ledger is closed."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the open requests."""
        self.node.drain()
        if self.fronts is not None:
            self.fronts.accept_no_more()
        await super().shutdown(sockets)


def serve(settings: NodeSettings, prepare: Prepare | None = None, on_ready: OnReady | None = None) -> None:
    """Serve until SIGTERM or SIGINT; `prepare` comes before RPCs are served, `on_ready` is told after that.

    Raises:
        OSError: the address cannot be listened on, or the data directory cannot be used.
        LedgerRefused: the ledger must not be opened.
        SettingsError: a setting is missing or does not fit the ledger.
        CertificateError: the certificate for HTTPS cannot be used.
    """
    _allow_many_connections()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(settings, prepare, on_ready))


async def _serve(settings: NodeSettings, prepare: Prepare | None, on_ready: OnReady | None) -> None:
    context = (
        server_context(settings.tls_cert, settings.tls_key)
        if settings.tls_cert and settings.tls_key
        else None
    )
    with listening(settings.host, settings.port, settings.workers) as sockets:
        metrics, load = Metrics(), Load(settings.max_requests_in_work)
        node = ServerNode(settings, metrics, sockets[0].getsockname()[1], prepare)
        app = App(node, metrics, load, settings.max_body_bytes)
        is_alone = settings.workers == 1
        server = _Server(_config(settings, app, load, context if is_alone else None), node)
        if not is_alone:
            server.fronts = _fronts(server, settings, sockets, load)
        gauges.register_load(metrics, load, server.fronts)
        _stop_at_signals(server)
        try:
            if server.fronts is not None:
                await server.fronts.start()
            await node.start()
            scheme = "http" if context is None else "https"
            logger.info("listening on %s://%s:%d", scheme, in_url(settings.host), node.port)
            await _run(server, sockets if is_alone else [], _get_ready(node, on_ready))
        finally:
            if server.fronts is not None:
                await server.fronts.stop()
            await node.stop()


def _config(settings: NodeSettings, app: App, load: Load, context: ssl.SSLContext | None) -> uvicorn.Config:
    heads = Heads(settings.max_body_bytes)

    def door(config: uvicorn.Config, server_state: ServerState, app_state: dict[str, Any], **_: Any) -> Door:
        doors, tasks = server_state.connections, server_state.tasks
        other = partial(HttpProtocol, config, server_state, app_state)
        return Door(House(app.respond, heads, load, other, settings.max_connections, doors, tasks))

    return uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", door),
        limit_concurrency=settings.max_connections,
        ssl_context_factory=None if context is None else lambda *_: context,
        ws="websockets-sansio",
        ws_max_size=MAX_REQUEST_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=None,  # a client that works on a message does not answer meanwhile
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        log_level="warning",
        timeout_keep_alive=int(KEEP_ALIVE_SECONDS),
        timeout_graceful_shutdown=settings.graceful_seconds,
    )


def _fronts(server: _Server, settings: NodeSettings, sockets: Sequence[socket.socket], load: Load) -> Fronts:
    """What takes the server's connections in its place; it gets those that are no plain RPCs."""
    state, node = server.server_state, server.node
    server.config.load()
    # The fronts count connections: this process sees only some.
    wanted, surplus = copy(server.config), copy(server.config)
    wanted.limit_concurrency, surplus.limit_concurrency = None, 0

    def other(is_surplus: bool) -> HttpProtocol:
        return HttpProtocol(surplus if is_surplus else wanted, state, {})

    hall = Hall(node, load, other, state.connections, state.tasks)
    return Fronts(settings, sockets, list(public_answers(settings, node.port)), hall)


async def _run(server: _Server, sockets: list[socket.socket], preparation: Coroutine[Any, Any, None]) -> None:
    """Serve, and stop if the preparation fails.

    Raises:
        Exception: what the preparation failed with.
    """

    def stop_if_failed(preparing: asyncio.Task[None]) -> None:
        if not preparing.cancelled() and preparing.exception() is not None:
            server.should_exit = True

    preparing = asyncio.create_task(preparation)
    preparing.add_done_callback(stop_if_failed)
    try:
        await server.serve(sockets=sockets)
    finally:
        preparing.cancel()
        await asyncio.wait([preparing])
    if not preparing.cancelled():
        preparing.result()


async def _get_ready(node: ServerNode, on_ready: OnReady | None) -> None:
    await node.ready()
    if on_ready is not None:
        on_ready(node)


def _stop_at_signals(server: uvicorn.Server) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.handle_exit, number, None)


def _allow_many_connections() -> None:
    """Every parked executor holds a connection, and each needs a file descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            logger.warning("the server can hold only %d connections: %s", soft, error)
