"""Facts counted into windows, each once, however often it comes.

Windows begin at whole multiples of their length, and a fact belongs to the one that its time in the
ledger falls into. A window carries the position of the newest fact that it counts. The facts of a
window come from one partition in order, so one that is not behind that position is counted already:
after a crash facts may come again, and nothing is counted twice.

A wait begins when a process becomes ready: with its submission, unless it waited for parents or was
put back. Only those other moments are kept, under the number of the attempt that they begin. They are
forgotten when the windows that needed them are stored.

Whoever counts is either given all facts of a partition, or says from which time of the ledger on: then
what happened in a window before that is not known, and the window is not counted at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from services.facts.fact import Fact, ProcessBody
from services.streams.window import Window, WindowKey, decode_window, encode_window

__all__ = ["Attempt", "Change", "Counting"]

_NANOSECONDS = 1_000_000_000


class Change(NamedTuple):
    """What is to be stored in a partition under a key; None to forget."""

    partition: int
    key: bytes
    value: bytes | None


class Attempt(NamedTuple):
    """What a moment of readiness belongs to."""

    partition: int
    colony: str
    processid: str
    attempt: int

    def encode(self) -> bytes:
        """The key of its Kafka record: a JSON list."""
        return msgspec.json.encode(self)


class Counting:
    """Counts facts. `windows` and `ready` are what is stored, by key; `seconds` is a window's length.

    With `begun`, nanoseconds since 1970, facts before that time are not known.

    The caller takes facts, then stores what `new_moments` and `changed_windows` give, and then what
    `spent_moments` and `old_windows` give, and only then notes the facts as done.
    """

    def __init__(
        self,
        windows: Mapping[bytes, bytes],
        ready: Mapping[bytes, bytes],
        seconds: int,
        kept_seconds: int,
        begun: int = 0,
    ) -> None:
        self._begun = begun
        self._stored_windows = windows
        self._stored_ready = ready
        self._seconds = seconds
        self._kept = kept_seconds * _NANOSECONDS
        self._windows: dict[WindowKey, Window] = {}
        self._changed: dict[WindowKey, None] = {}
        self._ready: dict[Attempt, int] = {}
        self._spent: dict[Attempt, None] = {}
        self._newest: dict[int, int] = {}
        """When the newest window of each partition begins."""
        self._grown: dict[int, None] = {}
        """Partitions that have a new newest window, so that others may be too old."""

    def take(self, fact: Fact) -> None:
        """Count a fact."""
        body = fact.body
        if fact.kind == "colony_removed":
            self._forget_colony(fact)
        if not isinstance(body, ProcessBody):
            return
        attempt = Attempt(fact.partition, fact.colony, body.processid, body.attempt)
        if body.change == "ready":
            if fact.time != body.submitted:
                self._ready[attempt] = fact.time
                self._spent.pop(attempt, None)
        elif body.change in ("closed", "removed"):
            following = attempt._replace(attempt=body.attempt + 1)
            if self._ready_since(following) is not None:
                self._spent[following] = None
        if body.executorname and body.change in ("assigned", "closed", "put_back"):
            self._count(fact, body, attempt)

    def new_moments(self) -> list[Change]:
        """Moments of readiness that are not stored yet, and that somebody may still need."""
        changes = [
            Change(each.partition, each.encode(), b"%d" % time)
            for each, time in self._ready.items()
            if each not in self._spent
        ]
        self._ready.clear()
        return changes

    def changed_windows(self) -> list[Change]:
        """Windows that have changed since the last time; None for those of a colony that was removed."""
        windows = ((key, self._windows[key]) for key in self._changed)
        changes = [
            Change(key.partition, key.encode(), None if window.is_empty else encode_window(window))
            for key, window in windows
        ]
        self._changed.clear()
        return changes

    def spent_moments(self) -> list[Change]:
        """Moments of readiness that nobody needs any more."""
        keys = ((each.partition, each.encode()) for each in self._spent)
        changes = [Change(partition, key, None) for partition, key in keys if key in self._stored_ready]
        self._spent.clear()
        return changes

    def old_windows(self) -> list[Change]:
        """Windows that are older than they are kept. Those that are stored and over leave memory."""
        if not self._grown:
            return []
        old = [
            key
            for key in map(WindowKey.decode, self._stored_windows)
            if key.partition in self._grown and self._is_old(key)
        ]
        for key in [key for key in self._windows if key.partition in self._grown and self._is_over(key)]:
            del self._windows[key]
        self._grown.clear()
        return [Change(key.partition, key.encode(), None) for key in old]

    def let_go(self, key: bytes) -> None:
        """Forget a window that is not stored after all."""
        self._windows.pop(WindowKey.decode(key), None)

    def drop(self, partitions: frozenset[int]) -> None:
        """Forget what was counted of partitions that another worker counts from now on."""
        for windows in (self._windows, self._changed):
            for key in [key for key in windows if key.partition in partitions]:
                del windows[key]
        for moments in (self._ready, self._spent):
            for attempt in [attempt for attempt in moments if attempt.partition in partitions]:
                del moments[attempt]
        for partition in partitions:
            self._newest.pop(partition, None)
            self._grown.pop(partition, None)

    def _count(self, fact: Fact, body: ProcessBody, attempt: Attempt) -> None:
        length = self._seconds * _NANOSECONDS
        start = fact.time // length * length
        key = WindowKey(fact.partition, start, fact.colony, body.funcname, body.executorname)
        ready = self._ready_since(attempt) if body.change == "assigned" else None
        if ready is not None:
            self._spent[attempt] = None
        if start < self._begun:
            return
        self._advance(key)
        if self._is_old(key):
            return
        window = self._window(key)
        if fact.at <= window.at:
            return
        window.offset, window.index = fact.at
        self._changed[key] = None
        if body.change == "assigned":
            window.assigned += 1
            if ready is not None or not self._may_be_unknown(body):
                window.waited.add(fact.time - (body.submitted if ready is None else ready))
        elif body.change == "put_back":
            window.put_back += 1
        elif body.state == "cancelled":
            window.cancelled += 1
        else:
            window.executed.add(fact.time - body.started)
            if body.state == "successful":
                window.succeeded += 1
            else:
                window.failed += 1

    def _may_be_unknown(self, body: ProcessBody) -> bool:
        """Whether a process may have become ready after its submission, and before facts are known."""
        return body.submitted < self._begun and (body.attempt > 1 or bool(body.graphid))

    def _window(self, key: WindowKey) -> Window:
        window = self._windows.get(key)
        if window is None:
            stored = self._stored_windows.get(key.encode())
            window = Window.empty(key, self._seconds) if stored is None else decode_window(stored)
            self._windows[key] = window
        return window

    def _ready_since(self, attempt: Attempt) -> int | None:
        if attempt in self._ready:
            return self._ready[attempt]
        stored = self._stored_ready.get(attempt.encode())
        return None if stored is None else int(stored)

    def _advance(self, key: WindowKey) -> None:
        newest = self._newest.get(key.partition)
        if newest is None:
            stored = map(WindowKey.decode, self._stored_windows)
            newest = max((each.start for each in stored if each.partition == key.partition), default=0)
            self._newest[key.partition] = newest
        if key.start > newest:
            self._newest[key.partition] = key.start
            self._grown[key.partition] = None

    def _is_old(self, key: WindowKey) -> bool:
        return key.start + self._kept < self._newest.get(key.partition, 0)

    def _is_over(self, key: WindowKey) -> bool:
        return key.start < self._newest.get(key.partition, 0) and key not in self._changed

    def _forget_colony(self, fact: Fact) -> None:
        """Whoever makes a colony of the same name sees nothing of this one."""
        keys = [*map(WindowKey.decode, self._stored_windows), *self._windows]
        for key in keys:
            if (key.partition, key.colony) == (fact.partition, fact.colony):
                window = self._window(key)
                if window.at < fact.at:
                    self._windows[key] = Window.empty(key, self._seconds, fact.at)
                    self._changed[key] = None
        stored = (msgspec.json.decode(key, type=Attempt) for key in self._stored_ready)
        for attempt in [*stored, *self._ready]:
            if (attempt.partition, attempt.colony) == (fact.partition, fact.colony):
                self._spent[attempt] = None
