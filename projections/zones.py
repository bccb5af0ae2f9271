"""Time zones without a look at the machine: which offset from UTC holds from when to when.

The table in `projections.zonetable` is made from the IANA database by infra/zones/generate.py. It is
part of the rules: a newer table takes a new rules version, and old records keep the old one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from projections.zonetable import ZONES

__all__ = ["Period", "is_zone", "periods", "periods_of"]


class Period(NamedTuple):
    """A time in which a zone keeps one offset: seconds since 1970 (`end` excluded) and seconds east of UTC."""

    start: int
    end: int
    offset: int


class _Change(NamedTuple):
    """The day of a yearly change: the n-th weekday of a month (5: the last one), and the local second of that day."""

    month: int
    week: int
    weekday: int
    second: int


class _Zone(NamedTuple):
    """Offsets from listed times on, then two that alternate yearly if there are changes."""

    times: tuple[int, ...]
    offsets: tuple[int, ...]
    """One more than `times`: the first holds before all of them."""
    standard: int
    summer: int
    changes: tuple[_Change, _Change] | None


FOREVER = 2**62
"""The end of a period that has none."""

_RULE = re.compile(
    r"(?:<[^>]+>|[A-Za-z]+)([-+]?[\d:]+)(?:(?:<[^>]+>|[A-Za-z]+)([-+]?[\d:]+)?,M([\d.]+)(?:/(-?[\d:]+))?,M([\d.]+)(?:/(-?[\d:]+))?)?",
    re.ASCII,
)
_HOUR = 3600


def is_zone(name: str) -> bool:
    """Whether there is a zone of this name, such as "Europe/Stockholm" or "UTC"."""
    return name in ZONES


def periods(name: str, since: int) -> Iterator[Period]:
    """The periods of a zone without gaps, beginning at `since`, in seconds since 1970; without end."""
    return periods_of(ZONES[name], since)


def periods_of(line: str, since: int) -> Iterator[Period]:
    """The periods that a line of the table stands for.

    Raises:
        ValueError: it is no such line.

    """
    zone = _zone(line)
    place = bisect_right(zone.times, since)
    while place < len(zone.times):
        yield Period(since, zone.times[place], zone.offsets[place])
        since = zone.times[place]
        place += 1
    if zone.changes is None:
        yield Period(since, FOREVER, zone.standard)
        return
    year, offset = datetime.fromtimestamp(since, UTC).year - 1, zone.standard
    while True:
        for time, following in _changes(zone, zone.changes, year):
            if time > since:
                yield Period(since, time, offset)
                since = time
            offset = following
        year += 1


def _changes(zone: _Zone, changes: tuple[_Change, _Change], year: int) -> list[tuple[int, int]]:
    """The changes of a year in order: when, and the offset that holds then."""
    to_summer, to_standard = changes
    return sorted(
        [
            (_time(to_summer, year) - zone.standard, zone.summer),
            (_time(to_standard, year) - zone.summer, zone.standard),
        ]
    )


def _time(change: _Change, year: int) -> int:
    """When a change comes in a year by the clock on the wall, as if that clock showed UTC."""
    first = datetime(year, change.month, 1, tzinfo=UTC)
    day = first + timedelta(days=(change.weekday - first.isoweekday()) % 7 + 7 * (change.week - 1))
    if day.month != change.month:
        day -= timedelta(days=7)
    return int(day.timestamp()) + change.second


@lru_cache(maxsize=256)
def _zone(text: str) -> _Zone:
    """Read a line of the table: `offset time=offset … RULE`, the rule being that of POSIX."""
    *listed, rule = text.split()
    times = tuple(60 * int(each.partition("=")[0]) for each in listed[1:])
    offsets = tuple(60 * int(each.rpartition("=")[2]) for each in listed)
    match = _RULE.fullmatch(rule)
    if match is None:
        raise ValueError(f"{rule!r} is no rule of a time zone")
    standard, summer, spring, spring_time, autumn, autumn_time = match.groups()
    east = -_seconds(standard)
    if spring is None:
        return _Zone(times, offsets, east, east, None)
    changes = (_change(spring, spring_time), _change(autumn, autumn_time))
    return _Zone(times, offsets, east, east + _HOUR if summer is None else -_seconds(summer), changes)


def _change(day: str, time: str | None) -> _Change:
    month, week, weekday = map(int, day.split("."))
    return _Change(month, week, weekday, 2 * _HOUR if time is None else _seconds(time))


def _seconds(text: str) -> int:
    """The seconds that `h`, `h:mm` or `h:mm:ss` stand for, with a sign."""
    sign = -1 if text.startswith("-") else 1
    hours, minutes = [*map(int, text.lstrip("+-").split(":")), 0][:2]
    return sign * (_HOUR * hours + 60 * minutes)
