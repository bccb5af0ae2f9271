"""Run a node behind uvicorn until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from typing import Any

import uvicorn

from services.ingress.app import App
from services.ingress.http import HttpProtocol
from services.ingress.metrics import Metrics
from services.node.loop import new_event_loop
from services.node.node import Prepare, ServerNode
from services.node.settings import NodeSettings
from services.node.tls import server_context
from services.realtime.limits import MAX_REQUEST_BYTES, PING_SECONDS

__all__ = ["serve"]

_KEEP_ALIVE_SECONDS = 120
_BACKLOG = 4096

OnReady = Callable[[ServerNode], None]
"""Told once RPCs are served."""

logger = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Uvicorn that sends parked executors away before it waits for open requests."""

    def __init__(self, config: uvicorn.Config, node: ServerNode) -> None:
        super().__init__(config)
        self._node = node

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `_serve`: uvicorn would end the process before the ledger is closed."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the open requests."""
        self._node.drain()
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
    with closing(_listen(settings.host, settings.port)) as listening:
        metrics = Metrics()
        node = ServerNode(settings, metrics, listening.getsockname()[1], prepare)
        config = uvicorn.Config(
            App(node, metrics, settings.max_body_bytes),
            http=HttpProtocol,
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
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=settings.graceful_seconds,
        )
        server = _Server(config, node)
        _stop_at_signals(server)
        try:
            await node.start()
            scheme = "http" if context is None else "https"
            logger.info("listening on %s://%s:%d", scheme, _in_url(settings.host), node.port)
            await _run(server, listening, _get_ready(node, on_ready))
        finally:
            await node.stop()


async def _run(server: _Server, listening: socket.socket, preparation: Coroutine[Any, Any, None]) -> None:
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
        await server.serve(sockets=[listening])
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


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise OSError(f"it cannot listen on {_in_url(host)}:{port}: {error.strerror or error}") from None
    listening.setblocking(False)
    return listening


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _allow_many_connections() -> None:
    """Every parked executor holds a connection, and each needs a file descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            logger.warning("the server can hold only %d connections: %s", soft, error)
