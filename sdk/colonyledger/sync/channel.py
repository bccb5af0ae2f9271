# Written by sdk/generate_sync.py from colonyledger/channel.py; change that one.
"""One side of a channel: what a program sends, and what it gets (protocol: logs-channels-realtime.md section 2)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING

from colonyledger.errors import NotFound
from colonyledger.wire import ChannelEntry

if TYPE_CHECKING:
    from colonyledger.sync.rpc.channels import ChannelCalls

__all__ = ["END", "SyncChannel"]

END = "end"
"""The type of the message that says that no more will come."""


class SyncChannel:
    """A channel of a process, as one of its two parties sees it: `client.channel(processid, "chat")`.

    Messages signed with the same key count as one's own. What was received does not come again.
    """

    def __init__(self, client: ChannelCalls, processid: str, name: str) -> None:
        self._client = client
        self._processid = processid
        self._name = name
        self._sequence = 0
        self._position = 0

    def send(self, payload: bytes | str, *, inreplyto: int = 0, payloadtype: str = "data") -> int:
        """Send a message of at most 10 MiB; gives its number, counted from 1, for `inreplyto` of an answer.

        Raises:
            NotFound: the process declares no such channel, or has ended.
            TooMany: more than 100 messages a second, after a first 500.
            Conflict: the channel is full.
        """
        self._sequence += 1
        self._client.channel_append(
            self._processid,
            self._name,
            payload,
            sequence=self._sequence,
            inreplyto=inreplyto,
            payloadtype=payloadtype,
        )
        return self._sequence

    def end(self) -> None:
        """Tell the other side that no more messages will come."""
        self.send(b"", payloadtype=END)

    def receive(self, timeout: int = 30) -> ChannelEntry | None:
        """The next message of the other side.

        None if none came within `timeout` seconds, or none will come any more.

        Raises:
            NotFound: the process declares no such channel, or had ended before the first message.
        """
        with closing(self.messages(timeout)) as messages:
            for message in messages:
                return message
        return None

    def messages(self, timeout: int | None = None) -> Generator[ChannelEntry]:
        """The messages of the other side, until it sends one of type "end" or the process ends.

        With a `timeout`, for that many seconds.

        Raises:
            NotFound: as from `receive`.
        """
        own = "" if self._client.identity is None else self._client.identity.id
        try:
            with closing(
                self._client.subscribe_channel(
                    self._processid, self._name, after=self._position, timeout=timeout
                )
            ) as entries:
                for entry in entries:
                    self._position += 1
                    if entry.senderid == own:
                        continue
                    if entry.type == END:
                        return
                    yield entry
        except NotFound:
            if not self._position:
                raise
