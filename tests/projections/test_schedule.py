"""Cron expressions: what is accepted, and when it matches next (crons-generators.md section 1.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from colonyledger.wire import SECOND, instant
from hypothesis import given
from hypothesis import strategies as st

from projections.event import Refusal
from projections.limits import MAX_INTERVAL_SECONDS
from projections.schedule import Delay, Pattern, parse

START = "2026-02-27T12:34:56.789Z"


def after(expression: str, start: str = START, zone: str = "UTC", count: int = 1) -> list[str]:
    """The first times after `start` as an expression gives them, until there is none."""
    now = round(datetime.fromisoformat(start).timestamp() * 1000) * 1_000_000
    found = []
    for _ in range(count):
        now = parse(expression).next(now, zone)
        found.append(instant(now).strftime("%Y-%m-%dT%H:%M:%SZ") if now else "")
    return found


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("* * * * * *", ["2026-02-27T12:34:57Z", "2026-02-27T12:34:58Z"]),
        ("? ? ? ? ? ?", ["2026-02-27T12:34:57Z", "2026-02-27T12:34:58Z"]),
        ("0/5 * * * * *", ["2026-02-27T12:35:00Z", "2026-02-27T12:35:05Z"]),
        ("57/2 * * * * *", ["2026-02-27T12:34:57Z", "2026-02-27T12:34:59Z", "2026-02-27T12:35:57Z"]),
        ("*/25 * * * * *", ["2026-02-27T12:35:00Z", "2026-02-27T12:35:25Z", "2026-02-27T12:35:50Z"]),
        ("5,1,5,3-4 * * * * *", ["2026-02-27T12:35:01Z", "2026-02-27T12:35:03Z", "2026-02-27T12:35:04Z"]),
        ("10-30/10 0 * * * *", ["2026-02-27T13:00:10Z", "2026-02-27T13:00:20Z", "2026-02-27T13:00:30Z"]),
        ("0 0 8 * * *", ["2026-02-28T08:00:00Z", "2026-03-01T08:00:00Z"]),
        ("0 30 12,13 * * *", ["2026-02-27T13:30:00Z", "2026-02-28T12:30:00Z"]),
        ("0 34 12 * * *", ["2026-02-28T12:34:00Z"]),
        ("50,58 34 12 * * *", ["2026-02-27T12:34:58Z", "2026-02-28T12:34:50Z"]),
        ("50 34,35 12 * * *", ["2026-02-27T12:35:50Z", "2026-02-28T12:34:50Z"]),
        ("0 0 0 1 * *", ["2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"]),
        ("0 0 0 31 * *", ["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"]),
        ("0 0 0 1 1 *", ["2027-01-01T00:00:00Z"]),
        ("0 0 0 * DEC *", ["2026-12-01T00:00:00Z"]),
        ("0 0 0 29 feb *", ["2028-02-29T00:00:00Z"]),
        ("0 0 12 * * mon-FRI", ["2026-03-02T12:00:00Z", "2026-03-03T12:00:00Z"]),
        ("0 0 12 * * 0", ["2026-03-01T12:00:00Z", "2026-03-08T12:00:00Z"]),
        ("0 0 0 13 * 5", ["2026-03-06T00:00:00Z", "2026-03-13T00:00:00Z", "2026-03-20T00:00:00Z"]),
        ("0 0 0 15 * mon", ["2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z", "2026-03-15T00:00:00Z"]),
        ("0 0 0 */1 * sun", ["2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z"]),
        ("0 0 0 */20 * sun", ["2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z", "2026-03-15T00:00:00Z"]),
        ("0 0 0 10 * ?", ["2026-03-10T00:00:00Z", "2026-04-10T00:00:00Z"]),
        ("+5 0 0 1 1 ?", ["2027-01-01T00:00:05Z"]),
        ("5/99 0 0 1 1 ?", ["2027-01-01T00:00:05Z", "2028-01-01T00:00:05Z"]),
        ("  0\t0 0  1 1 *  ", ["2027-01-01T00:00:00Z"]),
        ("@yearly", ["2027-01-01T00:00:00Z"]),
        ("@annually", ["2027-01-01T00:00:00Z"]),
        ("@monthly", ["2026-03-01T00:00:00Z"]),
        ("@weekly", ["2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z"]),
        ("@daily", ["2026-02-28T00:00:00Z"]),
        ("@midnight", ["2026-02-28T00:00:00Z"]),
        ("@hourly", ["2026-02-27T13:00:00Z"]),
        ("@every 10s", ["2026-02-27T12:35:06Z", "2026-02-27T12:35:16Z"]),
        ("@every 1h30m", ["2026-02-27T14:04:56Z"]),
        ("@every 1.5h", ["2026-02-27T14:04:56Z"]),
        ("@every .5m", ["2026-02-27T12:35:26Z"]),
        ("@every 2500ms", ["2026-02-27T12:34:58Z"]),
        ("@every 500ms", ["2026-02-27T12:34:57Z"]),
        ("@every 3000000us1000000µs1000000μs1000000000ns", ["2026-02-27T12:35:02Z"]),
        ("@every -1h", ["2026-02-27T12:34:57Z"]),
        ("TZ=America/New_York 0 0 8 * * *", ["2026-02-27T13:00:00Z"]),
        ("CRON_TZ=Asia/Tokyo  @midnight", ["2026-02-27T15:00:00Z"]),
        ("TZ=Asia/Kolkata 0 30 0 * * *", ["2026-02-27T19:00:00Z"]),
    ],
)
def test_matches(expression: str, times: list[str]) -> None:
    assert after(expression, count=len(times)) == times


@pytest.mark.parametrize(
    ("zone", "expression", "start", "times"),
    [
        (
            "Europe/Stockholm",
            "0 0 8 * * *",
            "2026-03-28T00:00:00Z",
            ["2026-03-28T07:00:00Z", "2026-03-29T06:00:00Z"],
        ),
        # The clock goes from 02:00 to 03:00: what is skipped does not match that day.
        ("Europe/Stockholm", "0 30 2 * * *", "2026-03-28T12:00:00Z", ["2026-03-30T00:30:00Z"]),
        ("Europe/Stockholm", "0 */20 * * * *", "2026-03-29T00:45:00Z", ["2026-03-29T01:00:00Z"]),
        # The clock goes from 03:00 back to 02:00: what it shows twice matches twice.
        (
            "Europe/Stockholm",
            "0 30 2 * * *",
            "2026-10-24T12:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
        ),
        ("Africa/Cairo", "0 0 0 24 4 *", "2026-01-01T00:00:00Z", ["2027-04-23T22:00:00Z"]),
        ("Asia/Tokyo", "TZ=UTC 0 0 8 * * *", "2026-01-01T00:00:00Z", ["2026-01-01T08:00:00Z"]),
        ("Asia/Tokyo", "@every 1h", "2026-01-01T00:00:00Z", ["2026-01-01T01:00:00Z"]),
        ("Asia/Kolkata", "@hourly", "2026-01-01T00:00:00Z", ["2026-01-01T00:30:00Z"]),
    ],
)
def test_zones(zone: str, expression: str, start: str, times: list[str]) -> None:
    assert after(expression, start, zone, len(times)) == times


@pytest.mark.parametrize("zone", ["UTC", "Europe/Stockholm"])
@pytest.mark.parametrize(
    "expression",
    [
        "0 0 0 30 2 *",
        "0 0 0 31 4,6,9,11 *",
        ", * * * * *",
        "* , * * * *",
        "* * , * * *",
        "* * * , * *",
        "* * * * , *",
    ],
)
def test_what_never_matches(expression: str, zone: str) -> None:
    assert after(expression, zone=zone) == [""]


def test_a_match_is_looked_for_in_five_years() -> None:
    assert after("0 0 0 29 2 *", "2096-03-01T00:00:00Z") == [""]
    assert after("0 0 0 29 2 *", "2099-01-01T00:00:00Z") == ["2104-02-29T00:00:00Z"]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "empty cron expression string"),
        (" ", "expected exactly 6 fields, found 0: []"),
        ("* * * * *", "expected exactly 6 fields, found 5: [* * * * *]"),
        ("* * * * * * *", "expected exactly 6 fields, found 7: [* * * * * * *]"),
        ("60 * * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 24 * * *", "end of range (24) above maximum (23): 24"),
        ("* * * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* * * * 13 *", "end of range (13) above maximum (12): 13"),
        ("* * * * * 7", "end of range (7) above maximum (6): 7"),
        ("5-3 * * * * *", "beginning of range (5) beyond end of range (3): 5-3"),
        ("*/0 * * * * *", "step of range should be a positive number: */0"),
        ("1/2/3 * * * * *", "too many slashes: 1/2/3"),
        ("1-2-3 * * * * *", "too many hyphens: 1-2-3"),
        ("x * * * * *", "failed to parse int from x"),
        ("-5 * * * * *", "failed to parse int from "),
        ("1- * * * * *", "failed to parse int from "),
        ("*/-5 * * * * *", "failed to parse int from -5"),
        ("1_0 * * * * *", "failed to parse int from 1_0"),
        ("٣ * * * * *", "failed to parse int from ٣"),
        ("9999999999 * * * * *", "failed to parse int from 9999999999"),
        ("* * * * * monday", "failed to parse int from monday"),
        ("* * * mon * *", "failed to parse int from mon"),
        ("TZ=Mars/Olympus * * * * * *", "provided bad location Mars/Olympus: unknown time zone Mars/Olympus"),
        ("TZ=UTC", "expected exactly 6 fields, found 0: []"),
        ("TZ=", "provided bad location : unknown time zone "),
        ("@reboot", "unrecognized descriptor: @reboot"),
        ("@every", "unrecognized descriptor: @every"),
        ("@every soon", "failed to parse duration @every soon"),
        ("@every 5", "failed to parse duration @every 5"),
        ("@every h", "failed to parse duration @every h"),
        ("@every 1000000h", f"longer than {MAX_INTERVAL_SECONDS} s"),
    ],
)
def test_what_is_refused(expression: str, reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(expression)
    assert refused.value.status == 400
    assert reason in refused.value.message


def test_an_expression_is_read_as_what_it_is() -> None:
    assert parse("@every 5m") == Delay(300)
    assert parse("CRON_TZ=UTC @weekly") == Pattern(
        [0], [0], [0], list(range(1, 32)), list(range(1, 13)), [0], False, "UTC"
    )
    assert parse("1 2 3 4 5 6") == Pattern([1], [2], [3], [4], [5], [6], True, "")


FIELDS = (
    st.sampled_from(["*", "0", "*/20", "30-40", "59"]),
    st.sampled_from(["*", "0", "*/20", "30-40/3", "59"]),
    st.sampled_from(["*", "0", "2", "1-3", "*/7", "23"]),
    st.sampled_from(["*", "1", "*/9", "29-31"]),
    st.sampled_from(["*", "3", "3,10", "2"]),
    st.sampled_from(["*", "0", "mon-wed", "*/3"]),
)


@given(
    st.tuples(*FIELDS),
    st.sampled_from(["UTC", "Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"]),
    st.integers(0, 2 * 365 * 86_400).map(
        lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
)
def test_no_earlier_second_matches(fields: tuple[str, ...], zone: str, start: datetime) -> None:
    """Against a clock on the wall that is read minute by minute, for two days at most."""
    pattern = parse(" ".join(fields))
    assert isinstance(pattern, Pattern)
    found = pattern.next(round(start.timestamp()) * SECOND, zone)
    horizon = start + timedelta(days=2)
    expected = first_match(pattern, start, horizon, ZoneInfo(zone))
    if expected is None:
        assert found == 0 or instant(found) >= horizon
    else:
        assert instant(found) == expected


def first_match(pattern: Pattern, start: datetime, horizon: datetime, zone: ZoneInfo) -> datetime | None:
    minute = start.replace(second=0)
    while minute < horizon:
        shown = minute.astimezone(zone)
        day, weekday = shown.day in pattern.day, shown.isoweekday() % 7 in pattern.weekday
        if (
            shown.minute in pattern.minute
            and shown.hour in pattern.hour
            and shown.month in pattern.month
            and ((day or weekday) if pattern.either_day else (day and weekday))
        ):
            seconds = [minute + timedelta(seconds=second) for second in pattern.second]
            later = [second for second in seconds if second > start]
            if later:
                return later[0]
        minute += timedelta(minutes=1)
    return None
