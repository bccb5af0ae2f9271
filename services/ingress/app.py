"""The HTTP surface (protocol: envelope.md section 1): what answers where, bodies, and CORS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.responses import Response as StarletteResponse
from starlette.types import Message, Receive, Scope, Send

from projections.event import Refusal
from services.ingress.api import Api
from services.ingress.connection import AsgiConnection, Connection
from services.ingress.door import STALLED_SECONDS
from services.ingress.forwarding import Mark, mark_of
from services.ingress.load import Load
from services.ingress.metrics import Metrics
from services.ingress.response import OVERLOADED, Response, refused
from services.realtime import Pubsub

__all__ = ["App", "Health", "Node", "not_ready"]

_MISSING = "404 page not found"

_LARGE_BODIES = 4
"""How many bodies of the largest size may be on their way in at one time."""

_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS",
    "Access-Control-Allow-Headers": "Origin,Content-Length,Content-Type",
    "Access-Control-Max-Age": "43200",
}


class Health(dict[str, Any]):
    """What `/health` says: `status` is "ready", "starting" or "faulty"; the rest is for people."""


class Node(Protocol):
    """What the app needs of the node it is the door of."""

    @property
    def api(self) -> Api | None:
        """Answers RPCs; None until the node has caught up."""

    @property
    def pubsub(self) -> Pubsub | None:
        """Serves subscribers; None until the node has caught up."""

    def health(self) -> Health:
        """How the node is."""


def not_ready(node: Node) -> Response:
    """What RPCs get from a node that cannot answer them yet."""
    reason = node.health().get("reason", "the server is starting")
    return refused(Refusal(503, f"Not ready: {reason}"))


class App:
    """The ASGI application. `max_body` bounds request bodies, in bytes."""

    def __init__(self, node: Node, metrics: Metrics, load: Load, max_body: int) -> None:
        self._node = node
        self._metrics = metrics
        self._load = load
        self._max_body = max_body
        self._arriving = 0
        """Bytes of bodies that came in parts and are not complete."""
        self._pages: dict[tuple[str, str], Callable[[], StarletteResponse]] = {
            ("GET", "/health"): self._health,
            ("GET", "/metrics"): self._scrape,
            ("GET", "/pubsub"): _no_websocket,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._serve_websocket(scope, receive, send)
            return
        if _is_foreign(scope):
            if scope["method"] == "OPTIONS":
                await StarletteResponse(status_code=204, headers=_PREFLIGHT)(scope, receive, send)
                return
            send = _for_any_origin(send)
        if scope["path"] == "/api" and scope["method"] == "POST":
            await self._serve_api(scope, receive, send)
        else:
            await self._page(scope)(scope, receive, send)

    async def respond(self, body: bytes, connection: Connection, mark: Mark | None = None) -> Response:
        """Answer the body of a `POST /api`; `mark` is there if another node has forwarded it."""
        api = self._node.api
        return not_ready(self._node) if api is None else await api.respond(body, connection, mark)

    def _page(self, scope: Scope) -> StarletteResponse:
        method, path = scope["method"], scope["path"]
        page = self._pages.get((method, path))
        if page is not None:
            return page()
        shorter = path.removesuffix("/")
        if shorter != path and ((method, shorter) in self._pages or (method, shorter) == ("POST", "/api")):
            return RedirectResponse(shorter, 301 if method == "GET" else 307)
        return PlainTextResponse(_MISSING, 404)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        pubsub = self._node.pubsub
        if scope["path"] != "/pubsub":
            await PlainTextResponse(_MISSING, 404)(scope, receive, send)
        elif pubsub is None:
            await PlainTextResponse("Not ready", 503, {"Retry-After": "1"})(scope, receive, send)
        else:
            await pubsub.serve(scope, receive, send)

    async def _serve_api(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._read(scope, receive)
        except _ClientGone:
            return
        except Refusal as refusal:
            await _send(send, refused(refusal))
            return
        work = self._load.begin()
        if work is None:
            await _send(send, OVERLOADED)
            return
        response = await self.respond(body, AsgiConnection(receive, work), mark_of(scope["headers"]))
        work.end()
        await _send(send, response)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGone
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            if len(body) > self._max_body:
                raise self._too_large()
            return body
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._max_body:
            raise self._too_large()
        return await self._read_on(receive, body)

    async def _read_on(self, receive: Receive, first: bytes) -> bytes:
        """The rest of a body that comes in parts."""
        parts, size = [first], len(first)
        self._arriving += size
        try:
            more = True
            while more:
                if self._arriving > _LARGE_BODIES * self._max_body:
                    raise Refusal(503, "Too many large requests arrive at the same time")
                try:
                    async with asyncio.timeout(STALLED_SECONDS):
                        message = await receive()
                except TimeoutError:
                    raise Refusal(408, f"Nothing of the request came for {STALLED_SECONDS:g} s") from None
                if message["type"] == "http.disconnect":
                    raise _ClientGone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                self._arriving += len(parts[-1])
                if size > self._max_body:
                    raise self._too_large()
                more = message.get("more_body", False)
        finally:
            self._arriving -= size
        return b"".join(parts)

    def _too_large(self) -> Refusal:
        return Refusal(413, f"The request is larger than {self._max_body} bytes")

    def _health(self) -> StarletteResponse:
        health = self._node.health()
        status = 200 if health["status"] == "ready" else 503
        headers = {} if status == 200 else {"Retry-After": "1"}
        return JSONResponse(health, status, headers)

    def _scrape(self) -> StarletteResponse:
        return StarletteResponse(self._metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _no_websocket() -> StarletteResponse:
    return PlainTextResponse("Bad Request: this is for websockets", 400)


class _ClientGone(Exception):
    """The client hung up in the middle of its request."""


_JSON = (b"content-type", b"application/json")


async def _send(send: Send, response: Response) -> None:
    headers = [_JSON, (b"content-length", b"%d" % len(response.body))]
    if response.retry_after:
        headers.append((b"retry-after", b"%d" % response.retry_after))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _is_foreign(scope: Scope) -> bool:
    """Whether a browser sends this for a page of another server."""
    if not any(name == b"origin" for name, _ in scope["headers"]):
        return False
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    return headers["origin"] not in (f"http://{host}", f"https://{host}")


def _for_any_origin(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Access-Control-Allow-Origin"] = "*"
        await send(message)

    return send_with_header
