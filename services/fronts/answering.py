"""The owner's end of a link: answers what a front asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, MutableSet
from typing import Any, NamedTuple, cast

from services.fronts.frames import Kind, Reader, answer_frame, frame, read_refused, read_signed
from services.fronts.outbox import Outbox
from services.ingress.app import Node, not_ready
from services.ingress.load import Load, Work
from services.ingress.response import OVERLOADED, Response

__all__ = ["Answering", "Hall"]

_AT_ONCE = 32
"""Parts of frames, 16 answers, that are written before the turn of the loop is over, so that the front need not wait."""


class Hall(NamedTuple):
    """What the owner's ends of all links share.

    `other` makes the general protocol for a connection that is passed on; it is told whether the connection is one
    too many. `connections` and `tasks` are what has to end before the server does.
    """

    node: Node
    load: Load
    other: Callable[[bool], asyncio.Protocol]
    connections: MutableSet[Any]
    tasks: MutableSet[asyncio.Task[None]]


class Answering(asyncio.Protocol):
    """The link to one front."""

    def __init__(self, hall: Hall, on_listening: Callable[[], None]) -> None:
        self._hall = hall
        self._on_listening = on_listening
        self._loop = asyncio.get_running_loop()
        self._frames = Reader()
        self._clients: dict[int, _Client] = {}
        self.requests = 0
        """How many requests came."""
        self.ended = asyncio.Event()
        """Set when the front is gone."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The link is there."""
        self._transport = cast("asyncio.Transport", transport)
        self._say = Outbox(self._transport, _AT_ONCE).say
        self._hall.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The front is gone, and its clients with it."""
        self._hall.connections.discard(self)
        self.ended.set()
        for client in self._clients.values():
            client.leave()

    def shutdown(self) -> None:
        """The server stops."""
        self._say(frame(Kind.STOP))

    def close(self) -> None:
        """Hang up, which ends the front at once."""
        self._transport.abort()

    def parked(self, request: int) -> None:
        """Let the front know that a request waits for work."""
        self._say(frame(Kind.PARKED, request))

    def data_received(self, data: bytes) -> None:
        """Hear what the front says."""
        for kind, request, content in self._frames.read(data):
            if kind == Kind.SIGNED:
                self._begin(self._answer_signed, request, content)
            elif kind == Kind.GONE:
                client = self._clients.get(request)
                if client is not None:
                    client.leave()
            elif kind == Kind.BODY:
                self._begin(self._answer_body, request, content)
            elif kind == Kind.REFUSED:
                self.requests += 1
                self._say(answer_frame(request, self._refused(content)))
            elif kind == Kind.LISTENING:
                self._on_listening()

    def _begin(self, answer: _Answer, request: int, content: bytes) -> None:
        self.requests += 1
        work = self._hall.load.begin()
        if work is None:
            self._say(answer_frame(request, OVERLOADED))
            return
        client = self._clients[request] = _Client(self, request, work)
        client.task = self._loop.create_task(answer(client, content))
        self._hall.tasks.add(client.task)

    async def _answer_signed(self, client: _Client, content: bytes) -> None:
        signed, started = read_signed(content)
        api = self._hall.node.api
        if api is None:
            self._finish(client, not_ready(self._hall.node))
        else:
            self._finish(client, await api.respond_signed(signed, client, started))

    async def _answer_body(self, client: _Client, content: bytes) -> None:
        api = self._hall.node.api
        if api is None:
            self._finish(client, not_ready(self._hall.node))
        else:
            self._finish(client, await api.respond(content, client))

    def _refused(self, content: bytes) -> Response:
        api = self._hall.node.api
        return not_ready(self._hall.node) if api is None else api.refuse(*read_refused(content))

    def _finish(self, client: _Client, response: Response) -> None:
        client.work.end()
        if client.task is not None:
            self._hall.tasks.discard(client.task)
        del self._clients[client.request]
        self._say(answer_frame(client.request, response))


class _Client:
    """A client of a front, and the client's end of its request (`Connection`)."""

    __slots__ = ("_gone", "_link", "is_closed", "request", "task", "work")

    def __init__(self, link: Answering, request: int, work: Work) -> None:
        self._link = link
        self.request = request
        self.work = work
        self.task: asyncio.Task[None] | None = None
        self.is_closed = False
        """Whether the client has hung up, as far as this process knows."""
        self._gone: asyncio.Event | None = None

    def leave(self) -> None:
        """It has hung up."""
        self.is_closed = True
        if self._gone is not None:
            self._gone.set()

    async def closed(self) -> None:
        """Wait until the client hangs up, because its request waits for work."""
        self.work.end()
        if self._gone is None:
            self._gone = asyncio.Event()
            self._link.parked(self.request)
        if not self.is_closed:
            await self._gone.wait()


_Answer = Callable[[_Client, bytes], Coroutine[Any, Any, None]]
"""Answers one request of a client."""
