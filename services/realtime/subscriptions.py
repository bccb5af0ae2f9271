"""What a client can be subscribed to (protocol: logs-channels-realtime.md sections 3.2, 3.3 and 3.5)."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from colonyledger.wire import (
    ZERO_TIME,
    ChannelEntry,
    Message,
    SubscribeChannel,
    SubscribeProcess,
    SubscribeProcesses,
    encode,
    payloadtype_of,
)

from projections.channel import page
from projections.event import Change, ProcessChanged, Refusal
from projections.fold import answer
from projections.process import FINAL, LiveProcess
from projections.realtime import can_reach, entered
from projections.registry import Rpc
from projections.state import State
from projections.turn import View
from services.ingress.envelopes import reply_envelope
from services.realtime.connection import Connection

__all__ = [
    "Asked",
    "ChannelSubscription",
    "ProcessSubscription",
    "ProcessesSubscription",
    "Subscription",
    "Topic",
    "process_frame",
]

Topic = tuple[str | int, ...]
"""What a subscription wants to hear of, such as ("process", its id)."""

_LONGEST_SECONDS = 100 * 365 * 86_400
"""A timeout that is as good as none."""

_CHANNEL_SECONDS = 30
"""The timeout of a channel subscription that says none."""


class Asked(NamedTuple):
    """A request for a subscription, which can be judged again at any time."""

    state: State
    rpc: Rpc
    message: Message[Any]
    caller: str

    def judge(self) -> tuple[View, Any]:
        """Whether the caller may have it now; gives the view that it was judged in, and what is to be watched.

        Raises:
            Refusal: there is no such thing, or the caller may not.
        """
        view = View(self.state, self.caller)
        return view, answer([view], self.rpc, self.message)


class Subscription(ABC):
    """One subscription of one connection. `colony` is where the caller must be a member as long as it lasts."""

    is_relayed = False
    """Whether another node serves it."""

    def __init__(self, asked: Asked, connection: Connection, colony: str, *topics: Topic) -> None:
        self.asked = asked
        self.connection = connection
        self.topics = (("member", colony, asked.caller), *topics)
        self._alarm: asyncio.TimerHandle | None = None

    def start(self, timeout: int) -> None:
        """Let it last for `timeout` seconds; one of 0 or less ends at once."""
        if timeout > 0:
            self.set_alarm(min(timeout, _LONGEST_SECONDS), self.expire)
        else:
            self.expire()

    def expire(self) -> None:
        """Its time is over: the connection is closed if nothing else is subscribed on it."""
        self.connection.end(self, close=True)

    def is_allowed(self) -> bool:
        """Whether the caller may still have it; if not, it ends and the client is told why."""
        try:
            self.asked.judge()
        except Refusal as refusal:
            self.connection.refuse(refusal)
            self.connection.end(self, close=True)
            return False
        return True

    @abstractmethod
    def begin(self) -> None:
        """Send what there is to send at once, and let its time run."""

    @abstractmethod
    def on_change(self, fact: ProcessChanged, frame: Callable[[LiveProcess], bytes]) -> None:
        """A process that it wants to hear of has changed; `frame` encodes it."""

    def next_frame(self) -> bytes | None:
        """What it has to send that is not queued already; None if there is nothing for now."""
        return None

    def set_alarm(self, seconds: float, ring: Callable[[], None]) -> None:
        """Have `ring` called in place of what was to be called before."""
        self.cancel_alarm()
        self._alarm = asyncio.get_running_loop().call_later(seconds, ring)

    def cancel_alarm(self) -> None:
        """Have nothing called."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


class ProcessSubscription(Subscription):
    """Tells each time that one process enters a state, and when it no longer can."""

    def __init__(
        self, asked: Asked, connection: Connection, message: SubscribeProcess, process: LiveProcess
    ) -> None:
        super().__init__(asked, connection, process.colony, ("process", message.processid))
        self._wanted = message.state
        self._process = process
        self._timeout = message.timeout
        self._fits = message.executortype in ("", process.needs.executortype)

    def begin(self) -> None:
        """Tell of the state that the process is in, if that is the wanted one or the last one."""
        if self._fits and self._process.record.state == self._wanted:
            self.connection.send(process_frame(self._process))
        elif self._ends_elsewhere():
            return
        self.start(self._timeout)

    def on_change(self, fact: ProcessChanged, frame: Callable[[LiveProcess], bytes]) -> None:
        """Tell if the process has entered the wanted state, or has ended in another one."""
        if fact.change is Change.REMOVED and self._process.record.state in FINAL:
            self.connection.end(self, close=True)
            return
        if not self.is_allowed() or not self._fits:
            return
        if entered(fact) == self._wanted:
            self.connection.send(frame(fact.process))
        elif fact.change is Change.CLOSED:
            self._ends_elsewhere()

    def _ends_elsewhere(self) -> bool:
        if not self._fits or can_reach(self._process, self._wanted):
            return False
        self.connection.send(process_frame(self._process))
        self.connection.end(self, close=True)
        return True


