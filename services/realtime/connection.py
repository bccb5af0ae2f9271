"""One websocket connection: frames to its client, in order, from all that it is subscribed to."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from starlette.types import Receive, Send

from projections.event import Refusal
from services.ingress.envelopes import error_envelope
from services.realtime.limits import RealtimeLimits

if TYPE_CHECKING:
    from services.realtime.subscriptions import Subscription

__all__ = ["Connection"]

_NORMAL, _POLICY, _TRY_AGAIN = 1000, 1008, 1013

logger = logging.getLogger(__name__)


OnRequest = Callable[["Connection", bytes], Awaitable[None]]
"""Serves one frame of a client; the next one is read when it is done."""


class _Close(NamedTuple):
    code: int
    reason: str


class Connection:
    """Events of processes wait in a queue of their own; messages of channels stay in their channel until sent.

    `forget` is called with each subscription that ends.
    """

    def __init__(self, limits: RealtimeLimits, forget: Callable[[Subscription], None]) -> None:
        self.limits = limits
        self.subscriptions: dict[Subscription, None] = {}
        self._forget = forget
        self._binary = False
        """Whether the client's last frame was binary: it is answered in kind."""
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._feeds: dict[Subscription, None] = {}
        """Subscriptions with something to send that is not queued, the next one first."""
        self._wake = asyncio.Event()
        self._close: _Close | None = None
        self._alarm: asyncio.TimerHandle | None = None
        """Closes the connection while it has no subscription, gives it up while it is closing."""
        self._writer: asyncio.Task[None] | None = None

    async def run(self, receive: Receive, send: Send, on_request: OnRequest) -> None:
        """Serve the client until one side hangs up; `on_request` is called with each frame that it sends."""
        self._wait_for_subscription()
        reader = asyncio.create_task(self._read(receive, on_request))
        writer = self._writer = asyncio.create_task(self._write(send))
        try:
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            reader.cancel()
            writer.cancel()
            for ended in await asyncio.gather(reader, writer, return_exceptions=True):
                if isinstance(ended, Exception) and not isinstance(ended, OSError):
                    logger.error("a websocket connection broke", exc_info=ended)
            for subscription in list(self.subscriptions):
                self.end(subscription)
            self._cancel_alarm()

    def add(self, subscription: Subscription) -> None:
        """Take a subscription up.

        Raises:
            Refusal: 429, there are too many.
        """
        if len(self.subscriptions) >= self.limits.max_subscriptions:
            raise Refusal(
                429, f"A connection has at most {self.limits.max_subscriptions} subscriptions", passing=True
            )
        self.subscriptions[subscription] = None
        self._cancel_alarm()

    def end(self, subscription: Subscription, *, close: bool = False) -> None:
        """Drop a subscription, and close the connection if asked to and it was the last one."""
        if self.subscriptions.pop(subscription, self) is self:
            return
        subscription.cancel_alarm()
        self._feeds.pop(subscription, None)
        self._forget(subscription)
        if not self.subscriptions:
            if close:
                self.close()
            else:
                self._wait_for_subscription()

    def send(self, frame: bytes) -> None:
        """Queue a frame; a client that leaves too many of them unread is disconnected."""
        if self._close is not None:
            return
        self._queue.append(frame)
        self._queued_bytes += len(frame)
        limits, waiting = self.limits, len(self._queue)
        if waiting > limits.max_buffered_frames or (
            waiting > 1 and self._queued_bytes > limits.max_buffered_bytes
        ):
            self._queue.clear()
            self._queue.append(error_envelope(429, "subscriber disconnected: buffer full"))
            self.close(_TRY_AGAIN, "buffer full")
        self._wake.set()

    def refuse(self, refusal: Refusal) -> None:
        """Tell the client why something was not done."""
        self.send(error_envelope(refusal.status, refusal.message))

    def reject(self, refusal: Refusal) -> None:
        """Tell the client that it does not speak the protocol, and hang up."""
        self.refuse(refusal)
        self.close(_POLICY, "not a signed request")

    def feed(self, subscription: Subscription) -> None:
        """Take note that a subscription has something to send."""
        self._feeds.setdefault(subscription)
        self._wake.set()

    def close(self, code: int = _NORMAL, reason: str = "") -> None:
        """End all subscriptions and hang up once the client has read what is queued."""
        if self._close is not None:
            return
        self._close = _Close(code, reason)
        for subscription in list(self.subscriptions):
            self.end(subscription)
        self._set_alarm(self.limits.drain_seconds, self._give_up)
        self._wake.set()

    async def _read(self, receive: Receive, on_request: OnRequest) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            self._binary = text is None
            if self._close is None:
                await on_request(self, message["bytes"] if text is None else text.encode())
            await asyncio.sleep(0)  # a client that sends without pause must not keep others waiting

    async def _write(self, send: Send) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (frame := self._next_frame()) is not None:
                content = {"bytes": frame} if self._binary else {"text": frame.decode()}
                await send({"type": "websocket.send", **content})
            if self._close is not None:
                await send({"type": "websocket.close", **self._close._asdict()})
                return

    def _next_frame(self) -> bytes | None:
        if self._queue:
            queued = self._queue.popleft()
            self._queued_bytes = self._queued_bytes - len(queued) if self._queue else 0
            return queued
        while self._feeds:
            feed = next(iter(self._feeds))
            del self._feeds[feed]
            frame = feed.next_frame()
            if frame is not None:
                if feed in self.subscriptions:
                    self._feeds[feed] = None
                return frame
        return None

    def _wait_for_subscription(self) -> None:
        self._set_alarm(self.limits.idle_seconds, self.close)

    def _give_up(self) -> None:
        if self._writer is not None:
            self._writer.cancel()

    def _set_alarm(self, seconds: float, ring: Callable[[], None]) -> None:
        self._cancel_alarm()
        self._alarm = asyncio.get_running_loop().call_later(seconds, ring)

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
