"""The newest windows of every colony in memory, to be asked for."""

from __future__ import annotations

from collections.abc import Mapping

from services.streams.window import WindowKey

__all__ = ["HeldWindows"]

_ByStart = dict[int, dict[WindowKey, bytes]]


class HeldWindows:
    """At most `most` windows of each colony, which come and go as the records of the topic `windows` do.

    When there would be more, all those that begin first are let go. If all begin at one time, further
    ones are not taken. So what is held of one time is whole, but for functions and executors above `most`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: dict[bytes, bytes] = {}
        self._colonies: dict[str, _ByStart] = {}
        self._counts: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        """When the newest windows began that were let go, by colony."""

    @property
    def all(self) -> Mapping[bytes, bytes]:
        """Every window by its key, as records of the topic have them."""
        return self._all

    def put(self, key: bytes, value: bytes | None) -> bool:
        """Take a window, or let go of one; False if it is one too many.

        Raises:
            msgspec.DecodeError: it is no key of a window.
        """
        of = WindowKey.decode(key)
        if value is None:
            self._remove(of)
            return True
        if key not in self._all:
            if of.start <= self._gone.get(of.colony, -1) or not self._make_room(of):
                return False
            self._counts[of.colony] = self._counts.get(of.colony, 0) + 1
        self._all[key] = value
        self._colonies.setdefault(of.colony, {}).setdefault(of.start, {})[of] = value
        return True

    def select(self, colony: str, function: str, executor: str, since: int, count: int) -> list[bytes]:
        """Windows of a colony, newest first, then by function and executor; empty names choose all."""
        starts = self._colonies.get(colony, {})
        found: list[bytes] = []
        for start in sorted(starts, reverse=True):
            if start < since or len(found) >= count:
                break
            windows = starts[start]
            found += [
                windows[key]
                for key in sorted(windows)
                if function in ("", key.function) and executor in ("", key.executor)
            ]
        return found[:count]

    def clear(self) -> None:
        """Let all go, to begin anew."""
        for held in (self._all, self._colonies, self._counts, self._gone):
            held.clear()

    def _make_room(self, of: WindowKey) -> bool:
        """Let the oldest windows of a colony go until there is room for one more; False if it is one of those."""
        starts = self._colonies.get(of.colony, {})
        while self._counts.get(of.colony, 0) >= self._most:
            oldest = min(starts)
            if of.start <= oldest:
                return False
            for key in list(starts[oldest]):
                self._remove(key)
            self._gone[of.colony] = oldest
        return True

    def _remove(self, of: WindowKey) -> None:
        if self._all.pop(of.encode(), None) is None:
            return
        starts = self._colonies[of.colony]
        del starts[of.start][of]
        self._counts[of.colony] -= 1
        if not starts[of.start]:
            del starts[of.start]
        if not starts:
            del self._colonies[of.colony], self._counts[of.colony]
            self._gone.pop(of.colony, None)
