"""One side of a channel: what a program sends, and what it gets (protocol: logs-channels-realtime.md section 2)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from colonyledger.errors import NotFound
from colonyledger.wire import ChannelEntry

if TYPE_CHECKING:
    from colonyledger.rpc.channels import ChannelCalls

__all__ = ["END", "Channel"]

END = "end"
"""The type of the message that says that no more will come."""


class Channel:
    """A channel of a process, as one of its two parties sees it: `client.channel(processid, "chat")`.

    Messages signed with the same key count as one's own. What was received does not come again.
    """

    def __init__(self, client: ChannelCalls, processid: str, name: str) -> None:
        self._client = client
        self._processid = processid
        self._name = name
        self._sequence = 0
        self._position = 0

    async def send(self, payload: bytes | str, *, inreplyto: int = 0, payloadtype: str = "data") -> int:
        """Send a message of at most 10 MiB; gives its number, counted from 1, for `inreplyto` of an answer.

        Raises:
            NotFound: the process declares no such channel, or has ended.
            TooMany: more than 100 messages a second, after a first 500.
            Conflict: the channel is full.
        """
        self._sequence += 1
        await self._client.channel_append(
            self._processid,
            self._name,
            payload,
            sequence=self._sequence,
            inreplyto=inreplyto,
            payloadtype=payloadtype,
        )
        return self._sequence

    async def end(self) -> None:
        """Tell the other side that no more messages will come."""
        await self.send(b"", payloadtype=END)

    async def receive(self, timeout: int = 30) -> ChannelEntry | None:  # noqa: ASYNC109
        """The next message of the other side.

        None if none came within `timeout` seconds, or none will come any more.

        Raises:
            NotFound: the process declares no such channel, or had ended before the first message.
        """
        async with aclosing(self.messages(timeout)) as messages:
            async for message in messages:
                return message
        return None

    async def messages(self, timeout: int | None = None) -> AsyncGenerator[ChannelEntry]:  # noqa: ASYNC109
        """The messages of the other side, until it sends one of type "end" or the process ends.

        With a `timeout`, for that many seconds.

        Raises:
            NotFound: as from `receive`.
        """
        own = "" if self._client.identity is None else self._client.identity.id
        try:
            async with aclosing(
                self._client.subscribe_channel(
                    self._processid, self._name, after=self._position, timeout=timeout
                )
            ) as entries:
                async for entry in entries:
                    self._position += 1
                    if entry.senderid == own:
                        continue
                    if entry.type == END:
                        return
                    yield entry
        except NotFound:
            if not self._position:
                raise
