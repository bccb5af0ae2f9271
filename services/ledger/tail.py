"""The end of one partition as the event loop knows it, and the newest records in memory."""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice

from projections.event import Event
from services.ledger.base import LedgerCorrupt

__all__ = ["Tail"]

_RECENT_RECORDS = 8192
_RECENT_BYTES = 16 * 1024 * 1024


class Tail:
    """Everything before `end` can be read; `damage` is the first record that cannot.

    While somebody follows, the newest records are kept, at most 8,192 and about 16 MiB of payload,
    or one batch: a follower that keeps up reads nothing again. All methods belong to the event loop.
    """

    def __init__(self, end: int, damage: LedgerCorrupt | None = None) -> None:
        self.end = end
        self.damage = damage
        self.followers = 0
        self._recent: deque[Event] = deque()
        self._recent_bytes = 0
        self._waiters: set[asyncio.Future[None]] = set()

    def advance(self, events: list[Event]) -> None:
        """Take the records that have just become readable; they follow on those before."""
        self.end = events[-1].offset + 1
        if not self.followers:
            self.forget()
            return
        recent = self._recent
        recent.extend(events)
        self._recent_bytes += sum(len(event.record.payload) for event in events)
        while len(recent) > len(events) and (
            len(recent) > _RECENT_RECORDS or self._recent_bytes > _RECENT_BYTES
        ):
            self._recent_bytes -= len(recent.popleft().record.payload)
        self.wake()

    def forget(self) -> None:
        """Keep no records in memory."""
        self._recent.clear()
        self._recent_bytes = 0

    def since(self, offset: int) -> list[Event]:
        """The records from `offset` to the end, if all of them are in memory; else none."""
        wanted = self.end - offset
        if not 0 < wanted <= len(self._recent):
            return []
        newest_first = list(islice(reversed(self._recent), wanted))
        newest_first.reverse()
        return newest_first

    def raise_damage_at(self, offset: int) -> None:
        """Raise the damage if `offset` lies at it or behind it."""
        if self.damage is not None and offset >= self.damage.offset:
            raise self.damage

    async def moved(self) -> None:
        """Wait until the end moves, or somebody calls `wake`."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def wake(self) -> None:
        """Let everybody who waits look again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
