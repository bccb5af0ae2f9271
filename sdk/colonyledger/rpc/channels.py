"""Channels of processes (protocol: logs-channels-realtime.md sections 2 and 3.5)."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import AsyncGenerator
from math import ceil
from time import monotonic

from colonyledger.channel import Channel
from colonyledger.errors import ConnectionFailed, NotFound, NotReady, refusal
from colonyledger.rpc.realtime import RealtimeCaller
from colonyledger.wire import ChannelAppend, ChannelEntry, ChannelRead, SubscribeChannel, payloadtype_of

__all__ = ["ChannelCalls"]

_ROUND_SECONDS = 3600
"""The longest single subscription; the next one goes on where it ended."""


class ChannelCalls(RealtimeCaller):
    """Calls about the channels of a process, for who submitted it and the executor that runs it."""

    def channel(self, processid: str, name: str) -> Channel:
        """The caller's side of a channel that the process's spec declares, to send and receive with."""
        return Channel(self, processid, name)

    async def channel_append(
        self,
        processid: str,
        name: str,
        payload: bytes | str,
        *,
        sequence: int = 0,
        inreplyto: int = 0,
        payloadtype: str = "data",
    ) -> None:
        """Party: put a message of at most 10 MiB at the end of a channel.

        `sequence` and `inreplyto` are numbers for the other side; `payloadtype` is "data", "end" or
        "error" by convention.

        Raises:
            TooMany: more than 100 messages a second, after a first 500.
            Conflict: the channel is full.
        """
        await self.call(
            ChannelAppend(
                processid=processid,
                name=name,
                sequence=sequence,
                inreplyto=inreplyto,
                payload=payload.encode() if isinstance(payload, str) else payload,
                payloadtype=payloadtype,
            )
        )

    async def channel_read(
        self, processid: str, name: str, *, after: int = 0, limit: int = 0
    ) -> list[ChannelEntry]:
        """Party: the messages of a channel without the first `after`, and `limit` of them if that is not 0.

        A reply holds at most 32 MiB of messages; ask again after those that came.
        """
        return await self.call(ChannelRead(processid=processid, name=name, afterseq=after, limit=limit))

    async def subscribe_channel(
        self,
        processid: str,
        name: str,
        *,
        after: int = 0,
        timeout: int | None = None,  # noqa: ASYNC109
    ) -> AsyncGenerator[ChannelEntry]:
        """Party: the messages of a channel without the first `after`, each as soon as it is there.

        Ends with the process, or after `timeout` seconds. A connection that breaks is made anew; no
        message is missed or comes twice.

        Raises:
            NotFound: there is no such channel, or the process has ended already.
            ConnectionFailed: no repeat found a server.
            TooMany: the process has ended, and what it left was not read in time.
        """
        ends = None if timeout is None else monotonic() + timeout
        known = False
        pauses = self._retries.pauses()
        while True:
            left = _ROUND_SECONDS if ends is None else min(ceil(ends - monotonic()), _ROUND_SECONDS)
            if left <= 0:
                return
            message = SubscribeChannel(processid=processid, name=name, afterseq=after, timeout=left)
            try:
                async with self._subscribed(message) as batches:
                    while entries := await batches.next():
                        known, pauses = True, self._retries.pauses()
                        for entry in entries:
                            if entry.error:
                                raise refusal(429, entry.error, payloadtype_of(message))
                            after += 1
                            yield entry
                known = True
            except NotFound:
                if known:
                    return
                raise
            except (ConnectionFailed, NotReady):
                pause = next(pauses, None)
                if pause is None:
                    raise
                await sleep(pause)