class ProcessesSubscription(Subscription):
    """Tells of each process of one executor type that enters a state."""

    def __init__(self, asked: Asked, connection: Connection, message: SubscribeProcesses) -> None:
        topics = (
            [("type", message.colonyname, message.executortype, message.state)]
            if message.executortype
            else []
        )
        super().__init__(asked, connection, message.colonyname, *topics)
        self._timeout = message.timeout

    def begin(self) -> None:
        """Tell nothing of what is there already."""
        self.start(self._timeout)

    def on_change(self, fact: ProcessChanged, frame: Callable[[LiveProcess], bytes]) -> None:
        """Tell of the change."""
        if self.is_allowed():
            self.connection.send(frame(fact.process))


class ChannelSubscription(Subscription):
    """Sends the messages of a channel from a position on.

    What was there at the start comes in one frame if it fits, each later message in a frame of its
    own. Nothing is buffered: the channel keeps the messages, and this the position of the next one.
    """

    def __init__(
        self,
        asked: Asked,
        connection: Connection,
        message: SubscribeChannel,
        process: LiveProcess,
        entries: Sequence[ChannelEntry],
    ) -> None:
        processid = message.processid
        topics = (("process", processid), ("channel", processid, message.name))
        super().__init__(asked, connection, process.colony, *topics)
        self._entries = entries
        self._backlog = len(entries)
        self._position = min(max(message.afterseq, 0), self._backlog)
        self._end: int | None = None
        """The position to stop at, None as long as more may come."""
        self._closes = False
        self._timeout = message.timeout or _CHANNEL_SECONDS

    def begin(self) -> None:
        """Send what is there already."""
        self.start(self._timeout)
        self.connection.feed(self)

    def expire(self) -> None:
        """Its time is over: what is there now is sent and the end is marked; the connection stays."""
        self._stop(close=False)

    def on_change(self, fact: ProcessChanged, frame: Callable[[LiveProcess], bytes]) -> None:
        """Send the rest and hang up if the process is over; else look whether the caller still takes part."""
        if fact.change in (Change.CLOSED, Change.REMOVED):
            self._stop(close=True)
        elif self._end is None:
            self.is_allowed()

    def next_frame(self) -> bytes | None:
        """The next frame to send, None if there is none for now."""
        end = len(self._entries) if self._end is None else self._end
        until = self._backlog if self._position < self._backlog else self._position + 1
        entries = page(self._entries, self._position, min(until, end))
        if entries:
            self._position += len(entries)
            return _channel_frame(entries)
        if self._end is None:
            return None
        self.connection.end(self, close=self._closes)
        return _END

    def _stop(self, *, close: bool) -> None:
        self._closes = self._closes or close
        if self._end is None:
            self._end = len(self._entries)
            self.set_alarm(self.connection.limits.drain_seconds, self._give_up)
            self.connection.feed(self)

    def _give_up(self) -> None:
        """The client did not read the rest in time: free it, and say so."""
        self._entries = ()
        self.connection.send(_TOO_SLOW)
        self.connection.end(self, close=self._closes)


def process_frame(process: LiveProcess) -> bytes:
    """The frame that tells of a process as it is now."""
    return reply_envelope(_PROCESS_EVENT, encode(process.record))


def _channel_frame(entries: list[ChannelEntry]) -> bytes:
    return reply_envelope(_CHANNEL_EVENT, encode(entries))


_PROCESS_EVENT = payloadtype_of(SubscribeProcess)
_CHANNEL_EVENT = payloadtype_of(SubscribeChannel)
_END = _channel_frame([])
_TOO_SLOW = _channel_frame(
    [
        ChannelEntry(
            sequence=0,
            timestamp=ZERO_TIME,
            senderid="",
            payload=None,
            error="subscriber disconnected: buffer full",
        )
    ]
)
