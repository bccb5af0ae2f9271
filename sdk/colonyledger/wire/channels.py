"""Channels: messages between the initiator of a process and its executor (protocol: logs-channels-realtime.md section 2)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from colonyledger.wire.envelope import Empty, Message
from colonyledger.wire.integers import Int64

__all__ = ["ChannelAppend", "ChannelEntry", "ChannelRead", "SubscribeChannel"]


class ChannelEntry(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One message in a channel.

    `sequence` and `inreplyto` are the sender's own numbers and mean nothing to the server, nor does
    `type`: by convention "data", "end" or "error". `error` is set only in the entry that ends a
    subscription because its subscriber was too slow.
    """

    sequence: int
    inreplyto: int = 0
    timestamp: datetime
    senderid: str
    payload: bytes | None
    type: str = ""
    error: str = ""


class ChannelAppend(Message[Empty], tag="channelappendmsg", frozen=True, gc=False):
    """Initiator or assigned executor: put a message at the end of a channel."""

    processid: str = ""
    name: str = ""
    sequence: Int64 = 0
    inreplyto: Int64 = 0
    payload: bytes | None = None
    payloadtype: str = ""


class ChannelRead(Message[list[ChannelEntry]], tag="channelreadmsg", frozen=True, gc=False):
    """Initiator or assigned executor: the messages after the first `afterseq`, up to `limit` if it is positive."""

    processid: str = ""
    name: str = ""
    afterseq: Int64 = 0
    limit: Int64 = 0


class SubscribeChannel(Message[list[ChannelEntry]], tag="subscribechannelmsg", frozen=True, gc=False):
    """Initiator or assigned executor: the messages after the first `afterseq`, and each new one as it comes.

    `timeout` is in seconds; 0 means 30, negative gives what is there and ends.
    """

    processid: str = ""
    name: str = ""
    afterseq: Int64 = 0
    timeout: Int64 = 0
