"""Cron expressions: what they mean and when they match next (protocol: crons-generators.md section 1.3)."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import NamedTuple

from colonyledger.wire import SECOND

from projections.event import Refusal
from projections.limits import MAX_INTERVAL_SECONDS
from projections.zones import is_zone, periods

__all__ = ["Delay", "Pattern", "parse"]

_YEARS = 5
"""How many years ahead a match is looked for."""


class Delay(NamedTuple):
    """Every so many seconds."""

    seconds: int

    def next(self, now: int, zone: str) -> int:
        """The whole second that is `seconds` after the one of `now`; both in nanoseconds since 1970."""
        return (now // SECOND + self.seconds) * SECOND


class Pattern(NamedTuple):
    """The seconds that show certain values on the clock of a zone; each field is in ascending order."""

    second: Sequence[int]
    minute: Sequence[int]
    hour: Sequence[int]
    day: Sequence[int]
    month: Sequence[int]
    weekday: Sequence[int]
    either_day: bool
    """Whether it is enough that the day of the month or the day of the week matches."""
    zone: str
    """Empty for the zone that the server has."""

    def next(self, now: int, zone: str) -> int:
        """The first matching second after `now`, 0 if there is none in five years; in nanoseconds since 1970.

        Seconds that the clock skips never match, and those that it shows twice match twice. `zone`
        is the one that the server has.
        """
        start = now // SECOND + 1
        limit = _midnight(datetime.fromtimestamp(start, UTC).year + _YEARS + 1, 1)
        within = takewhile(lambda period: period.start < limit, periods(self.zone or zone, start))
        for offset, begin, end in (
            (period.offset, period.start, min(period.end, limit)) for period in within
        ):
            found = self._first(begin + offset, end + offset)
            if found is not None:
                return (found - offset) * SECOND
        return 0

    def _first(self, start: int, end: int) -> int | None:
        """The first match from `start` on and before `end` by a clock without changes; in seconds since 1970."""
        if not self.second or not self.minute or not self.hour:
            return None
        begin = datetime.fromtimestamp(start, UTC)
        clock = (begin.hour, begin.minute, begin.second)
        midnight = _midnight(begin.year, begin.month) + (begin.day - 1) * _DAY
        while midnight < end:
            day = datetime.fromtimestamp(midnight, UTC)
            if day.month not in self.month:
                midnight = _midnight(day.year + day.month // 12, day.month % 12 + 1)
            else:
                time = self._time(*clock) if self._is_day(day) else None
                if time is not None:
                    return midnight + time if midnight + time < end else None
                midnight += _DAY
            clock = (0, 0, 0)
        return None

    def _is_day(self, day: datetime) -> bool:
        of_month, of_week = day.day in self.day, day.isoweekday() % 7 in self.weekday
        return of_month or of_week if self.either_day else of_month and of_week

    def _time(self, hour: int, minute: int, second: int) -> int | None:
        """The first matching second of a day at a time or later."""
        for at_hour in self.hour[bisect_left(self.hour, hour) :]:
            if at_hour > hour:
                return _second_of_day(at_hour, self.minute[0], self.second[0])
            for at_minute in self.minute[bisect_left(self.minute, minute) :]:
                if at_minute > minute:
                    return _second_of_day(at_hour, at_minute, self.second[0])
                if second <= self.second[-1]:
                    return _second_of_day(at_hour, at_minute, self.second[bisect_left(self.second, second)])
        return None


_DAY = 86_400


def _midnight(year: int, month: int) -> int:
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp())


def _second_of_day(hour: int, minute: int, second: int) -> int:
    return 3600 * hour + 60 * minute + second


class _Field(NamedTuple):
    """The values that one field of an expression may have."""

    lowest: int
    highest: int
    names: Mapping[str, int] = {}


_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = {name: place for place, name in enumerate(_MONTH_NAMES, 1)}
_WEEKDAYS = {name: place for place, name in enumerate(_WEEKDAY_NAMES)}
_FIELDS = (
    _Field(0, 59),
    _Field(0, 59),
    _Field(0, 23),
    _Field(1, 31),
    _Field(1, 12, _MONTHS),
    _Field(0, 6, _WEEKDAYS),
)

_NAMED = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_EVERY = "@every "
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S*)\s*", re.ASCII)
_NUMBER = re.compile(r"\+?\d{1,9}", re.ASCII)
_DURATION = re.compile(r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+", re.ASCII)
_PART = re.compile(r"(\d*)\.?(\d*)([a-zµμ]+)", re.ASCII)
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": SECOND,
    "m": 60 * SECOND,
    "h": 3600 * SECOND,
}


def parse(expression: str) -> Pattern | Delay:
    """Read a cron expression.

    Raises:
        Refusal: 400, with what is wrong with it.

    """
    if not expression:
        raise Refusal(400, "empty cron expression string")
    zone = ""
    prefix = _ZONE.match(expression)
    if prefix is not None:
        zone, expression = prefix[1], expression[prefix.end() :].strip()
        if not is_zone(zone):
            raise Refusal(400, f"provided bad location {zone}: unknown time zone {zone}")
    if expression.startswith(_EVERY):
        return Delay(_duration(expression))
    if expression.startswith("@"):
        if expression not in _NAMED:
            raise Refusal(400, f"unrecognized descriptor: {expression}")
        expression = _NAMED[expression]
    texts = expression.split()
    if len(texts) != len(_FIELDS):
        raise Refusal(400, f"expected exactly {len(_FIELDS)} fields, found {len(texts)}: [{' '.join(texts)}]")
    second, minute, hour, day, month, weekday = map(_values, texts, _FIELDS)
    return Pattern(
        second.chosen,
        minute.chosen,
        hour.chosen,
        day.chosen,
        month.chosen,
        weekday.chosen,
        not (day.star or weekday.star),
        zone,
    )


class _Values(NamedTuple):
    """The values that a field's text stands for, and whether one of its terms is a bare star."""

    chosen: Sequence[int]
    star: bool


