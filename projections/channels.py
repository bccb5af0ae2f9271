"""Channels: two-way talk between the initiator of a process and its executor.

Protocol: logs-channels-realtime.md section 2. They are declared in the spec, open from the submit on
and gone with all messages when the process ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonyledger.wire import ChannelAppend, ChannelEntry, ChannelRead, Empty, SubscribeChannel

from projections.channel import page, size_of
from projections.event import MessageAppended, Refusal
from projections.limits import MAX_CHANNEL_BYTES, MAX_CHANNEL_ENTRIES, MAX_MESSAGE_BYTES
from projections.process import LiveProcess
from projections.processes import Found, located_process
from projections.registry import Role, command, query, subscription

if TYPE_CHECKING:
    from projections.channel import Channels
    from projections.turn import Turn, View

__all__ = ["channel_append", "channel_read", "subscribe_channel"]

_PROCESS = located_process(404, "Process not found")

_DATA = "data"
"""The type of a message that says none."""


@command(ChannelAppend, Role.MEMBER, _PROCESS, "append to channel")
def channel_append(turn: Turn, message: ChannelAppend, found: Found) -> Empty:
    """Put a message at the end of a channel (logs-channels-realtime.md section 2.3)."""
    colony, process = found
    channels, entries = _channel(process, message.name)
    entry = ChannelEntry(
        sequence=message.sequence,
        inreplyto=message.inreplyto,
        timestamp=turn.moment,
        senderid=turn.caller,
        payload=message.payload,
        type=message.payloadtype or _DATA,
    )
    if size_of(entry) > MAX_MESSAGE_BYTES:
        raise Refusal(413, "message payload exceeds maximum size")
    _check_party(found, turn.caller, "write to")
    if not channels.may_append(turn.now):
        raise Refusal(429, "rate limit exceeded", passing=True)
    if len(entries) >= MAX_CHANNEL_ENTRIES or channels.size + size_of(entry) > MAX_CHANNEL_BYTES:
        raise Refusal(409, "channel log is full")
    position = channels.append(turn.now, message.name, entry)
    turn.tell(MessageAppended(colony.record.name, process, message.name, position, entry))
    return Empty()


@query(ChannelRead, Role.MEMBER, _PROCESS, "read from channel")
def channel_read(view: View, message: ChannelRead, found: Found) -> list[ChannelEntry]:
    """The messages of a channel by position (logs-channels-realtime.md section 2.4)."""
    _, entries = _channel(found[1], message.name)
    _check_party(found, view.caller, "read from")
    start = max(message.afterseq, 0)
    return page(entries, start, start + message.limit if message.limit > 0 else len(entries))


@subscription(SubscribeChannel, Role.MEMBER, _PROCESS, "subscribe to channel")
def subscribe_channel(
    view: View, message: SubscribeChannel, found: Found
) -> tuple[LiveProcess, list[ChannelEntry]]:
    """The messages of a channel, and each new one as soon as it is there (section 3.5).

    Gives the process, and the list that its messages are put into.
    """
    _, entries = _channel(found[1], message.name)
    _check_party(found, view.caller, "subscribe to")
    return found[1], entries


def _channel(process: LiveProcess, name: str) -> tuple[Channels, list[ChannelEntry]]:
    channels = process.channels
    entries = None if channels is None else channels.by_name.get(name)
    if channels is None or entries is None:
        raise Refusal(404, "Channel not found")
    return channels, entries


def _check_party(found: Found, caller: str, doing: str) -> None:
    """Only who submitted the process and who has it now take part (section 2.1), also after a change of key."""
    colony, process = found
    initiator = colony.identities.current(process.record.initiatorid, process.offset)
    if caller not in (initiator, process.record.assignedexecutorid):
        raise Refusal(403, f"Not authorized to {doing} channel")
