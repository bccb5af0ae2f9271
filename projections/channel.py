"""The channels of one process: messages in the order of arrival, whose positions never move."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import msgspec
from colonyledger.wire import SECOND, ChannelEntry

from projections.limits import CHANNEL_BURST, CHANNEL_RATE, MAX_CHANNEL_REPLY_BYTES, MAX_CHANNELS

__all__ = ["Channels", "page"]

_COST = SECOND // CHANNEL_RATE
"""The time in which the allowance for one message comes back, in nanoseconds."""


class Channels(msgspec.Struct, gc=False):
    """The channels of one process that has not ended, by name."""

    by_name: dict[str, list[ChannelEntry]]
    rested: int = 0
    """When the whole allowance of `CHANNEL_BURST` messages is back, nanoseconds since 1970."""
    size: int = 0
    """Bytes of all messages together."""

    @classmethod
    def declared(cls, names: Sequence[str]) -> Channels | None:
        """The channels that a spec declares, each once; None if it declares none.

        What is beyond `MAX_CHANNELS` is not made (protocol: logs-channels-realtime.md section 2.1).
        """
        return cls({name: [] for name in islice(dict.fromkeys(names), MAX_CHANNELS)}) if names else None

    def may_append(self, now: int) -> bool:
        """Whether the process's rate allows one more message."""
        return max(self.rested, now) + _COST <= now + CHANNEL_BURST * _COST

    def append(self, now: int, name: str, entry: ChannelEntry) -> int:
        """Put a message at the end of a channel; gives its position."""
        entries = self.by_name[name]
        entries.append(entry)
        self.rested = max(self.rested, now) + _COST
        self.size += size_of(entry)
        return len(entries) - 1


def size_of(entry: ChannelEntry) -> int:
    """What a message counts for, in bytes."""
    return len(entry.payload or b"") + len(entry.type)


def page(entries: Sequence[ChannelEntry], start: int, end: int) -> list[ChannelEntry]:
    """The messages from position `start` to before `end`, or as many of them as one reply may hold.

    That is at least one, if there is one.
    """
    found: list[ChannelEntry] = []
    room = MAX_CHANNEL_REPLY_BYTES
    for position in range(start, min(end, len(entries))):
        entry = entries[position]
        room -= size_of(entry)
        if found and room < 0:
            break
        found.append(entry)
    return found