def _values(text: str, field: _Field) -> _Values:
    chosen: dict[int, None] = {}
    star = False
    for term in filter(None, text.split(",")):
        values, is_star = _term(term, field)
        chosen.update(dict.fromkeys(values))
        star = star or is_star
    return _Values(sorted(chosen), star)


def _term(term: str, field: _Field) -> tuple[range, bool]:
    bounds, *steps = term.split("/")
    first, *last = bounds.split("-")
    if len(steps) > 1:
        raise Refusal(400, f"too many slashes: {term}")
    star = first in ("*", "?")
    if star:
        low, high = field.lowest, field.highest
    elif len(last) > 1:
        raise Refusal(400, f"too many hyphens: {term}")
    else:
        low = _number(first, field.names)
        high = _number(last[0], field.names) if last else field.highest if steps else low
    step = _number(steps[0]) if steps else 1
    if low < field.lowest:
        raise Refusal(400, f"beginning of range ({low}) below minimum ({field.lowest}): {term}")
    if high > field.highest:
        raise Refusal(400, f"end of range ({high}) above maximum ({field.highest}): {term}")
    if low > high:
        raise Refusal(400, f"beginning of range ({low}) beyond end of range ({high}): {term}")
    if step == 0:
        raise Refusal(400, f"step of range should be a positive number: {term}")
    return range(low, high + 1, step), star and step == 1


def _number(text: str, names: Mapping[str, int] | None = None) -> int:
    if names is not None and text.lower() in names:
        return names[text.lower()]
    if _NUMBER.fullmatch(text) is None:
        raise Refusal(400, f"failed to parse int from {text}: it is not a number that can stand there")
    return int(text)


def _duration(expression: str) -> int:
    """The whole seconds of `@every 1h30m`, at least one."""
    text = expression.removeprefix(_EVERY)
    if _DURATION.fullmatch(text) is None:
        raise Refusal(400, f"failed to parse duration {expression}: it is not a duration such as 1h30m")
    total = 0
    for whole, part, unit in _PART.findall(text):
        total += int(whole or 0) * _UNITS[unit] + int(part or 0) * _UNITS[unit] // 10 ** len(part)
    seconds = total // SECOND
    if seconds > MAX_INTERVAL_SECONDS:
        raise Refusal(400, f"failed to parse duration {expression}: longer than {MAX_INTERVAL_SECONDS} s")
    return 1 if text.startswith("-") else max(seconds, 1)
