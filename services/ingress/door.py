"""One connection, as long as it carries plain RPCs: the short way of `POST /api` (protocol: envelope.md section 1).

What is not plain (another path, a body in parts, a browser's page of another site) makes the door hand the connection
over to the general HTTP implementation, with every byte that is not answered yet and for good. So a door need not know
HTTP, only one shape of it, and both give the same answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableSet
from math import inf
from typing import Any, NamedTuple

from projections.event import Refusal
from services.ingress.heads import MAX_HEAD_BYTES, START, Heads
from services.ingress.load import Load, Work
from services.ingress.response import OVERLOADED, Response, refused

__all__ = ["HEAD_SECONDS", "KEEP_ALIVE_SECONDS", "STALLED_SECONDS", "Door", "House"]

HEAD_SECONDS = 10.0
"""Time for a request's head to arrive, from the connection or its first byte."""

STALLED_SECONDS = 30.0
"""Longest silence in the middle of a request body."""

KEEP_ALIVE_SECONDS = 120.0
"""How long a connection may be idle between two requests."""

_AHEAD_BYTES = 64 * 1024
"""What a client may send ahead while its request is in work; the rest stays in its own machine."""

_STALLED = refused(Refusal(408, f"Nothing of the request came for {STALLED_SECONDS:g} s"))

Respond = Callable[[bytes, "Door"], Awaitable[Response] | None]
"""Answers one request body, and never fails; or gives None, and `Door.answered` the answer later."""


class House(NamedTuple):
    """What the doors of one server share.

    `other` makes the general protocol that takes a connection over. Of more than `max_connections`, those that
    came last are its business from the start. `doors` and `tasks` are what has to end before the server does.
    """

    respond: Respond
    heads: Heads
    load: Load
    other: Callable[[], asyncio.Protocol]
    max_connections: int
    doors: MutableSet[Any]
    tasks: MutableSet[asyncio.Task[None]]


class Door(asyncio.Protocol):
    """A client's connection, and the client's end of its requests (`Connection`)."""

    __slots__ = (
        "_deadline",
        "_gone",
        "_house",
        "_is_busy",
        "_is_full",
        "_is_paused",
        "_last",
        "_loop",
        "_task",
        "_timer",
        "_timer_at",
        "_transport",
        "_unread",
        "_work",
    )

    _transport: asyncio.Transport

    def __init__(self, house: House) -> None:
        self._house = house
        self._loop = asyncio.get_running_loop()
        self._unread = b""
        self._is_busy = False
        self._is_paused = False
        """Whether nothing is read from the socket."""
        self._is_full = False
        """Whether the client does not take what was written."""
        self._last = False
        """Whether the connection ends with the present request."""
        self._deadline = inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._gone: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._work: Work | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected and has to begin."""
        self._transport = transport
        self._house.doors.add(self)
        if len(self._house.doors) > self._house.max_connections:
            self._hand_over()
        else:
            self._expect_within(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; what is in work goes on."""
        self._leave()
        self._is_full = True
        if self._gone is not None:
            self._gone.set()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._unread = self._unread + data if self._unread else data
        if not self._is_busy and not self._is_full:
            self._go_on()
        elif len(self._unread) > _AHEAD_BYTES and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The client does not read its answers: it gets no more of them."""
        self._is_full = True

    def resume_writing(self) -> None:
        """It does again."""
        self._is_full = False
        if not self._is_busy:
            self._go_on()

    def shutdown(self) -> None:
        """The server stops: answer what is in work, then close."""
        if self._is_busy:
            self._last = True
        else:
            self._transport.close()

    @property
    def is_closed(self) -> bool:
        """Whether the client has hung up, as far as this machine knows."""
        return self._transport.is_closing()

    def parked(self) -> None:
        """The request waits for work: it is no load meanwhile."""
        if self._work is not None:
            self._work.end()

    async def closed(self) -> None:
        """Wait until the client hangs up, because its request waits for work."""
        self.parked()
        if self._gone is None:
            self._gone = asyncio.Event()
        if not self._transport.is_closing():
            await self._gone.wait()

    def _go_on(self) -> None:
        """Serve the next request if it is all there."""
        while self._unread and not self._is_busy and not self._is_full:
            data = self._unread
            end = data.find(b"\r\n\r\n") + 4
            if end < len(START):
                if len(data) > MAX_HEAD_BYTES or not (data.startswith(START) or START.startswith(data)):
                    self._hand_over()
                    return
                self._expect_within(HEAD_SECONDS, starting=True)
                break
            head = self._house.heads.read(data[:end]) if data.startswith(START) else None
            if head is None:
                self._hand_over()
                return
            whole = end + head.length
            if len(data) < whole:
                self._expect_within(STALLED_SECONDS)
                break
            self._unread = data[whole:]
            self._serve(data[end:whole], last=head.last)
        if self._is_paused and not self._is_busy and not self._is_full:
            self._is_paused = False
            self._transport.resume_reading()

    def _serve(self, body: bytes, *, last: bool) -> None:
        self._last |= last
        self._work = self._house.load.begin()
        if self._work is None:
            self._write(OVERLOADED)
            return
        self._is_busy = True
        self._deadline = inf
        answer = self._house.respond(body, self)
        if answer is not None:
            self._task = self._loop.create_task(self._await(answer))
            self._house.tasks.add(self._task)

    async def _await(self, answer: Awaitable[Response]) -> None:
        self.answered(await answer)

    def answered(self, response: Response) -> None:
        """Give the answer to the request in work, and go on."""
        if self._work is not None:
            self._work.end()
        if self._task is not None:
            self._house.tasks.discard(self._task)
            self._task = None
        self._is_busy = False
        if not self._transport.is_closing():
            self._write(response)
            if self._unread:
                self._go_on()

    def _write(self, response: Response) -> None:
        self._transport.write(response.to_bytes(last=self._last))
        if self._last:
            self._transport.close()
            self._unread = b""
        else:
            self._expect_within(KEEP_ALIVE_SECONDS)

    def _hand_over(self) -> None:
        self._leave()
        if self._is_paused:
            self._transport.resume_reading()
        data, self._unread = self._unread, b""
        other = self._house.other()
        self._transport.set_protocol(other)
        other.connection_made(self._transport)
        if data:
            other.data_received(data)

    def _leave(self) -> None:
        self._house.doors.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expect_within(self, seconds: float, *, starting: bool = False) -> None:
        """Let the client take so long; `starting` says that the time runs from the first byte, not from the newest."""
        deadline = self._loop.time() + seconds
        self._deadline = min(deadline, self._deadline) if starting else deadline
        if self._timer is None or self._deadline < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._set_timer()

    def _set_timer(self) -> None:
        self._timer_at = self._deadline
        self._timer = self._loop.call_at(self._timer_at, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if self._deadline == inf:
            return
        if self._loop.time() < self._deadline:
            self._set_timer()
        elif b"\r\n\r\n" in self._unread:
            self._last = True
            self._write(_STALLED)
        else:
            self._transport.close()
